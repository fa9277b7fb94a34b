"""What training has seen, and what chose its weights: traps 24 to 27."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from pydantic import ValidationError
from tests.cells.made import cell_table
from tests.traps.by_hand import Treated, at, one_cell_each, records_of

from phenovae.base.errors import InputError
from phenovae.base.files import write_json
from phenovae.base.tables import write_table
from phenovae.cells.sampling import SamplingOptions, sampling_weights
from phenovae.cells.splits import SPLITS, SplitOptions, make_splits, split_hash
from phenovae.cells.view import ViewOptions, fit_view
from phenovae.evaluate.probe_records import evaluate_probe
from phenovae.evaluate.protocol import load_protocol
from phenovae.evaluate.provenance import Training
from phenovae.evaluate.scores import Told, column_of
from phenovae.evaluate.together import Asked, score_together
from phenovae.evaluate.variants import with_regularization
from phenovae.pipeline.config import Config
from phenovae.pipeline.stages.features import scored_rows, training_of


def store_table(wells: int = 12, per_well: int = 4) -> pd.DataFrame:
    """Cells of many wells, no two with the same treatment."""
    tables = [
        cell_table(
            per_well, Metadata_Well=f"B{well + 1:02d}", Metadata_Field=f"B{well + 1:02d}_s1_w1X",
            Metadata_Compound=f"c{well}", Metadata_Concentration=1.0, Metadata_Role="treatment",
            Metadata_MoA=f"m{well % 3}",
        )
        for well in range(wells)
    ]  # fmt: skip
    return pd.concat(tables, ignore_index=True).assign(Quality_Flag="")


def test_cells_of_one_well_are_all_on_one_side() -> None:
    """Trap 24: split cell by cell, a model is tested on neighbours of what it was trained on."""
    cells = store_table()
    splits = make_splits(cells, SplitOptions(validation=0.25, test=0.25), 0)
    assert set(splits["Split"]) == {"train", "validation", "test"}
    sides = splits["Split"].groupby(cells["Metadata_Well"]).nunique()
    assert sides.tolist() == [1] * 12


def trained_run(folder: Path, cells: pd.DataFrame) -> pd.DataFrame:
    """A run's splits, and the card of a model that was trained with them."""
    splits = make_splits(cells, SplitOptions(validation=0.25), 0)
    write_table(splits, folder / "splits.parquet", SPLITS)
    (folder / "model").mkdir()
    card = {
        "origin": {"split_hash": split_hash(splits)}, "summary": {"kept_by": "validation ELBO"}
    }  # fmt: skip
    write_json(folder / "model" / "model.json", card)
    return splits


def test_a_model_of_other_splits_than_the_runs_is_not_scored(tmp_path: Path) -> None:
    """Trap 24: what was held out of training is known by the hash of the splits alone."""
    cells = store_table()
    splits = trained_run(tmp_path, cells)
    side = Config.model_validate({"evaluate": {"cells": "validation"}})
    held_out = splits["Split"] == "validation"
    assert np.array_equal(scored_rows(tmp_path, cells, side), held_out)
    swapped = splits.assign(Split=splits["Split"].replace("validation", "train"))
    write_table(swapped, tmp_path / "splits.parquet", SPLITS)
    with pytest.raises(InputError, match="trained with other splits than this run's"):
        scored_rows(tmp_path, cells, side)
    torn = splits.assign(Split=["test", *splits["Split"][1:]])
    write_table(torn, tmp_path / "splits.parquet", SPLITS)
    with pytest.raises(InputError, match="on 2 sides of the split"):
        scored_rows(tmp_path, cells, side)


FOUR: list[Treated] = [
    ("a", 1, "X", "W1_1"), ("b", 1, "X", "W2_1"), ("c", 1, "Y", "W1_2"), ("d", 1, "Y", "W2_2"),
]  # fmt: skip


def test_every_record_says_what_training_saw_or_that_it_is_not_stated() -> None:
    """Trap 25: a score of what was trained on is usual, and must be told to be one."""
    world = one_cell_each(FOUR, at(0, 1, 90, 91))
    # A protocol that wants controls is not applied here, and its records say as much.
    silent = score_together([Asked(world, load_protocol("cells-mean"))], seed=0, draws=20).records
    silent += [*records_of(world).values(), evaluate_probe(world, seed=0, draws=20)]
    assert {str(record["metric"]) for record in silent} == {"NSC", "NSCB", "probe"}
    for record in silent:
        assert record["track"] == "training not stated"
        training = record["training"]
        assert isinstance(training, dict)
        assert training["scored_cells_seen"] is None
    told = Told(training=Training("none", scored_cells_seen=True, chosen_by="validation ELBO"))
    said = score_together([Asked(world, load_protocol("seed"), told)], seed=0, draws=20).records
    assert [(record["metric"], record["track"]) for record in said] == [
        ("NSC", "label-free"), ("NSC mAP", "label-free"),
    ]  # fmt: skip
    assert "scored cells seen" in told.training.text


