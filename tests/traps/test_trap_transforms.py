"""What transforms are fitted on, and with how many: traps 11 to 15, 19 and 32."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from tests.profiles.screens import Row, cells, controls, table
from tests.traps.by_hand import PLAIN, changed, records_of, with_recipe

from phenovae.base.errors import InputError
from phenovae.evaluate.protocol import Protocol, load_protocol, protocol_labels
from phenovae.profiles.features import FeatureTable
from phenovae.profiles.recipe import Profiles, make_profiles
from phenovae.screen.audit import audit_structure


def fitted(protocol: Protocol, *transforms: dict[str, object], **told: object) -> Protocol:
    return with_recipe(protocol, transform_at="well", transforms=transforms, **told)


def profiles_of(features: FeatureTable, *transforms: dict[str, object]) -> Profiles:
    return make_profiles(features, fitted(PLAIN, *transforms).recipe)


def line(values: list[float]) -> FeatureTable:
    """Twenty wells of DMSO at -1 and 1, and wells of treatments at these values."""
    rows = [row for number in range(20) for row in controls(1, well=f"A{number + 1:02d}")]
    rows += [
        row
        for number in range(len(values))
        for row in cells(f"c{number}", 1, moa="XY"[number % 2], well=f"B{number + 1:02d}")
    ]
    return table(rows, [*([-1.0, 1.0] * 10), *values])


def scaled(features: FeatureTable, by: float) -> FeatureTable:
    return FeatureTable(features.name, features.metadata, features.values * by, features.columns)


def test_an_absolute_lambda_depends_on_the_scale_and_a_relative_one_does_not() -> None:
    """Trap 11: λ may be added to eigenvalues or be a share of them, and the record says which."""
    for mode, plain, tenfold in (
        ("absolute", 2 / np.sqrt(1 + 1), 20 / np.sqrt(100 + 1)),
        ("relative", 2 / np.sqrt(1 + 1), 2 / np.sqrt(1 + 1)),
    ):
        sphere: dict[str, object] = {"name": "sphere", "regularization": 1.0, "mode": mode}
        world = line([2.0, 3.0])
        assert abs(profiles_of(world, sphere).values[0, 0]) == pytest.approx(plain)
        assert abs(profiles_of(scaled(world, 10), sphere).values[0, 0]) == pytest.approx(tenfold)
        record = records_of(world, fitted(PLAIN, sphere))["NSC"]
        parameters = record["parameters"]
        assert isinstance(parameters, dict)
        (transform,) = parameters["recipe"]["transforms"]
        assert (transform["mode"], transform["regularization"]) == (mode, 1.0)
    with pytest.raises(ValidationError, match="regularization"):
        fitted(PLAIN, {"name": "sphere"})


def screen() -> tuple[list[Row], np.ndarray]:
    """Two plates of twenty DMSO fields each, then two wells of a and two of b; four features."""
    rows: list[Row] = []
    for plate in ("W1_1", "W2_1"):
        for number in range(20):
            rows += controls(1, plate=plate, well=f"A{number + 1:02d}", batch=plate[:2])
    for name, moa, well in (("a", "X", "H01"), ("b", "Y", "H02")):
        for plate in ("W1_1", "W2_1"):
            rows += cells(name, 1, moa=moa, plate=plate, batch=plate[:2], well=well)
    return rows, np.random.default_rng(8).normal(size=(len(rows), 4))


@pytest.mark.parametrize("name", protocol_labels())
def test_wells_that_were_treated_fit_no_transform(name: str) -> None:
    """Trap 12: another drug's wells, however strange, move no profile by a bit."""
    rows, values = screen()
    names = ["dapi_0", "dapi_1", "tubulin_0", "actin_0"]
    strange = values.copy()
    strange[-2:] = 1e4 * np.arange(1, 9).reshape(2, 4)
    recipe = load_protocol(name).recipe.model_copy(update={"only_at": False})
    found = [
        make_profiles(
            FeatureTable("f", table(rows, each).metadata, each, tuple(names)), recipe
        ).values
        for each in (values, strange)
    ]
    assert np.array_equal(found[0][0], found[1][0])
    assert not np.array_equal(found[0][1], found[1][1])


def test_a_fit_on_all_wells_is_named_and_never_the_protocol_itself() -> None:
    """Trap 12: scores whose transforms have seen treated wells carry it in their name."""
    recipe = {**load_protocol("cells-mean").recipe.model_dump(), "fit_on": "all_wells"}
    with pytest.raises(ValidationError, match=r"a name that ends in \+fit-all"):
        changed(load_protocol("cells-mean"), recipe=recipe)
    named = load_protocol("cells-mean").fitted_on_all_wells()
    assert named.label == "cells-mean+fit-all@1"
    assert records_of(line([2.0, 3.0]), named)["NSC"]["fitted_on"] == {
        "wells": "all_wells", "rows": 22,
    }  # fmt: skip


