from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.profiles.screens import Row, cells

from phenovae.base.errors import InputError
from phenovae.profiles.aggregate import Average, aggregate
from phenovae.profiles.levels import Level


def column(numbers: list[float]) -> np.ndarray:
    return np.array(numbers, dtype=np.float64)[:, None]


def crowded_and_sparse() -> tuple[pd.DataFrame, np.ndarray]:
    rows = cells("a", 1, 10, well="B02", moa="M") + cells("a", 1, 1000, well="B03", moa="M")
    return pd.DataFrame(rows), column([0.0] * 10 + [1.0] * 1000)


def test_a_crowded_well_weighs_no_more_than_a_sparse_one() -> None:
    rows, values = crowded_and_sparse()
    wells, means = aggregate(rows, values, "well", "mean")
    assert means[:, 0].tolist() == [0.0, 1.0]
    assert wells["Profile_Cells"].tolist() == [10, 1000]
    treatment, profile = aggregate(wells, means, "treatment", "mean")
    assert profile.tolist() == [[0.5]]
    assert treatment["Profile_Cells"].tolist() == [1010]
    assert treatment["Profile_Wells"].tolist() == [2]


def test_without_a_level_of_wells_each_cell_weighs_alike() -> None:
    treatment, profile = aggregate(*crowded_and_sparse(), "treatment", "mean")
    assert profile[0, 0] == pytest.approx(1000 / 1010)
    assert treatment["Profile_Cells"].tolist() == [1010]
    assert treatment["Profile_Wells"].tolist() == [2]


def test_levels_are_averaged_one_upon_the_other() -> None:
    rows = (
        cells("a", 1, 3, well="B02", site=1)
        + cells("a", 1, 1, well="B02", site=2)
        + cells("a", 1, 2, well="B03", site=1)
    )
    metadata, values = pd.DataFrame(rows), column([1, 2, 6, 5, 10, 20])
    metadata, values = aggregate(metadata, values, "site", "mean")
    assert values[:, 0].tolist() == [3, 5, 15]
    assert metadata["Metadata_Site"].tolist() == [1, 2, 1]
    metadata, values = aggregate(metadata, values, "well", "mean")
    assert values[:, 0].tolist() == [4, 15]
    metadata, values = aggregate(metadata, values, "treatment", "mean")
    assert values[:, 0].tolist() == [9.5]
    assert metadata["Profile_Cells"].tolist() == [6]


def test_a_median_is_of_each_feature_alone() -> None:
    rows = pd.DataFrame(cells("a", 1, 3) + cells("b", 1, 4, well="C02"))
    values = np.array([[1, 9], [2, 8], [30, 1], [0, 0], [1, 0], [3, 0], [9, 4.0]])
    _, medians = aggregate(rows, values, "treatment", "median")
    assert medians.tolist() == [[2, 8], [2, 0]]


def test_the_same_well_and_field_names_on_two_plates_stay_apart() -> None:
    rows = pd.DataFrame(cells("a", 1, plate="P1") + cells("a", 1, plate="P2"))
    rows["Metadata_Field"] = "same"
    for level in ("site", "well"):
        found, values = aggregate(rows, column([1, 2]), level, "mean")
        assert found["Metadata_Plate"].tolist() == ["P1", "P2"]
        assert values[:, 0].tolist() == [1, 2]


def test_treatments_come_sorted_by_name_and_dose_as_a_number() -> None:
    rows: list[Row] = []
    for compound, dose in (("b", 10), ("b", 9), ("a", 100), ("b", 0.5)):
        rows += cells(compound, dose)
    found, values = aggregate(pd.DataFrame(rows), column([0, 1, 2, 3]), "treatment", "mean")
    keys = list(zip(found["Metadata_Compound"], found["Metadata_Concentration"], strict=True))
    assert keys == [("a", 100), ("b", 0.5), ("b", 9), ("b", 10)]
    assert values[:, 0].tolist() == [2, 3, 1, 0]


def test_spellings_of_one_dose_are_one_treatment() -> None:
    doses = [float("0.3"), float("0.30"), 0.1 + 0.2, 0.300001]
    rows = [row for dose in doses for row in cells("taxol", dose)]
    found, values = aggregate(pd.DataFrame(rows), column([1, 2, 6, 50]), "treatment", "mean")
    assert found["Metadata_Concentration"].tolist() == [0.3, 0.300001]
    assert values[:, 0].tolist() == [3, 50]