def test_a_run_states_whether_its_scored_cells_and_compounds_were_trained_on(
    tmp_path: Path,
) -> None:
    """Trap 25: the statement follows from the splits and the side that is scored."""
    splits = trained_run(tmp_path, store_table())
    found = {
        (side, by): training_of(
            tmp_path, Config.model_validate({"evaluate": {"cells": side}, "split": {"by": by}})
        )
        for side, by in (("all", "well"), ("validation", "well"), ("test", "compound"))
    }
    seen = {key: (each.scored_cells_seen, each.compounds_seen) for key, each in found.items()}
    assert seen == {
        ("all", "well"): (True, True), ("validation", "well"): (False, True),
        ("test", "compound"): (False, False),
    }  # fmt: skip
    assert {each.split_hash for each in found.values()} == {split_hash(splits)}


@dataclass(frozen=True)
class Store:
    """Crops whose table has what it has."""

    table: pd.DataFrame
    channels: tuple[str, ...] = ("DAPI",)
    crop_size: tuple[int, int] = (8, 8)

    def read(self, rows: npt.ArrayLike) -> npt.NDArray[np.uint16]:
        chosen = np.asarray(rows, np.int64)
        ramp = np.arange(64, dtype=np.uint16).reshape(1, 1, 8, 8)
        return np.asarray(ramp + chosen[:, None, None, None], np.uint16)


def test_training_gets_its_images_from_a_table_without_mechanisms() -> None:
    """Trap 26: nothing on the way to the loss reads the mechanism, so it works where none is."""
    from phenovae.vae.data import StoreImages

    without = store_table().drop(columns="Metadata_MoA")
    splits = make_splits(without, SplitOptions(validation=0.25), 0)
    rows = np.flatnonzero(splits["Split"] == "train")
    for balance in ("none", "role", "treatment"):
        weights = sampling_weights(without, rows, SamplingOptions(balance=balance))
        assert weights.sum() == pytest.approx(1)
    store = Store(without)
    images = StoreImages(store, fit_view(store, rows, ViewOptions(size=8), 0))
    assert images.images(rows[:3]).shape == (3, 1, 8, 8)
    # Nor the compound: of a batch the loss sees pixels, and names of files where it fails.
    bare = Store(without.drop(columns=["Metadata_Compound", "Metadata_Concentration"]))
    assert StoreImages(bare, fit_view(store, rows, ViewOptions(size=8), 0)).names(rows[:1])


def test_mechanisms_cannot_be_asked_for_in_training_and_labels_have_a_track_of_their_own() -> None:
    """Trap 26: trained on mechanisms a score of 1.00 is no result, and shares no column."""
    with pytest.raises(ValidationError):
        SplitOptions.model_validate({"stratify": "mechanism"})
    with pytest.raises(ValidationError):
        SamplingOptions.model_validate({"balance": "mechanism"})
    world = one_cell_each(FOUR, at(0, 1, 90, 91))
    records = [
        records_of(world, told=Told(training=Training(labels)))["NSC"]
        for labels in ("none", "treatment", "mechanism")
    ]
    assert [record["track"] for record in records] == [
        "label-free", "weakly supervised (treatment labels)", "trained on mechanisms",
    ]  # fmt: skip
    with pytest.raises(InputError, match="scores of the tracks"):
        column_of(records[:2])


class Ramps:
    """Images that differ in their brightness."""

    channels = ("DAPI",)
    shape = (1, 16, 16)

    def images(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        grey = (rows % 8 + 1).astype(np.float32) / 9
        return np.asarray(np.tile(grey[:, None, None, None], (1, 1, 16, 16)), np.float32)

    def names(self, rows: npt.NDArray[np.int64]) -> list[str]:
        return [str(row) for row in rows]


@pytest.mark.parametrize(("elbos", "kept"), [((-9.0, -3.0, -5.0), 2), ((-1.0, -2.0, -3.0), 1)])
def test_the_kept_epoch_is_that_of_the_best_validation_elbo(
    elbos: tuple[float, ...], kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trap 27: the best NSC of many epochs is found by looking; the ELBO knows no mechanism."""
    from dataclasses import replace

    from phenovae.vae import trainer, training, validation
    from phenovae.vae.model_files import Recipe

    waiting = list(elbos)

    def measure(*given: object, **named: object) -> object:
        found = validation.measure(*given, **named)  # type: ignore[arg-type]
        return replace(found, nll=-waiting.pop(0) - float(found.kl_per_dimension.sum()))

    monkeypatch.setattr(trainer, "measure", measure)
    recipe = Recipe.model_validate(
        {
            "model": {"size": "small", "latent": 2, "likelihood": {"sigma": 0.3}},
            "train": {"epochs": 3, "batch": 8, "device": "cpu"},
        }
    )
    rows = np.arange(8, dtype=np.int64)
    summary = training.train(Ramps(), rows, rows + 8, recipe, tmp_path, seed=1)
    assert (summary.kept_epoch, summary.kept_by) == (kept, "validation ELBO")
    assert math.isclose(summary.elbo, elbos[kept - 1])


def test_scores_of_another_lambda_share_no_column() -> None:
    """Trap 27: a λ that was looked for is named in the score, so that no scan hides in a column."""
    world = one_cell_each(FOUR, at(0, 1, 90, 91))
    protocol = load_protocol("seed")
    plain = records_of(world, protocol)["NSC"]
    other = records_of(world, protocol, Told(with_regularization(
        load_protocol("caicedo2018"), 0.1, None)[1]))["NSC"]  # fmt: skip
    assert other["variant"] == "λ=0.1"
    with pytest.raises(InputError, match="share no column"):
        column_of([plain, other])
