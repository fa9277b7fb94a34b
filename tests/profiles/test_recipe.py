from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from tests.profiles.screens import cells, controls, table

from phenovae.base.errors import InputError
from phenovae.profiles.control_rows import ControlRows
from phenovae.profiles.normalise import fit
from phenovae.profiles.places import Places
from phenovae.profiles.recipe import Profiles, Recipe, make_profiles
from phenovae.profiles.sphering import SphereOptions

Z: dict[str, object] = {"name": "z-score"}


def recipe(*levels: str, at: str = "cell", transforms: tuple[object, ...] = (Z,)) -> Recipe:
    return Recipe.model_validate(
        {
            "levels": [{"level": level} for level in levels],
            "transform_at": at,
            "transforms": list(transforms),
        }
    )


def names(profiles: Profiles) -> list[str]:
    return profiles.metadata["Metadata_Compound"].tolist()


def test_a_transform_is_fitted_at_its_level() -> None:
    rows = controls(2, site=1) + controls(2, site=2) + cells("a", 1, 2, moa="M")
    features = table(rows, [0, 2, 4, 6, 6, 8])
    by_cell = make_profiles(features, recipe("site", "treatment", at="cell"))
    assert by_cell.values.tolist() == [[pytest.approx(4 / np.sqrt(5))]]
    assert (by_cell.cells, by_cell.fitted_on) == (2, 4)
    by_site = make_profiles(features, recipe("site", "treatment", at="site"))
    assert by_site.values.tolist() == [[pytest.approx(4 / 2)]]
    assert (by_site.cells, by_site.fitted_on) == (2, 2)


def test_transforms_are_applied_in_their_order() -> None:
    features = table(controls(40) + cells("a", 1, moa="M"), [-2, 2] * 20 + [4])
    whiten = {"name": "sphere", "regularization": 1.0}
    whitened_last = make_profiles(features, recipe("treatment", transforms=(Z, whiten)))
    scored_last = make_profiles(features, recipe("treatment", transforms=(whiten, Z)))
    assert np.abs(whitened_last.values) == pytest.approx(2 / np.sqrt(2))
    assert np.abs(scored_last.values) == pytest.approx(2)


def test_means_commute_with_a_transform_and_medians_need_not() -> None:
    wells = [row for number in (2, 3, 4) for row in cells("a", 1, moa="M", well=f"B{number:02d}")]
    features = table(
        controls(30) + wells, np.random.default_rng(4).normal(size=(33, 3)) * [1, 2, 3]
    )

    def profile(average: str, *, transformed: bool) -> np.ndarray:
        made = Recipe.model_validate(
            {
                "levels": [{"level": "treatment", "average": average}],
                "transforms": [{"name": "sphere", "regularization": 0.1}] if transformed else [],
            }
        )
        return make_profiles(features, made).values

    everywhere = Places.of(features.metadata)
    seen = ControlRows.of(features.values[:30], everywhere.take(slice(30)))
    whitening = fit(SphereOptions(regularization=0.1), seen)
    np.testing.assert_allclose(
        profile("mean", transformed=True),
        whitening.apply(profile("mean", transformed=False), everywhere),
        atol=1e-9,
    )
    assert not np.allclose(
        profile("median", transformed=True),
        whitening.apply(profile("median", transformed=False), everywhere),
        atol=1e-3,
    )


def test_neither_controls_nor_unknown_compounds_get_into_a_profile() -> None:
    base = controls(25) + cells("taxol", 0.3, 4, moa="stabilizer", well="D05")
    numbers = [*np.linspace(-1, 1, 25).tolist(), 3.0, 4.0, 5.0, 6.0]
    alone = make_profiles(table(base, numbers), recipe("well", "treatment"))
    positive = cells("taxol", 0.3, 50, moa="stabilizer", well="B11", role="positive_control")
    unknown = cells("mystery", 1, 9, well="E05")
    other = cells("medium", 0, 9, moa="none", well="E06", role="other")
    strange = [1e3] * (len(positive) + len(unknown) + len(other))
    rows = base + positive + unknown + other
    beside = make_profiles(table(rows, [*numbers, *strange]), recipe("well", "treatment"))
    assert names(alone) == names(beside) == ["taxol"]
    assert np.array_equal(alone.values, beside.values)
    assert beside.metadata["Profile_Cells"].tolist() == [4]
    assert beside.metadata["Profile_Wells"].tolist() == [1]
    assert (beside.cells, beside.fitted_on) == (4, 25)


