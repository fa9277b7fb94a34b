"""Stages `split` and `train`: which cells teach, and the model they teach."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.base.files import replace_folder
from phenovae.base.tables import write_table
from phenovae.evaluate.provenance import Training
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.pipeline.stage import Outcome, Stage, Work
from phenovae.vae.file_names import CHECKPOINTS
from phenovae.vae.options import ObjectiveOptions
from phenovae.vae.settled import settled

if TYPE_CHECKING:
    from phenovae.vae.job import Job


def _split(work: Work) -> Outcome:
    from phenovae.cells.splits import SPLITS, make_splits, split_hash
    from phenovae.cells.store import CellStore

    table = CellStore.open(work.run / paths.CELLS).table
    flags = table["Quality_Flag"]
    if (flags != "").all():
        told = ", ".join(f"{count} {flag}" for flag, count in flags.value_counts().items())
        raise InputError(
            f"every one of the {len(table)} cells is flagged, and none is left to train on: {told}",
            where=work.run / paths.CELLS,
            mend="look at them with phenovae inspect; quality.noise_share and quality.contrast say "
            "what is flagged",
        )
    splits = make_splits(table, work.config.split, work.config.seed)
    write_table(splits, work.run / paths.SPLITS, SPLITS)
    counts = splits["Split"].value_counts().sort_index()
    return Outcome(
        {
            "cells": {str(name): int(count) for name, count in counts.items()},
            "hash": split_hash(splits),
        }
    )


def _why_not(work: Work) -> str | None:
    """Why there is nothing to learn: all usable cells had one and the same treatment."""
    from phenovae.cells.store import CellStore
    from phenovae.screen.design import treatment_text

    if work.config.split.one_treatment:
        return None
    table = CellStore.open(work.run / paths.CELLS).table
    usable = table.loc[table["Quality_Flag"] == ""]
    found = usable[["Metadata_Compound", "Metadata_Concentration"]].drop_duplicates()
    if len(found) != 1:
        return None
    name = treatment_text(*found.iloc[0])
    fields = usable["Metadata_Field"].nunique()
    return (
        f"all {len(usable)} cells, of {fields} field{'s' if fields > 1 else ''}, had one treatment "
        f"({name}): there is nothing to tell apart"
    )


def training_job(run: Path, config: Config, *, resume: bool = True) -> Job:
    """The training of a run, as every machine that takes part has it.

    Raises InputError where the cells or splits of the run are not there.
    """
    from phenovae.cells.sampling import sampling_weights
    from phenovae.cells.splits import TRAIN as TRAIN_SIDE
    from phenovae.cells.splits import VALIDATION, read_splits, split_hash
    from phenovae.cells.store import CellStore
    from phenovae.cells.view import fit_view
    from phenovae.vae.data import StoreImages
    from phenovae.vae.job import Job
    from phenovae.vae.model_files import Origin, Recipe

    store = CellStore.open(run / paths.CELLS)
    splits = read_splits(run / paths.SPLITS, len(store))
    side = splits["Split"].to_numpy(dtype=object)
    rows = np.flatnonzero(side == TRAIN_SIDE)
    view = fit_view(store, rows, config.view, config.seed)
    weights = (
        None
        if config.sampling.balance == "none"
        else sampling_weights(store.table, rows, config.sampling)
    )
    numbers, names = pd.factorize(store.table["Metadata_Plate"], sort=True)
    return Job(
        images=StoreImages(store, view),
        rows=rows,
        validation=np.flatnonzero(side == VALIDATION),
        recipe=Recipe(
            model=config.model,
            objective=config.objective,
            augment=config.augment,
            train=config.train,
        ),
        folder=run / f"{paths.MODEL}.partial",
        weights=weights,
        wells=_numbers(store.table, "Metadata_Plate", "Metadata_Well"),
        plates=numbers.astype(np.int64),
        plate_names=tuple(str(name) for name in names),
        groups=_groups(store.table, config.objective),
        per_well=config.sampling.per_well,
        origin=Origin(
            view=view.to_json(),
            split_hash=split_hash(splits),
            store=store.fingerprint(),
            crop_size=store.crop_size,
            dtype=store.card.dtype,
            pixel_size_um=store.pixel_size_um,
        ),
        seed=config.seed,
        resume=resume,
    )


def _train(work: Work) -> Outcome:
    from phenovae.cells.store import CellStore
    from phenovae.cells.view import View
    from phenovae.vae.diagnostics import diagnose
    from phenovae.vae.training import train_job

    config = work.config
    job = training_job(work.run, config, resume=work.resume)
    _keep_checkpoints(work.run / paths.MODEL / CHECKPOINTS, job.folder)
    summary = train_job(job, work.progress, work.meeting)
    diagnose(
        job.folder,
        job.images,
        job.validation if len(job.validation) else job.rows,
        plates=CellStore.open(work.run / paths.CELLS).table["Metadata_Plate"].tolist(),
        device=config.train.device,
        progress=work.progress,
    )
    replace_folder(job.folder, work.run / paths.MODEL)
    scales = View.from_json(job.origin.view).scales.values()
    return Outcome(
        {
            "track": Training(labels=config.objective.labels).track,
            "summary": summary.model_dump(mode="json"),
            "trained_on": len(job.rows),
            "validated_on": len(job.validation),
            "view_sources": sorted({scale.source for scale in scales}),
        }
    )


def _numbers(table: pd.DataFrame, *columns: str) -> npt.NDArray[np.int64]:
    """The number of each row's group by these columns, in the order of their names."""
    numbers: npt.NDArray[np.int64] = (
        table.groupby(list(columns), sort=True).ngroup().to_numpy().astype(np.int64)
    )
    return numbers


