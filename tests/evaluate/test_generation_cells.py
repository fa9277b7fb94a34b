"""Which cells images are judged by, and the record that comes of them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from phenovae.base.errors import TrainingError
from phenovae.cells.splits import LEFT_OUT, TRAIN, VALIDATION
from phenovae.evaluate.generation.choosing import (
    Chosen,
    choose_cells,
    partners,
    treatments_of,
)
from phenovae.evaluate.generation.fidelity import Fidelity
from phenovae.evaluate.generation.measuring import Measured
from phenovae.evaluate.generation.names import PIXELS, TEXTURE
from phenovae.evaluate.generation.options import GenerationOptions
from phenovae.evaluate.generation.record import make_record

OPTIONS = GenerationOptions(cells=40, fewest_held_out=20, treatment_cells=10, halves=4, draws=100)


def screen() -> pd.DataFrame:
    """Two plates; 60 control cells, 30 of a drug at one dose, 5 of another."""
    names = ["DMSO"] * 60 + ["Cdk1/2 (NU6102)"] * 30 + ["rare"] * 5
    return pd.DataFrame(
        {
            "Metadata_Compound": names,
            "Metadata_Concentration": [0.0] * 60 + [0.3] * 29 + [0.1 + 0.2] + [1.0] * 5,
            "Metadata_MoA": [None] * 60 + ["Cdk"] * 30 + ["other"] * 5,
            "Metadata_Role": ["negative_control"] * 60 + ["treatment"] * 35,
            "Metadata_Plate": ["P1", "P2"] * 47 + ["P1"],
            "Metadata_Well": [f"A{n % 6:02d}" for n in range(95)],
        }
    )


def sides() -> np.ndarray:
    """A third of the cells held out, two left out."""
    found = np.array([VALIDATION if n % 3 == 0 else TRAIN for n in range(95)], dtype=object)
    found[[1, 61]] = LEFT_OUT
    return found


def test_held_out_cells_are_taken_where_there_are_enough() -> None:
    chosen = choose_cells(screen(), sides(), OPTIONS, 0)
    assert chosen.held_out
    assert chosen.of == len(chosen.together) == 32
    assert (sides()[chosen.together] == VALIDATION).all()
    few = choose_cells(screen(), sides(), OPTIONS.model_copy(update={"fewest_held_out": 50}), 0)
    assert not few.held_out
    assert len(few.together) == 40
    assert (sides()[few.together] == TRAIN).all()


def test_every_treatment_of_enough_cells_has_some_held_out_ones_first() -> None:
    control, drug = choose_cells(screen(), sides(), OPTIONS, 0).treatments
    assert (control.label, control.control, control.held_out) == ("DMSO", True, 10)
    # A dose is the same dose however it was rounded.
    assert (drug.label, drug.mechanism) == ("Cdk1/2 (NU6102) 0.3 µM", "Cdk")
    assert len(drug.rows) == drug.held_out == 10
    assert 61 not in drug.rows
    assert 1 not in control.rows
    none = choose_cells(screen(), sides(), OPTIONS.model_copy(update={"treatment_cells": 0}), 0)
    assert none.treatments == ()
    one = choose_cells(screen(), sides(), OPTIONS.model_copy(update={"treatments": 1}), 0)
    assert [each.label for each in one.treatments] == ["DMSO"]


def test_a_partner_is_another_cell_of_the_same_treatment() -> None:
    treatments = treatments_of(screen())
    rows = np.arange(91)
    found = partners(rows, treatments[rows], 0)
    assert (found != rows).all()
    same = treatments[found] == treatments[rows]
    assert same[:90].all()
    # The one cell of its treatment is given some other cell.
    assert not same[90]
    np.testing.assert_array_equal(found, partners(rows, treatments[rows], 0))
    np.testing.assert_array_equal(partners(rows[:1], treatments[:1], 0), [0])


def measured(chosen: Chosen, without: int = 0) -> Measured:
    """Features that were drawn, whose reconstructions are perfect."""
    random = np.random.default_rng(0)
    rows = chosen.rows[without:]
    spaces = {}
    for name, features in ((TEXTURE, 5), (PIXELS, 3)):
        real = random.random((len(rows), features))
        prior = random.random((len(chosen.together), features))
        spaces[name] = {"real": real, "reconstructed": real, "prior": prior}
    ones = np.ones((len(rows), 2))
    return Measured(
        rows,
        spaces,
        Fidelity(ones, 30 * ones, 30 * ones[:, 0]),
        Fidelity(0 * ones, 10 * ones, 10 * ones[:, 0]),
    )


def test_a_record_is_json_with_counts_and_the_floor_beside_every_figure() -> None:
    chosen = choose_cells(screen(), sides(), OPTIONS, 0)
    told = make_record(measured(chosen), chosen, screen(), ("DAPI", "Actin"), OPTIONS, 0)
    json.dumps(told, allow_nan=False)
    assert (told["cells"], told["of_cells"], told["half"], told["held_out"]) == (32, 32, 16, True)
    spaces = told["spaces"]
    assert isinstance(spaces, list)
    pairs = {(row["sample"], row["against"]): row for row in spaces[0]["comparisons"]}
    assert ("real", "real") in pairs
    assert not any("posterior" in pair for pair in pairs)
    # A perfect reconstruction comes to the floor itself.
    assert pairs["reconstructed", "real"]["squared_mmd"] == pairs["real", "real"]["squared_mmd"]
    assert "precision" not in spaces[1]["comparisons"][0]
    fidelity = told["fidelity"]
    assert isinstance(fidelity, list)
    assert [row["channel"] for row in fidelity] == ["DAPI", "Actin", None]
    assert fidelity[2]["psnr_db"]["value"] == pytest.approx(30)
    assert fidelity[2]["psnr_db"]["other"] == pytest.approx(10)
    treatments = told["treatments"]
    assert isinstance(treatments, list)
    assert [each["half"] for each in treatments] == [5, 5]


def test_cells_that_dropped_out_are_counted_and_too_few_are_refused() -> None:
    chosen = choose_cells(screen(), sides(), OPTIONS, 0)
    told = make_record(measured(chosen, 3), chosen, screen(), ("DAPI", "Actin"), OPTIONS, 0)
    assert told["left_out_not_finite"] == 3
    with pytest.raises(TrainingError, match="cannot be judged"):
        make_record(
            measured(chosen, len(chosen.rows) - 2), chosen, screen(), ("a", "b"), OPTIONS, 0
        )
