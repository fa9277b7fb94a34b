from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.profiles.screens import Row, cells, controls

from phenovae.base.errors import InputError
from phenovae.evaluate.baselines import cell_count_features, intensity_features, unflagged
from phenovae.evaluate.protocol import load_protocol
from phenovae.evaluate.scores import evaluate
from phenovae.profiles.features import FeatureTable
from phenovae.profiles.recipe import make_profiles


def store(rows: list[Row], **columns: Any) -> pd.DataFrame:
    """The table of a cell store, as far as baselines look at it."""
    filled: dict[str, Any] = {
        "Store_Shard": 0,
        "Position_Row": 5.0,
        "Quality_Flag": "",
        "Measure_area": np.nan,
    }
    return pd.DataFrame(rows).assign(**{**filled, **columns})


def test_intensity_takes_the_intensity_columns_of_unflagged_cells_and_no_others() -> None:
    rows = store(
        cells("a", 1, 3, moa="M"),
        Intensity_DAPI_mean=np.array([1, 2, 3], np.float32),
        Intensity_DAPI_std=np.array([4, 5, 6], np.float32),
        Quality_Flag=["", "noise", ""],
    )
    found = intensity_features(rows)
    assert found.name == "intensity"
    assert found.columns == ("Intensity_DAPI_mean", "Intensity_DAPI_std")
    assert found.values.tolist() == [[1, 4], [3, 6]]
    assert found.metadata["Metadata_Cell"].tolist() == [0, 2]


def test_a_flagged_cell_may_hold_what_is_no_number() -> None:
    rows = store(cells("a", 1, 2), Intensity_p50=[1.0, np.nan], Quality_Flag=["", "empty"])
    assert intensity_features(rows).values.tolist() == [[1]]
    rows["Quality_Flag"] = ""
    with pytest.raises(InputError, match="feature Intensity_p50"):
        intensity_features(rows)


def test_a_store_without_intensities_says_what_to_do() -> None:
    with pytest.raises(InputError, match="no intensity statistics") as said:
        intensity_features(store(cells("a", 1, 2)))
    assert "import the cells anew" in str(said.value)


def fields_of(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop_duplicates("Metadata_Field")


def counted(rows: pd.DataFrame) -> FeatureTable:
    return cell_count_features(rows, fields_of(rows))


def test_unflagged_cells_are_those_without_a_reason() -> None:
    rows = store(cells("a", 1, 3), Quality_Flag=["", "noise", ""])
    assert unflagged(rows)["Metadata_Cell"].tolist() == [0, 2]


def test_cells_are_counted_in_every_field_whether_flagged_or_not() -> None:
    rows = store(
        cells("b", 1, 1, moa="M", well="C02", site=2)
        + cells("a", 1, 3, moa="M", site=1)
        + cells("b", 1, 5, moa="M", well="C02", site=1)
    )
    rows.loc[2, "Quality_Flag"] = "noise"
    found = cell_count_features(rows, fields_of(rows))
    assert found.name == "cell_count"
    assert found.columns == ("Cells",)
    assert found.metadata["Metadata_Field"].tolist() == ["P1_B02_s1", "P1_C02_s1", "P1_C02_s2"]
    assert found.metadata["Metadata_Compound"].tolist() == ["a", "b", "b"]
    assert found.values[:, 0].tolist() == [3, 5, 1]


def test_counts_become_z_scores_of_fields_averaged_over_wells_by_hand() -> None:
    rows = []
    for site in range(1, 31):
        rows += controls(10 if site % 2 else 14, site=site)
    rows += cells("a", 1, 6, moa="M", well="B02", site=1)
    rows += cells("a", 1, 2, moa="M", well="B02", site=2)
    rows += cells("a", 1, 12, moa="M", well="B03", site=1)
    counts = counted(store(rows))
    profiles = make_profiles(counts, load_protocol("cell-count").recipe)
    # Controls: 12 ± 2. The wells have 4 and 12 cells a field: -4 and 0.
    assert profiles.values.tolist() == [[pytest.approx(-2)]]
    assert profiles.fitted_on == 30


def test_treatments_are_compared_by_how_many_cells_are_left() -> None:
    rows = []
    for site in range(1, 31):
        rows += controls(40 if site % 2 else 44, site=site)
    left = {"a": 5, "b": 6, "c": 30, "d": 31}
    for number, (compound, count) in enumerate(left.items()):
        rows += cells(
            compound, 1, count, moa="toxic" if count < 10 else "mild", well=f"B{number + 2:02d}",
            plate=f"P{number}", batch=f"W{number % 2}",
        )  # fmt: skip
    counts = counted(store(rows))
    for record in evaluate(counts, load_protocol("cell-count"), seed=0, draws=50).records:
        assert (record["correct"], record["total"]) == (4, 4)
        assert record["ties"] == 0


def test_a_field_that_has_lost_all_its_cells_counts_as_none() -> None:
    rows = store(cells("a", 1, 6, moa="M", site=1) + cells("a", 1, 2, moa="M", site=2))
    fields = fields_of(rows)
    left = cell_count_features(rows.loc[rows["Metadata_Site"] == 1], fields)
    assert left.values.tolist() == [[6], [0]]
    assert left.metadata["Metadata_Compound"].tolist() == ["a", "a"]
    unread = cell_count_features(rows, fields.iloc[:1])
    assert unread.values.tolist() == [[6]]