def _groups(table: pd.DataFrame, options: ObjectiveOptions) -> npt.NDArray[np.int64] | None:
    """What each cell was treated with, by number; None unless that may be learned from."""
    from phenovae.screen.sites import Role, concentration_key

    if not options.weakly_supervised:
        return None
    chosen = table[["Metadata_Compound"]].astype(str)
    if options.compounds.by == "treatment":
        doses = table["Metadata_Concentration"].map(concentration_key)
        chosen = chosen.assign(Metadata_Concentration=doses)
    controls = (table["Metadata_Role"] == Role.NEGATIVE_CONTROL).to_numpy(dtype=bool)
    numbers: npt.NDArray[np.int64] = (
        chosen.groupby(list(chosen.columns), sort=True, dropna=False)
        .ngroup()
        .to_numpy()
        .astype(np.int64)
    )
    numbers[controls] = -1 if options.compounds.controls == "left-out" else numbers.max() + 1
    return numbers


def _keep_checkpoints(before: Path, unfinished: Path) -> None:
    """Begin from a finished training's checkpoints, so that more epochs need not start anew.

    Those of other settings are told by their fingerprint and left alone.
    """
    if before.is_dir() and not unfinished.exists():
        shutil.copytree(before, unfinished / before.name)


def _training_options(config: Config) -> Mapping[str, object]:
    groups = {"view", "sampling", "model", "objective", "augment", "train"}
    told = config.model_dump(mode="json", include=groups, exclude={"train": {"nodes_wait"}})
    return settled({name: each for name, each in told.items() if name in groups})


SPLIT = Stage(
    name="split",
    version=2,
    needs=("cells",),
    outputs=(paths.SPLITS,),
    options=lambda config: {"split": config.split.model_dump(mode="json")},
    perform=_split,
    why_not=_why_not,
    says="dividing cells into training and validation",
    verb="train",
)

TRAIN = Stage(
    name="train",
    version=6,
    needs=("cells", "split"),
    outputs=(paths.MODEL,),
    options=_training_options,
    perform=_train,
    says="training the model",
    verb="train",
)
