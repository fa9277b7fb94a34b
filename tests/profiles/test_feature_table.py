from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.profiles.screens import cells

from phenovae.base.errors import InputError
from phenovae.profiles.features import feature_table


def frame(**features: Any) -> pd.DataFrame:
    rows = cells("a", 1, 2, plate="P7", well="D05") + cells("a", 1, 1, plate="P8", well="G11")
    return pd.DataFrame(rows).assign(**features)


def test_metadata_and_features_are_taken_apart() -> None:
    rows = frame(
        size=[1, 2, 3], round=np.array([0.5, 0.25, 0.125], np.float32), Position_Row=[7, 8, 9]
    )
    found = feature_table("mine", rows.iloc[::-1], ["round", "size"])
    assert found.name == "mine"
    assert len(found) == 3
    assert found.columns == ("round", "size")
    assert found.values.dtype == np.float64
    assert found.values.tolist() == [[0.125, 3], [0.25, 2], [0.5, 1]]
    assert found.metadata["Metadata_Well"].tolist() == ["G11", "D05", "D05"]
    assert found.metadata.index.tolist() == [0, 1, 2]
    assert all(str(name).startswith("Metadata_") for name in found.metadata)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_finite_number_is_named_with_well_and_feature(bad: float) -> None:
    rows = frame(size=[1.0, 2.0, 3.0], shape=[1.0, 2.0, bad])
    with pytest.raises(InputError, match=r"feature shape .* plate P8, well G11 .*; 1 such") as said:
        feature_table("mine", rows, ["size", "shape"])
    assert str(bad) in said.value.what


def test_all_values_that_are_no_numbers_are_counted() -> None:
    rows = frame(size=[np.nan, 2.0, np.inf], shape=[1.0, np.nan, 1.0])
    with pytest.raises(InputError, match=r"feature size .* well D05 .*; 3 such"):
        feature_table("mine", rows, ["size", "shape"])


def test_an_absent_value_in_a_column_of_objects_is_no_number() -> None:
    with pytest.raises(InputError, match=r"feature size .* well D05"):
        feature_table("mine", frame(size=pd.Series([1, None, 2], dtype=object)), ["size"])


def test_a_feature_of_words_is_refused() -> None:
    with pytest.raises(InputError, match=r"mine is no number.*round"):
        feature_table("mine", frame(shape=["round", "flat", "flat"]), ["shape"])


@pytest.mark.parametrize("label", ["Metadata_MoA", "Metadata_Replicate"])
def test_what_describes_the_cells_may_not_be_a_feature(label: str) -> None:
    with pytest.raises(InputError, match=f"{label} .* may not be features"):
        feature_table("mine", frame(size=[1, 2, 3]), ["size", label])


@pytest.mark.parametrize("column", ["Metadata_Batch", "Metadata_Role"])
def test_missing_metadata_are_named(column: str) -> None:
    with pytest.raises(InputError, match=f"mine come without {column}"):
        feature_table("mine", frame(size=[1, 2, 3]).drop(columns=column), ["size"])


def test_missing_features_are_named() -> None:
    with pytest.raises(InputError, match="mine lack width"):
        feature_table("mine", frame(size=[1, 2, 3]), ["size", "width"])
    with pytest.raises(InputError, match="no feature columns"):
        feature_table("mine", frame(), [])
