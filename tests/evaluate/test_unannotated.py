"""Treatments of no known mechanism, and the known ones that are most like them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from phenovae.base.errors import InputError
from phenovae.evaluate.unannotated import UNANNOTATED, nearest_known


def treatments(*rows: tuple[str, float, str | None]) -> pd.DataFrame:
    """Rows of a compound, its dose and its mechanism."""
    found = pd.DataFrame(
        rows, columns=["Metadata_Compound", "Metadata_Concentration", "Metadata_MoA"]
    )
    return found.assign(Profile_Wells=3, Profile_Cells=30)


def test_the_most_alike_known_treatments_stand_first_and_equal_ones_by_name() -> None:
    table = treatments(
        ("new", 1, None), ("b", 1, "X"), ("a", 1, "Y"), ("far", 1, "Z"), ("other new", 1, None)
    )
    values = np.array([[1.0, 0.0], [3.0, 4.0], [6.0, 8.0], [0.0, 1.0], [1.0, 0.0]])
    found = nearest_known(table, values, "cosine", nearest=3)
    assert [*found.columns] == [name for name in UNANNOTATED.names if name != "Protocol"]
    mine = found.loc[found["Treatment"] == "new 1 µM"]
    assert mine["Neighbour"].tolist() == ["a 1 µM", "b 1 µM", "far 1 µM"]
    assert mine["Neighbour_MoA"].tolist() == ["Y", "X", "Z"]
    assert mine["Similarity"].tolist() == pytest.approx([0.6, 0.6, 0.0])
    assert mine["Rank"].tolist() == [1, 2, 3]
    assert len(found) == 6
    nearest = nearest_known(table, values, "cosine", nearest=1)
    assert nearest["Neighbour"].tolist() == ["a 1 µM", "a 1 µM"]


def test_another_dose_of_its_own_compound_says_nothing_of_a_treatment() -> None:
    table = treatments(("a", 0.1, None), ("a", 1, "X"), ("b", 1, "Y"))
    found = nearest_known(table, np.array([[1.0], [1.0], [0.5]]), "euclidean")
    assert found["Neighbour"].tolist() == ["b 1 µM"]
    assert found["Similarity"].tolist() == [-0.5]


def test_where_all_or_none_are_known_there_is_nothing_to_tell() -> None:
    for known in ("X", None):
        table = treatments(("a", 1, known), ("b", 1, known))
        assert not len(nearest_known(table, np.eye(2), "cosine"))


def test_a_profile_without_direction_is_named() -> None:
    table = treatments(("a", 1, None), ("b", 1, "X"))
    with pytest.raises(InputError, match="a 1 µM is zero"):
        nearest_known(table, np.array([[0.0, 0.0], [1.0, 0.0]]), "cosine")
