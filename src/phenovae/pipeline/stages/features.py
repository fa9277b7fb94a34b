"""What a run's scores compare: the model's embedding and the baselines, of the cells asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.base.files import read_json
from phenovae.base.tables import column_names, read_table
from phenovae.cells.refusals import ERRORS
from phenovae.cells.splits import read_splits, split_hash
from phenovae.cells.table import CELL_METADATA, EMBEDDINGS
from phenovae.evaluate.baselines import BACKBONE, cell_count_features
from phenovae.evaluate.provenance import Labels, Training
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.profiles.feature_file import FeatureFile
from phenovae.profiles.features import (
    Features,
    FeatureTable,
    check_columns,
    check_finite,
    feature_table,
)
from phenovae.profiles.sources import read_parquet
from phenovae.screen.sites import SITES
from phenovae.vae.file_names import CARD
from phenovae.vae.objective_options import WELLS

MODEL = "model"
_FILES = {MODEL: paths.EMBEDDINGS, BACKBONE: paths.BACKBONE}
_IN_MEMORY = 512 << 20
"""Bytes of an embedding that is read in as a whole."""

_REPEATED = (
    "Metadata_Plate", "Metadata_Well", "Metadata_Batch", "Metadata_Compound", "Metadata_MoA",
    "Metadata_Role", "Metadata_Field",
)  # fmt: skip

_CELL = ["Metadata_Plate", "Metadata_Field", "Metadata_Cell"]


def scored_rows(run: Path, cells: pd.DataFrame, config: Config) -> npt.NDArray[np.bool_]:
    """Which rows of the store's table `cells` are scored: unflagged, and of the side asked for.

    Raises InputError where the model, if there is to be one, was trained with other splits than the
    run's, or the side is empty.
    """
    splits = read_splits(run / paths.SPLITS, len(cells))
    if not config.backbone.alone and _hash_of_model(run) != split_hash(splits):
        raise InputError(
            "the model was trained with other splits than this run's",
            where=run / paths.SPLITS,
            mend=f"phenovae train --run {run}",
        )
    rows = (cells["Quality_Flag"] == "").to_numpy(dtype=bool)
    if config.evaluate.cells != "all":
        rows = rows & (splits["Split"] == config.evaluate.cells).to_numpy(dtype=bool)
    if not rows.any():
        raise InputError(
            f"no cell is left to score: evaluate.cells is {config.evaluate.cells}",
            mend=f"set split.{config.evaluate.cells} to a share of the cells, or score all",
        )
    return rows


def model_features(run: Path, cells: pd.DataFrame, rows: npt.NDArray[np.bool_]) -> Features:
    """The model's embedding of these rows of the store's table `cells`; as `embedded_features`."""
    return embedded_features(run, MODEL, cells, rows)


def backbone_features(run: Path, cells: pd.DataFrame, rows: npt.NDArray[np.bool_]) -> Features:
    """What the backbone makes of these rows; as `embedded_features`."""
    return embedded_features(run, BACKBONE, cells, rows)


def embedded_features(
    run: Path, name: str, cells: pd.DataFrame, rows: npt.NDArray[np.bool_]
) -> Features:
    """The embedding `name` of these rows of the store's table `cells`, as features.

    Where it is large it stays on disk, and is read block by block. Raises InputError where the
    embeddings are of other cells than the store's.
    """
    file = _FILES[name]
    path = run / file
    columns = [each for each in column_names(path) if each.startswith("z_")]
    large = len(cells) * len(columns) * 8 > _IN_MEMORY
    frame = read_table(path, EMBEDDINGS, list(CELL_METADATA) if large else None)
    if not frame[_CELL].equals(cells[_CELL]):
        raise InputError(
            f"{file} is of other cells than the store",
            where=run,
            mend=f"phenovae embed --run {run} --again",
        )
    if not large:
        return feature_table(name, frame.loc[rows], columns)
    metadata = frame.loc[rows].reset_index(drop=True)
    for column in _REPEATED:
        metadata[column] = metadata[column].astype("category")
    check_columns(name, [*metadata.columns, *columns], columns, "cell")
    features = FeatureFile(name, read_parquet(path), metadata, tuple(columns), "cell", rows)
    for start, values in features.blocks():
        check_finite(values, metadata.iloc[start : start + len(values)], columns)
    return features


def count_features(run: Path, cells: pd.DataFrame) -> FeatureTable:
    """How many cells every field of a run has, fields that could not be read left out."""
    sites = read_table(run / paths.SITES, SITES)
    lost = set(read_table(run / paths.ERRORS, ERRORS)["File"])
    read = sites.loc[~sites["Metadata_Field"].isin(lost)]
    return cell_count_features(cells, read)


def training_of(run: Path, config: Config) -> Training:
    """What the training of a run's model saw of the cells that are scored.

    Splits by anything but the compound leave every compound on the training side.
    """
    side = config.evaluate.cells
    by_compound = config.split.by == "compound"
    return Training(
        labels=_labels(run),
        scored_cells_seen=side in ("all", "train"),
        compounds_seen=side in ("all", "train") or not by_compound,
        chosen_by=str(_part(_card(run), "summary").get("kept_by", "not stated")),
        split_hash=_hash_of_model(run),
        wells_told=_wells_told(run),
    )


def training_of_backbone(run: Path) -> Training:
    """What the training of a run's backbone saw: other images, of which its weights' file is named.

    That they are others is the word of whoever gave the weights.
    """
    card = read_json(run / paths.BACKBONE_CARD)
    told = card if isinstance(card, Mapping) else {}
    return Training(
        labels="none",
        scored_cells_seen=False,
        compounds_seen=False,
        chosen_by="whoever trained them",
        pretrained=f"{told.get('name')}: weights {told.get('file')}, "
        f"sha256 {str(told.get('sha256'))[:12]}",
    )


def _labels(run: Path) -> Labels:
    """Labels that the training of a run's model saw; models of old say nothing and saw none."""
    found = _card(run).get("labels", "none")
    return "treatment" if found == "treatment" else "compound" if found == "compound" else "none"


def _wells_told(run: Path) -> bool:
    """Whether the loss of a run's model joined the cells of a well."""
    terms = _part(_part(_card(run), "recipe"), "objective").get("terms")
    return isinstance(terms, list | tuple) and WELLS in terms


def _hash_of_model(run: Path) -> str:
    return str(_part(_card(run), "origin").get("split_hash"))


def _card(run: Path) -> Mapping[str, object]:
    card = read_json(run / paths.MODEL / CARD)
    return card if isinstance(card, Mapping) else {}


def _part(card: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = card.get(name)
    return found if isinstance(found, Mapping) else {}