@pytest.mark.parametrize("levels", [("treatment",), ("site", "well", "treatment")])
def test_treatments_of_no_mechanism_get_profiles_where_they_are_asked_for(
    levels: tuple[str, ...],
) -> None:
    rows = controls(25) + cells("a", 1, 2, moa="M", well="D05") + cells("new", 1, 3, well="E05")
    numbers = [*np.linspace(-1, 1, 25).tolist(), 3.0, 4.0, 5.0, 6.0, 7.0]
    alone = make_profiles(table(rows, numbers), recipe(*levels))
    found = make_profiles(table(rows, numbers), recipe(*levels), with_unannotated=True)
    assert names(found) == ["a", "new"]
    assert found.metadata["Metadata_MoA"].isna().tolist() == [False, True]
    assert np.allclose(found.values[:1], alone.values, rtol=1e-12)
    assert found.values[1] > found.values[0]
    assert found.fitted_on == alone.fitted_on == 25


def test_a_control_with_a_mechanism_is_still_no_treatment() -> None:
    rows = controls(25) + cells("a", 1, 2, moa="M")
    for row in rows[:25]:
        row["Metadata_MoA"] = "DMSO"
    found = make_profiles(table(rows, np.arange(27)), recipe("treatment"))
    assert names(found) == ["a"]
    assert found.cells == 2


def test_a_compound_used_as_negative_control_and_treatment_is_told_apart_by_its_role() -> None:
    rows = controls(25) + cells("DMSO", 0.0, 2, moa="solvent", well="E05")
    found = make_profiles(table(rows, np.arange(27)), recipe("treatment", transforms=()))
    assert found.values.tolist() == [[25.5]]


def test_without_controls_the_error_says_what_to_do() -> None:
    rows = cells("a", 1, 3, moa="M")
    for at, levels in (("cell", ("treatment",)), ("site", ("site", "treatment"))):
        with pytest.raises(InputError, match="no negative controls") as said:
            make_profiles(table(rows, [1, 2, 3]), recipe(*levels, at=at))
        assert "evaluate.fit_on" in str(said.value)
    plain = make_profiles(table(rows, [1, 2, 3]), recipe("treatment", transforms=()))
    assert plain.values.tolist() == [[2]]
    assert plain.fitted_on == 0


def test_a_screen_without_known_mechanisms_has_no_profiles() -> None:
    rows = controls(25) + cells("a", 1, 2)
    for levels in (("treatment",), ("site", "well", "treatment")):
        found = make_profiles(table(rows, np.arange(27)), recipe(*levels))
        assert found.values.shape == (0, 1)
        assert len(found.metadata) == 0
        assert {"Batches", "Profile_Wells", "Profile_Cells"} <= set(found.metadata)


@pytest.mark.parametrize(
    ("levels", "at", "why"),
    [
        ((), "cell", "must rise and end with treatment"),
        (("site", "well"), "cell", "must rise and end with treatment"),
        (("well", "site", "treatment"), "cell", "must rise and end with treatment"),
        (("well", "well", "treatment"), "cell", "must rise and end with treatment"),
        (("cell", "treatment"), "cell", "cell is no level to average into"),
        (("treatment",), "treatment", "transform_at must be one of cell"),
        (("site", "treatment"), "well", "transform_at must be one of cell, site"),
        (("plate", "well", "treatment"), "cell", "must rise and end with treatment"),
        (("field", "treatment"), "cell", "Input should be"),
        (("treatment",), "field", "Input should be"),
    ],
)
def test_recipes_that_cannot_be_are_refused(levels: tuple[str, ...], at: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        recipe(*levels, at=at)


def test_a_transform_of_unknown_name_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"z-score.*sphere"):
        recipe("treatment", transforms=({"name": "combat"},))
