from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.profiles.rows import correlated, places, transformed

from phenovae.base.errors import InputError
from phenovae.profiles.control_rows import ControlRows
from phenovae.profiles.normalise import ControlTransform, fit
from phenovae.profiles.scaling import PercentileOptions, RobustZOptions, ZScoreOptions

ALL: tuple[ControlTransform, ...] = (
    ZScoreOptions(), RobustZOptions(), PercentileOptions(by="all"),
)  # fmt: skip
BY_PLATE: tuple[ControlTransform, ...] = (
    ZScoreOptions(by="plate"), RobustZOptions(by="plate"), PercentileOptions(),
)  # fmt: skip


def column(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=np.float64)[:, None]


def test_robust_z_scores_by_hand() -> None:
    found = transformed(RobustZOptions(), column(1, 2, 3, 4, 100), column(3, 5, 100))
    # Median 3; deviations 2, 1, 0, 1, 97 have the median 1.
    assert found[:, 0].tolist() == pytest.approx([0, 2 / 1.4826022, 97 / 1.4826022])


def test_robust_z_scores_of_a_normal_distribution_are_z_scores() -> None:
    values = np.random.default_rng(0).normal(5, 3, (200_000, 1))
    assert transformed(RobustZOptions(), values).std() == pytest.approx(1, abs=0.01)


def test_percentiles_by_hand() -> None:
    options = PercentileOptions(low=25, high=75, by="all")
    found = transformed(options, column(0, 1, 2, 3, 4), column(1, 3, 2, 7, -1))
    assert found[:, 0].tolist() == [0, 1, 0.5, 3, -1]


def test_percentiles_lie_between_rows_linearly() -> None:
    controls = np.random.default_rng(1).normal(size=(6, 3))
    low, high = np.percentile(controls, (1, 99), axis=0)
    found = transformed(PercentileOptions(), controls)
    np.testing.assert_allclose(found, (controls - low) / (high - low), rtol=1e-12)


@pytest.mark.parametrize("low", [50.0, 60.0])
def test_percentiles_that_do_not_rise_are_refused(low: float) -> None:
    with pytest.raises(ValidationError, match="low must be below high"):
        PercentileOptions(low=low, high=50)


@pytest.mark.parametrize("options", BY_PLATE)
def test_each_plate_is_scaled_by_its_own_controls(options: ControlTransform) -> None:
    controls = column(0, 2, 4, 10, 20, 30)
    where = places(["A1"] * 3 + ["B1"] * 3)
    by = fit(options, ControlRows.of(controls, where))
    found = by.apply(column(2, 20, 4, 30), places(["A1", "B1", "A1", "B1"]))[:, 0]
    assert found[0] == pytest.approx(found[1])
    assert found[2] == pytest.approx(found[3])
    one = transformed(options, controls[:3], column(2, 4))[:, 0]
    assert found[[0, 2]].tolist() == pytest.approx(one.tolist())


def test_batches_are_scaled_together() -> None:
    where = places(["A1", "A2", "B1", "B1"])
    by = fit(ZScoreOptions(by="batch"), ControlRows.of(column(0, 2, 10, 30), where))
    assert by.apply(column(2, 30), places(["A9", "B7"]))[:, 0].tolist() == [1, 1]


@pytest.mark.parametrize("options", BY_PLATE)
def test_plates_without_controls_are_named(options: ControlTransform) -> None:
    by = fit(options, ControlRows.of(column(0, 1, 5, 6), places(["A1"] * 2 + ["B1"] * 2)))
    with pytest.raises(InputError, match=r"fitted by plate.* in 2 of them: C1, D1"):
        by.apply(column(1, 2, 3), places(["D1", "A1", "C1"]))


@pytest.mark.parametrize("options", BY_PLATE)
def test_plates_of_a_single_control_are_named(options: ControlTransform) -> None:
    with pytest.raises(InputError, match="2 of them have a single control row: B1, B2"):
        fit(options, ControlRows.of(column(0, 1, 5, 6), places(["A1", "A1", "B1", "B2"])))


def test_few_controls_of_a_plate_are_named(caplog: pytest.LogCaptureFixture) -> None:
    where = places(["A1"] * 20 + ["B1"] * 6 + ["B2"] * 7)
    fit(ZScoreOptions(by="plate"), ControlRows.of(correlated(0, 33, 2), where))
    assert "only 6 controls of plate B1 fit the z-score, and fewer than 20 in 1 more" in caplog.text


@pytest.mark.parametrize("options", ALL)
@pytest.mark.parametrize("what", ["drop", "keep", "error"])
def test_a_feature_that_does_not_vary_is_dropped_kept_or_refused(
    options: ControlTransform, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    controls = correlated(0, 30, 3)
    controls[:, 1] = 0.3
    treated = controls[:2] + 1
    asked = type(options).model_validate({**options.model_dump(), "constant": what})
    seen = ControlRows.of(controls, places(["P"] * 30), ("a", "b", "c"))
    if what == "error":
        with pytest.raises(InputError, match=r"1 of 3 features .* the controls: b"):
            fit(asked, seen)
        return
    by = fit(asked, seen)
    found = by.apply(treated, places(["P", "P"]))
    assert by.kept.tolist() == [True, what == "keep", True]
    assert by.outputs == found.shape[1] == 3 - (what == "drop")
    assert np.isfinite(found).all()
    if what == "keep":
        assert found[:, 1].tolist() == pytest.approx([1, 1])
    assert ": b" in caplog.text


@pytest.mark.parametrize("options", BY_PLATE)
def test_a_feature_that_does_not_vary_on_one_plate_is_dropped_on_all(
    options: ControlTransform, caplog: pytest.LogCaptureFixture
) -> None:
    controls = correlated(0, 12, 2)
    controls[6:, 0] = 1e6 + 0.1
    where = places(["A1"] * 6 + ["B1"] * 6)
    by = fit(options, ControlRows.of(controls, where))
    assert by.kept.tolist() == [False, True]
    assert "the controls of some plate" in caplog.text
    assert np.isfinite(by.apply(controls, where)).all()


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32), exponent=st.integers(-150, 150),
    options=st.sampled_from(ALL),
)  # fmt: skip
def test_no_scale_is_too_small_or_too_large(
    seed: int, exponent: int, options: ControlTransform
) -> None:
    values = correlated(seed, 25, 3)
    one, other = transformed(options, values), transformed(options, values * 2.0**exponent)
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("options", ALL)
@given(seed=st.integers(0, 2**32), scale=st.floats(0.01, 100), shift=st.floats(-100, 100))
@settings(max_examples=15)
def test_shift_and_scale_of_a_feature_are_taken_out(
    options: ControlTransform, seed: int, scale: float, shift: float
) -> None:
    values = correlated(seed, 25, 2)
    one, other = transformed(options, values), transformed(options, values * scale + shift)
    np.testing.assert_allclose(one, other, atol=1e-7)
