"""Cells, wells and treatments as points."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.explore.conftest import CELLS, ODD

from phenovae.base.errors import InputError
from phenovae.base.tables import write_table
from phenovae.cells.store import CellStore
from phenovae.cells.table import EMBEDDINGS
from phenovae.explore.answers import Answers
from phenovae.explore.levels import EXAMPLES, read_points
from phenovae.explore.opening import open_run
from phenovae.pipeline import paths


@pytest.fixture
def copied(odd_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(odd_run, tmp_path / "run"))


def test_wells_and_treatments_are_means_of_their_cells(answers: Answers, odd_run: Path) -> None:
    cells = pd.read_parquet(odd_run / paths.EMBEDDINGS)
    latents = [str(name) for name in cells if str(name).startswith("z_")]
    wells = answers.points.levels["wells"]
    wanted = cells.groupby(["Metadata_Plate", "Metadata_Well"])[latents].mean()
    for at, well in wells.table.iterrows():
        mean = wanted.loc[(well["Metadata_Plate"], well["Metadata_Well"])]
        assert np.allclose(wells.values[int(str(at))], mean, atol=1e-5)
    treatments = answers.points.levels["treatments"]
    controls = treatments.table["Metadata_Compound"] == "DMSO"
    mean = cells.loc[cells["Metadata_Compound"] == "DMSO", latents].mean()
    assert np.allclose(treatments.values[controls], mean, atol=1e-5)
    assert treatments.table.loc[controls, "Cells"].tolist() == [3 * CELLS]
    assert treatments.table.loc[controls, "Wells"].tolist() == [3]
    assert treatments.table.loc[controls, "Metadata_Batch"].tolist() == ["Week1|Week2"]
    assert len(treatments) == 1 + len(ODD)


def test_examples_are_cells_of_their_point(answers: Answers) -> None:
    store = answers.opened.store.table
    wells = answers.points.levels["wells"]
    assert wells.examples.shape[1] == EXAMPLES
    for at, rows in enumerate(wells.examples):
        here = store.iloc[rows[rows >= 0]]
        assert set(here["Metadata_Well"]) == {wells.table["Metadata_Well"].iloc[at]}
        assert set(here["Metadata_Plate"]) == {wells.table["Metadata_Plate"].iloc[at]}


def test_of_many_cells_every_treatment_keeps_its_share_and_means_stay(odd_run: Path) -> None:
    opened = open_run(odd_run)
    few, whole = read_points(opened, 24), read_points(opened)
    assert len(few.cells) == 24
    assert few.cells.total == few.cells_in_run == len(opened.store)
    assert np.bincount(few.treatment_of[few.cells.rows]).tolist() == [3] * 8
    assert np.array_equal(few.levels["wells"].values, whole.levels["wells"].values)
    places = np.array([whole.place_of(int(row)) for row in few.cells.rows], dtype=np.int64)
    assert np.array_equal(few.cells.values, whole.cells.values[places])
    assert few.cells.table["Metadata_File"].tolist() == [
        opened.store.table["Metadata_File"].iloc[row] for row in few.cells.rows
    ]
    hidden = next(row for row in range(len(opened.store)) if row not in few.cells.rows)
    assert few.place_of(hidden) is None


def test_flagged_cells_are_shown_but_no_part_of_means(copied: Path) -> None:
    _flag(copied, lambda table: table["Metadata_Well"] == "C03")
    points = read_points(open_run(copied))
    assert len(points.cells) == points.cells_in_run
    assert not points.cells.usable[(points.cells.table["Metadata_Well"] == "C03").to_numpy()].any()
    wells = points.levels["wells"]
    assert "C03" not in set(wells.table["Metadata_Well"])
    assert wells.total == len(wells) + 2


def test_embeddings_of_other_cells_are_refused(copied: Path) -> None:
    table = pd.read_parquet(copied / paths.EMBEDDINGS)
    write_table(table.iloc[::-1].reset_index(drop=True), copied / paths.EMBEDDINGS, EMBEDDINGS)
    with pytest.raises(InputError, match="other cells") as raised:
        read_points(open_run(copied))
    assert "phenovae embed" in str(raised.value)
    write_table(table.iloc[:-1], copied / paths.EMBEDDINGS, EMBEDDINGS)
    with pytest.raises(InputError, match="other cells"):
        read_points(open_run(copied))


def _flag(run: Path, which: object) -> None:
    """Flag cells of a store by hand."""
    import json

    from phenovae.base.files import sha256_of_file
    from phenovae.cells.table import CELLS as SCHEMA

    store = CellStore.open(run / paths.CELLS)
    table = store.table.copy()
    assert callable(which)
    table.loc[which(table), "Quality_Flag"] = "noise"
    write_table(table, store.path / "cells.parquet", SCHEMA)
    card = json.loads((store.path / "store.json").read_text())
    card["table_sha256"] = sha256_of_file(store.path / "cells.parquet")
    (store.path / "store.json").write_text(json.dumps(card))