def test_batches_are_a_set() -> None:
    rows = (
        cells("a", 1, 2, batch="Week1", plate="P1")
        + cells("a", 1, 1, batch="Week2", plate="P2")
        + cells("b", 1, 1, batch="Week2", plate="P2", well="C02")
    )
    ways: tuple[tuple[Level, ...], ...] = (("treatment",), ("site", "well", "treatment"))
    for levels in ways:
        metadata, values = pd.DataFrame(rows), np.zeros((4, 1))
        for level in levels:
            metadata, values = aggregate(metadata, values, level, "mean")
        assert metadata["Batches"].tolist() == [frozenset({"Week1", "Week2"}), frozenset({"Week2"})]


def test_a_group_keeps_only_what_its_rows_share() -> None:
    rows = pd.DataFrame(cells("a", 1, 2, moa="M", site=1) + cells("a", 1, 2, moa="M", site=2))
    values = np.zeros((4, 1))
    site, _ = aggregate(rows, values, "site", "mean")
    assert {"Metadata_Field", "Metadata_Site", "Metadata_Plate"} <= set(site)
    assert not {"Metadata_Cell", "Metadata_File"} & set(site)
    well, _ = aggregate(rows, values, "well", "mean")
    assert {"Metadata_Plate", "Metadata_Well", "Metadata_Batch", "Metadata_Role"} <= set(well)
    assert not {"Metadata_Field", "Metadata_Site", "Metadata_File"} & set(well)
    treatment, _ = aggregate(rows, values, "treatment", "mean")
    assert set(treatment) == {
        "Metadata_Compound", "Metadata_Concentration", "Metadata_MoA", "Metadata_Role",
        "Profile_Cells", "Profile_Wells", "Batches", "Plates",
    }  # fmt: skip


def test_a_well_of_two_treatments_is_refused_rather_than_mixed() -> None:
    for other in (cells("a", 2), cells("b", 1), cells("a", 1, role="positive_control")):
        rows = pd.DataFrame(cells("a", 1) + other)
        for level in ("site", "well"):
            with pytest.raises(InputError, match=r"Plate P1, Well B02.* has two treatments"):
                aggregate(rows, np.zeros((2, 1)), level, "mean")


def test_a_treatment_of_two_mechanisms_is_refused() -> None:
    rows = pd.DataFrame(cells("a", 1, moa="M") + cells("a", 1, moa="N", well="B03"))
    with pytest.raises(InputError, match=r"Compound a, Concentration 1\.0 has two mechanisms"):
        aggregate(rows, np.zeros((2, 1)), "treatment", "mean")


@pytest.mark.parametrize(
    ("column_name", "level", "what"),
    [
        ("Metadata_Batch", "well", "batches"), ("Metadata_Batch", "plate", "batches"),
        ("Metadata_MoA", "site", "mechanisms"), ("Metadata_MoA", "plate", "mechanisms"),
    ],
)  # fmt: skip
def test_what_rows_of_a_group_must_share_is_refused_where_they_do_not(
    column_name: str, level: Level, what: str
) -> None:
    rows = pd.DataFrame(cells("a", 1, 2, moa="M"))
    rows.loc[1, column_name] = "other"
    with pytest.raises(InputError, match=f"Plate P1.* has two {what}"):
        aggregate(rows, np.zeros((2, 1)), level, "mean")


def test_metadata_of_any_name_stay_only_where_rows_share_them() -> None:
    rows = pd.DataFrame(cells("a", 1, 2) + cells("a", 1, 1, well="B03"))
    rows["Metadata_Operator"] = ["x", "y", "z"]
    rows["Metadata_Stain"] = ["s", "s", None]
    rows["Metadata_Replicate"] = [1, 1, 2]
    well, _ = aggregate(rows, np.zeros((3, 1)), "well", "mean")
    assert "Metadata_Operator" not in well
    assert well["Metadata_Replicate"].tolist() == [1, 2]
    assert well["Metadata_Stain"].isna().tolist() == [False, True]
    plate, _ = aggregate(rows, np.zeros((3, 1)), "plate", "mean")
    assert not {"Metadata_Operator", "Metadata_Stain", "Metadata_Replicate"} & set(plate)
    assert plate["Profile_Wells"].tolist() == [2]


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("Metadata_Well", "well"),
        ("Metadata_Concentration", "treatment"),
        ("Metadata_Plate", "plate"),
    ],
)
def test_rows_without_a_key_are_refused_rather_than_put_elsewhere(name: str, level: Level) -> None:
    rows = pd.DataFrame(cells("a", 1, 3))
    rows.loc[2, name] = None
    with pytest.raises(InputError, match=f"1 of 3 rows have no {name.removeprefix('Metadata_')}"):
        aggregate(rows, np.zeros((3, 1)), level, "mean")