def test_fewer_controls_than_features_are_warned_of_and_stay_finite(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Trap 13: a covariance without full rank and a small λ blow up what is only rounding."""
    rows = controls(6) + cells("a", 1, moa="X", well="B01")
    world = table(rows, np.random.default_rng(3).normal(size=(7, 10)))
    sphere: dict[str, object] = {"name": "sphere", "regularization": 1e-9}
    recipe = with_recipe(PLAIN, transforms=[sphere]).recipe
    found = [make_profiles(world, recipe).values for _ in range(2)]
    assert np.isfinite(found[0]).all()
    assert np.array_equal(found[0], found[1])
    assert "6 controls span 5 of 10 dimensions and λ is small" in caplog.text
    caplog.clear()
    none: dict[str, object] = {"name": "sphere", "regularization": 0.0}
    bare = make_profiles(world, with_recipe(PLAIN, transforms=[none]).recipe).values
    # Controls that span five dimensions have nothing in the others, and neither has the profile.
    assert np.count_nonzero(np.abs(bare) > 1e-6) == 5
    assert "without λ the rest is left out" in caplog.text


def six_a_plate() -> tuple[list[Row], np.ndarray]:
    """Six DMSO wells and a treated one on each of two plates; the second feature is 7 on one."""
    rows: list[Row] = []
    for plate, name, moa in (("W1_1", "a", "X"), ("W2_1", "b", "Y")):
        for number in range(6):
            rows += controls(1, plate=plate, well=f"A{number + 1:02d}", batch=plate[:2])
        rows += cells(name, 1, moa=moa, plate=plate, batch=plate[:2], well="B01")
    values = np.random.default_rng(5).normal(size=(14, 2))
    values[:6, 1] = 7.0
    return rows, values


def test_a_scale_fitted_on_six_wells_of_a_plate_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Trap 14: six wells say little of a plate's scale, and the noise of it goes into profiles."""
    rows, values = six_a_plate()
    profiles_of(table(rows, values[:, 0]), {"name": "z-score", "by": "plate"})
    assert (
        "only 6 controls of plate W1_1 fit the z-score, and fewer than 20 in 1 more" in caplog.text
    )
    caplog.clear()
    profiles_of(line([2.0, 3.0]), {"name": "z-score"})
    assert caplog.text == ""
    said = [each.what for each in audit_structure(table(rows, values).metadata).findings]
    assert any(each.startswith("6 negative control wells a plate: too few") for each in said)


@pytest.mark.parametrize("name", ["z-score", "robust-z", "percentile"])
def test_a_feature_that_does_not_vary_on_one_plate_is_dropped_on_all_and_listed(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Trap 15: divided by a range of zero it would be infinite on that plate."""
    rows, values = six_a_plate()
    by_plate: dict[str, object] = {"name": name, "by": "plate"}
    found = profiles_of(table(rows, values), by_plate)
    assert found.values.shape == (2, 1)
    assert found.dropped == ("x1",)
    assert "of some plate and are dropped: x1" in caplog.text
    record = records_of(table(rows, values), fitted(PLAIN, by_plate))["NSC"]
    assert record["features_dropped"] == ["x1"]
    kept = profiles_of(table(rows, values), {**by_plate, "constant": "keep"})
    assert kept.values[0, 1] == values[6, 1] - 7.0
    assert np.isfinite(kept.values).all()
    with pytest.raises(InputError, match="x1"):
        profiles_of(table(rows, values), {**by_plate, "constant": "error"})


def test_means_commute_with_a_rotation_medians_do_not_and_the_record_tells_the_order() -> None:
    """Trap 19: the median of three wells after a rotation is not the rotation of their median."""
    rows = [row for number in range(20) for row in controls(1, well=f"A{number + 1:02d}")]
    rows += [
        row for number in range(3) for row in cells("a", 1, moa="X", well=f"B{number + 1:02d}")
    ]
    values = np.random.default_rng(4).normal(size=(23, 3)) * [1, 2, 3]
    sphere: dict[str, object] = {"name": "sphere", "regularization": 0.1}

    def profile(average: str, cells_of_a: np.ndarray) -> np.ndarray:
        given = np.vstack([values[:20], cells_of_a])
        levels = [{"level": "well"}, {"level": "treatment", "average": average}]
        return make_profiles(table(rows, given), fitted(PLAIN, sphere, levels=levels).recipe).values

    for average, commutes in (("mean", True), ("median", False)):
        before = getattr(np, average)(values[20:], axis=0)
        apart = np.abs(profile(average, values[20:]) - profile(average, np.tile(before, (3, 1))))
        assert bool(apart.max() < 1e-9) is commutes
    # The recipe's median is that of wells which are transformed already.
    wells = [profile("mean", np.tile(each, (3, 1)))[0] for each in values[20:]]
    assert profile("median", values[20:])[0] == pytest.approx(np.median(wells, axis=0))
    levels = load_protocol("ljosa2013-wells").recipe.levels
    assert [each.average for each in levels] == ["mean", "mean"]
    parameters = records_of(table(rows, values), "caicedo2018")["NSC"]["parameters"]
    assert isinstance(parameters, dict)
    assert parameters["recipe"]["transform_at"] == "site"
    assert [(each["level"], each["average"]) for each in parameters["recipe"]["levels"]] == [
        ("site", "mean"), ("well", "mean"), ("treatment", "mean"),
    ]  # fmt: skip


def test_transforms_of_a_batch_with_few_controls_are_warned_of_by_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Trap 32: Week10 has 18 wells of DMSO, too few for a covariance of its own."""
    rows: list[Row] = []
    for batch, count in (("Week1", 24), ("Week10", 18)):
        for number in range(count):
            rows += controls(1, plate=f"{batch}_1", well=f"A{number + 1:02d}", batch=batch)
        rows += cells("a", 1, moa="X", plate=f"{batch}_1", batch=batch, well="B01")
    world = table(rows, np.random.default_rng(6).normal(size=(44, 2)))
    z: dict[str, object] = {"name": "z-score"}
    profiles_of(world, z, {"name": "coral", "by": "batch"})
    assert "coral aligns groups of few controls: Week10 (18)" in caplog.text
    caplog.clear()
    profiles_of(world, {**z, "by": "batch"})
    assert "only 18 controls of batch Week10 fit the z-score" in caplog.text
    said = [
        each for each in audit_structure(world.metadata).findings if "batches with" in each.what
    ]
    assert said[0].names == ("Week10 (18)",)
