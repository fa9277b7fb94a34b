"""What a score is: its average, its likeness, its ties, and numbers that are none: 9, 10, 16-18."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.profiles.screens import cells, controls, table
from tests.traps.by_hand import (
    PLAIN,
    Treated,
    at,
    changed,
    neighbours_of,
    one_cell_each,
    read,
    records_of,
)

from phenovae.base.errors import InputError
from phenovae.evaluate.protocol import load_protocol, protocol_labels
from phenovae.evaluate.scores import column_of, evaluate
from phenovae.evaluate.together import Asked, score_together
from phenovae.evaluate.variants import with_metric

# a is right, and so is one dose of nine of b.
ONE_AND_NINE: list[Treated] = [
    ("a", 1, "X", "W1_1"), *[("b", float(dose), "X", "W2_1") for dose in range(1, 10)],
    ("c", 1, "Y", "W1_2"), ("d", 1, "Y", "W2_2"),
]  # fmt: skip


def test_the_mean_over_compounds_is_no_nsc_and_shares_no_column_with_it() -> None:
    """Trap 9: compounds of one dose and of nine weigh alike in one average, not in the other."""
    world = one_cell_each(ONE_AND_NINE, at(0, 10, *[80] * 8, 85, 88))
    record = records_of(world)["NSC"]
    assert record["value"] == record["micro"] == pytest.approx(4 / 12)
    assert record["macro_compound"] == pytest.approx((1 + 1 / 9 + 1 + 1) / 4)
    assert record["macro_moa"] == pytest.approx((2 / 10 + 1) / 2)
    macro = records_of(world, changed(PLAIN, headline="macro_compound"))["NSC"]
    assert macro["value"] == record["macro_compound"]
    with pytest.raises(InputError, match="scores of the averages macro_compound and micro"):
        column_of([record, macro])
    shipped = [name for name in protocol_labels() if load_protocol(name).headline != "micro"]
    assert shipped == ["seed@1"]


# Seen from q, p lies in nearly its direction, r is q and ten, and s is the nearest by a ruler.
LIKE: list[Treated] = [(name, 1, "X", "W1_1") for name in "qprs"]
NUMBERS = np.array([[1.0, 2, 3], [2, 4, 6.1], [11, 12, 13], [1, 2, 2]])


def test_each_metric_finds_another_neighbour_and_the_record_names_it() -> None:
    """Trap 10: cosine, correlation and distance are three scores, told by name."""
    world = one_cell_each(LIKE, NUMBERS)
    for metric, nearest in (("cosine", "p"), ("pearson", "r"), ("euclidean", "s")):
        protocol = changed(PLAIN, metric=metric)
        assert neighbours_of(world, protocol)["q 1 µM"] == f"{nearest} 1 µM"
        parameters = records_of(world, protocol)["NSC"]["parameters"]
        assert isinstance(parameters, dict)
        assert parameters["metric"] == metric
    assert with_metric(PLAIN, "euclidean")[1] == "metric euclidean"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_no_number_is_named_by_well_and_feature(bad: float, tmp_path: Path) -> None:
    """Trap 16: NaN is like nothing, and the first row would be taken for its neighbour."""
    with pytest.raises(InputError, match=r"feature x1 of plate W1_1, well B02 is (nan|inf)"):
        one_cell_each(LIKE, np.where(NUMBERS == 4, bad, NUMBERS))
    frame = pd.DataFrame(
        {"plate": "P1", "well": ["A01", "A02"], "compound": ["a", "b"], "f": [1.0, bad]}
    )
    with pytest.raises(InputError, match=r"feature f of plate P1, well A02 is (nan|inf)"):
        read(frame, tmp_path)
    assert read(frame, tmp_path, nonfinite="rows").features.metadata["Metadata_Well"].tolist() == [
        "A01"
    ]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_profile_that_became_no_number_on_the_way_is_not_scored(bad: float) -> None:
    """Trap 16: what no table held may still come out of an average or a transform."""
    world = replace(one_cell_each(LIKE, NUMBERS), values=np.where(NUMBERS == 4, bad, NUMBERS))
    with pytest.raises(InputError, match="a profile holds NaN or infinity"):
        evaluate(world, PLAIN, seed=0, draws=20)


@pytest.mark.parametrize("rest", [0.0, 1e-16])
def test_a_treatment_that_is_just_the_mean_of_the_controls_has_no_neighbour(rest: float) -> None:
    """Trap 17: a profile of length zero has no direction, and is named rather than scored."""
    rows = cells("a", 1, moa="X", well="B01") + cells("b", 1, moa="X", well="B02")
    rows += cells("c", 1, moa="Y", well="B03") + controls(20)
    world = table(rows, [rest, 8.0, 3.0, *([-1.0, 1.0] * 10)])
    (nsc, nscb) = score_together(
        [Asked(world, load_protocol("cells-mean"))], seed=0, draws=20
    ).records
    for record in (nsc, nscb):
        assert record["value"] is None
        assert "the profile of a 1 µM is zero and has no direction" in str(record["reason"])


def test_a_tie_of_two_mechanisms_is_shared_and_told_whatever_the_order_of_rows() -> None:
    """Trap 18: of equal neighbours the first in the table would win, so order would decide."""
    treatments: list[Treated] = [
        ("q", 1, "X", "W1_1"), ("p", 1, "X", "W1_1"), ("r", 1, "Y", "W1_1"), ("s", 1, "Y", "W1_1"),
    ]  # fmt: skip
    degrees = [0, 10, 10, 90]
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        # Names follow the order, so that profiles, which are sorted by them, do as well.
        renamed: list[Treated] = [
            (f"{place}{treatments[row][0]}", 1, treatments[row][2], "W1_1")
            for place, row in enumerate(order)
        ]
        record = records_of(one_cell_each(renamed, at(*[degrees[row] for row in order])))["NSC"]
        # q and s have p or r, one of them right; p and r have each other, which is wrong.
        assert (record["correct"], record["total"], record["ties"]) == (1, 4, 2)
