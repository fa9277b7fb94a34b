from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.evaluate.ljosa import read_wells, z_scores
from tests.profiles.screens import Row, cells, controls, table

from phenovae.evaluate.probe import Probe, run_probe, run_well_probe
from phenovae.profiles.features import FeatureTable, feature_table


def asked(features: FeatureTable) -> Probe:
    found = run_well_probe(features, draws=200, seed=0)
    assert found is not None
    return found


def wells_of(each: int) -> list[Row]:
    """Three mechanisms of three compounds in three wells; as many cells in each."""
    rows: list[Row] = []
    for number in range(9):
        for well in range(3):
            rows += cells(
                f"c{number}", 1, each, moa=f"m{number // 3}", plate=f"P{well}",
                well=f"B{number + 1:02d}",
            )  # fmt: skip
    return rows


def test_a_well_is_one_row_however_many_cells_it_has() -> None:
    rows = wells_of(40)
    mechanism = np.unique([str(row["Metadata_MoA"]) for row in rows], return_inverse=True)[1]
    values = np.eye(3)[mechanism] + 2 * np.random.default_rng(0).normal(size=(len(rows), 3))
    found = asked(table(rows + controls(7), np.vstack([values, np.zeros((7, 3))])))
    assert (found.rows, found.cells, found.folds) == (27, 27 * 40, 9)
    by_cell = run_probe(table(rows, values), draws=10, seed=0)
    assert by_cell is not None
    assert (by_cell.rows, by_cell.cells) == (27 * 40, 27 * 40)
    # The mean of forty cells is less noisy than a cell.
    assert found.value > by_cell.value + 0.2


def test_wells_of_one_cell_are_asked_as_cells_are() -> None:
    rows = wells_of(1)
    features = table(rows, np.random.default_rng(1).normal(size=(27, 4)))
    by_cell = run_probe(features, draws=10, seed=0)
    found = asked(features)
    assert by_cell is not None
    assert found.recall == by_cell.recall
    assert found.rows == found.cells == 27


def test_the_average_is_the_one_that_is_asked_for() -> None:
    # A third of the cells of each well lie far off, in directions that say nothing.
    rows = wells_of(9)
    mechanism = np.unique([str(row["Metadata_MoA"]) for row in rows], return_inverse=True)[1]
    random = np.random.default_rng(0)
    values = 3 * np.eye(3)[mechanism] + 0.1 * random.normal(size=(len(rows), 3))
    far = np.arange(len(rows)) % 9 < 3
    values[far] += 1e4 * random.normal(size=(far.sum(), 3))
    features = table(rows, values)
    median = run_well_probe(features, average="median", draws=10, seed=0)
    assert median is not None
    assert median.value == 1
    assert asked(features).value < 0.8


def test_few_wells_of_many_mechanisms_are_asked_without_a_warning() -> None:
    rows: list[Row] = []
    for number in range(24):
        rows += cells(f"c{number}", 1, moa=f"m{number // 2}", well=f"B{number + 1:02d}")
    assert asked(table(rows, np.random.default_rng(0).normal(size=(24, 2)))).rows == 24


def test_one_mechanism_cannot_be_asked_for() -> None:
    rows = cells("a", 1, 3, moa="m") + cells("b", 1, 3, moa="m", well="C02")
    assert run_well_probe(table(rows, np.arange(6)), draws=10, seed=0) is None


def test_published_wells_tell_the_mechanism_of_an_unseen_compound(public_data: Path) -> None:
    wells, raw = read_wells(public_data)
    names = [f"x{number}" for number in range(raw.shape[1])]
    frame = pd.concat([wells, pd.DataFrame(z_scores(wells, raw), columns=names)], axis=1)
    found = asked(feature_table("ljosa", frame, names))
    assert (found.rows, found.cells, found.folds) == (302, 302, 12)
    assert found.alone == ()
    assert found.chance == pytest.approx(1 / 12)
    assert found.value == pytest.approx(0.859, abs=0.01)
