"""Which cells of a run are scored: those of the splits, matched by name, never by row."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.pipeline.runs import call

from phenovae.base.errors import InputError
from phenovae.base.tables import read_table, write_table
from phenovae.cells.splits import SPLITS
from phenovae.cells.store import CellStore
from phenovae.cells.table import EMBEDDINGS
from phenovae.evaluate.protocol import load_protocol
from phenovae.evaluate.scores import evaluate
from phenovae.pipeline.config import Config
from phenovae.pipeline.stages import features
from phenovae.pipeline.stages.features import count_features, model_features, scored_rows
from phenovae.profiles.features import FeatureTable

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def run(crops_run: Path, tmp_path: Path) -> Path:
    """A copy of a whole run."""
    shutil.copytree(crops_run, tmp_path / "run")
    return tmp_path / "run"


def cells_of(run: Path) -> pd.DataFrame:
    return CellStore.open(run / "cells").table


def asked(cells: str) -> Config:
    return Config.model_validate({"evaluate": {"cells": cells}})


def test_all_unflagged_cells_are_scored_or_those_of_one_side(run: Path) -> None:
    splits = read_table(run / "splits.parquet", SPLITS)["Split"]
    every = scored_rows(run, cells_of(run), asked("all"))
    assert every.sum() == (splits != "left-out").sum()
    parts = [scored_rows(run, cells_of(run), asked(side)) for side in ("train", "validation")]
    assert [int(part.sum()) for part in parts] == [
        int((splits == side).sum()) for side in ("train", "validation")
    ]
    assert np.array_equal(parts[0] | parts[1], every)
    assert len(model_features(run, cells_of(run), parts[1]).metadata) == parts[1].sum()


def test_a_side_without_cells_is_refused_and_says_what_to_set(run: Path) -> None:
    with pytest.raises(InputError, match="no cell is left to score") as caught:
        scored_rows(run, cells_of(run), asked("test"))
    assert "split.test" in str(caught.value)


def test_a_model_of_other_splits_is_not_scored(run: Path) -> None:
    splits = read_table(run / "splits.parquet", SPLITS)
    changed = splits.assign(Split=splits["Split"].replace("validation", "train"))
    write_table(changed, run / "splits.parquet", SPLITS)
    with pytest.raises(InputError, match="trained with other splits"):
        scored_rows(run, cells_of(run), asked("all"))


def test_embeddings_in_another_order_or_of_fewer_cells_are_refused(run: Path) -> None:
    rows = scored_rows(run, cells_of(run), asked("all"))
    whole = read_table(run / "embeddings.parquet", EMBEDDINGS)
    for wrong in (whole.iloc[::-1], whole.iloc[:-1]):
        write_table(wrong.reset_index(drop=True), run / "embeddings.parquet", EMBEDDINGS)
        with pytest.raises(InputError, match="of other cells than the store"):
            model_features(run, cells_of(run), rows)


def test_scores_of_one_side_count_its_cells_and_the_report_says_so(run: Path) -> None:
    told = call("evaluate", "--run", run, "--set", "evaluate.cells=train")
    assert told.code == 2
    assert "profile" in told.err
    for verb in ("profile", "evaluate", "report"):
        assert call(verb, "--run", run, "--set", "evaluate.cells=train").code == 0
    scores = pd.read_json(run / "scores.json")
    table = cells_of(run)
    side = scored_rows(run, cells_of(run), asked("train"))
    treated = side & ((table["Metadata_Role"] == "treatment") & table["Metadata_MoA"].notna())
    assert set(scores.loc[scores["metric"] == "NSC", "cells"]) == {int(treated.sum())}


def test_fields_are_counted_over_all_that_were_read(twin_run: Path) -> None:
    cells = cells_of(twin_run)
    counts = count_features(twin_run, cells)
    sites = pd.read_parquet(twin_run / "sites.parquet")
    assert len(counts) == len(sites)
    assert counts.values.sum() == len(cells)


def test_a_large_embedding_stays_on_disk_and_is_the_same(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = cells_of(run)
    rows = scored_rows(run, cells, asked("train"))
    inside = model_features(run, cells, rows)
    monkeypatch.setattr(features, "_IN_MEMORY", 0)
    outside = model_features(run, cells, rows)
    assert not isinstance(outside, FeatureTable)
    assert (outside.name, outside.columns, outside.level) == (
        inside.name,
        inside.columns,
        inside.level,
    )
    everything = np.ones(len(inside.metadata), bool)
    np.testing.assert_array_equal(outside.take(everything), inside.take(everything))
    for name in inside.metadata:
        assert outside.metadata[name].tolist() == inside.metadata[name].tolist()
    protocol = load_protocol("cells-mean")
    one, other = (evaluate(each, protocol, seed=0, draws=20) for each in (inside, outside))
    assert one.records == other.records