def test_rows_of_one_treatment_in_two_roles_stay_apart() -> None:
    rows = pd.DataFrame(cells("a", 1) + cells("a", 1, well="B03", role="negative_control"))
    for level in ("plate", "treatment"):
        found, values = aggregate(rows, column([1, 5]), level, "mean")
        assert found["Metadata_Role"].tolist() == ["negative_control", "treatment"]
        assert values[:, 0].tolist() == [5, 1]


def test_wells_are_counted_through_the_level_of_plates() -> None:
    rows = pd.DataFrame(cells("a", 1) + cells("a", 1, well="B03") + cells("a", 1, plate="P2"))
    plates, values = aggregate(rows, column([1, 3, 8]), "plate", "mean")
    assert values[:, 0].tolist() == [2, 8]
    assert plates["Profile_Wells"].tolist() == [2, 1]
    found, values = aggregate(plates, values, "treatment", "mean")
    assert values.tolist() == [[5]]
    assert found["Profile_Wells"].tolist() == [3]
    assert found["Plates"].tolist() == [frozenset({"P1", "P2"})]


def test_categories_sort_as_the_words_that_they_are() -> None:
    rows = pd.DataFrame(
        [row for name in "cab" for row in cells(name, 1, moa="M", well=f"B-{name}")]
    )
    expected, _ = aggregate(rows, column([1, 2, 3]), "treatment", "mean")
    for name in ("Metadata_Compound", "Metadata_MoA", "Metadata_Role", "Metadata_Batch"):
        rows[name] = pd.Categorical(rows[name], categories=pd.unique(rows[name]))
    found, values = aggregate(rows, column([1, 2, 3]), "treatment", "mean")
    assert values[:, 0].tolist() == [2, 3, 1]
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


@pytest.mark.parametrize("average", ["mean", "median"])
@pytest.mark.parametrize("level", ["site", "well", "treatment"])
def test_nothing_averages_to_nothing(level: Level, average: Average) -> None:
    rows = pd.DataFrame(cells("a", 1)).iloc[:0]
    found, values = aggregate(rows, np.zeros((0, 3)), level, average)
    assert len(found) == 0
    assert values.shape == (0, 3)
    assert "Profile_Cells" in found
    assert ("Batches" in found) == (level == "treatment")


@st.composite
def screens(draw: st.DrawFn) -> tuple[pd.DataFrame, np.ndarray]:
    places = st.tuples(
        st.sampled_from("ab"), st.sampled_from((0.1, 1.0)), st.sampled_from(("P1", "P2")),
        st.integers(1, 2),
    )  # fmt: skip
    rows: list[Row] = []
    for compound, dose, plate, site in draw(st.lists(places, min_size=1, max_size=25)):
        well = f"{'BC'['ab'.index(compound)]}{2 if dose == 0.1 else 3:02d}"
        rows += cells(compound, dose, plate=plate, well=well, site=site, batch=plate)
    numbers = st.lists(
        st.integers(-1000, 1000), min_size=2 * len(rows), max_size=2 * len(rows)
    ).map(lambda found: np.array(found, dtype=np.float64).reshape(-1, 2))
    return pd.DataFrame(rows), draw(numbers)


@settings(max_examples=25, deadline=None)
@given(screens(), st.randoms(use_true_random=False), st.sampled_from(("mean", "median")))
def test_the_order_of_rows_changes_nothing(
    screen: tuple[pd.DataFrame, np.ndarray], random: object, average: Average
) -> None:
    rows, values = screen
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    for level in ("site", "well", "treatment"):
        found, averages = aggregate(rows, values, level, average)
        again, shuffled = aggregate(rows.iloc[order], values[order], level, average)
        pd.testing.assert_frame_equal(found, again)
        np.testing.assert_allclose(averages, shuffled, rtol=0, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(screens())
def test_no_cell_is_lost_and_every_average_lies_among_its_cells(
    screen: tuple[pd.DataFrame, np.ndarray],
) -> None:
    metadata, values = screen
    for level in ("site", "well", "treatment"):
        metadata, values = aggregate(metadata, values, level, "mean")
        assert metadata["Profile_Cells"].sum() == len(screen[0])
    for row, (compound, dose) in enumerate(
        zip(metadata["Metadata_Compound"], metadata["Metadata_Concentration"], strict=True)
    ):
        own = (screen[0]["Metadata_Compound"] == compound) & (
            screen[0]["Metadata_Concentration"] == dose
        )
        mine = screen[1][own.to_numpy()]
        assert (values[row] >= mine.min(axis=0) - 1e-9).all()
        assert (values[row] <= mine.max(axis=0) + 1e-9).all()
        assert metadata["Profile_Cells"][row] == len(mine)
