from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from phenovae.base.errors import InputError
from phenovae.profiles.control_rows import ControlRows
from phenovae.profiles.features import Mask, Matrix
from phenovae.profiles.normalise import ControlTransform, Fitted, fit
from phenovae.profiles.places import Labels, Places
from phenovae.profiles.scaling import ZScoreOptions
from phenovae.profiles.sphering import SphereOptions

Ddof = Literal[0, 1]
Mode = Literal["absolute", "relative"]


def whiten(added: float, mode: Mode = "absolute", ddof: Ddof = 0) -> SphereOptions:
    return SphereOptions(regularization=added, mode=mode, ddof=ddof)


def correlated(seed: int, rows: int, features: int) -> np.ndarray:
    """Rows whose features are correlated, with scales from a tenth to ten."""
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(random.normal(size=(features, features)))[0]
    scales = 10 ** random.uniform(-1, 1, features)
    found: np.ndarray = random.normal(size=(rows, features)) * scales @ turn + random.normal()
    return found


@dataclass(frozen=True)
class OfOnePlate:
    """A fitted transform for rows that are all of one plate."""

    by: Fitted

    @property
    def kept(self) -> Mask:
        return self.by.kept

    def apply(self, values: Matrix) -> Matrix:
        return self.by.apply(values, plate(len(values)))


def plate(rows: int) -> Places:
    zeros = np.zeros(rows, np.int64)
    return Places(rows, Labels(zeros, ("P",)), Labels(zeros, ("B",)))


def fitted(options: ControlTransform, values: Matrix, controls: Mask) -> OfOnePlate:
    """Fit on the rows that `controls` marks."""
    seen = ControlRows.of(values[controls], plate(int(controls.sum())))
    return OfOnePlate(fit(options, seen))


def first(count: int, total: int) -> np.ndarray:
    return np.arange(total) < count


def everyone(values: np.ndarray) -> np.ndarray:
    return np.ones(len(values), bool)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32), features=st.integers(1, 12), more=st.integers(25, 60),
    ddof=st.sampled_from((0, 1)), mode=st.sampled_from(("absolute", "relative")),
)  # fmt: skip
def test_without_regularisation_whitened_controls_have_the_identity_as_covariance(
    seed: int, features: int, more: int, ddof: Ddof, mode: Mode
) -> None:
    values = correlated(seed, features + more, features)
    found = fitted(whiten(0.0, mode, ddof), values, everyone(values)).apply(values)
    assert np.allclose(found.mean(axis=0), 0, atol=1e-9)
    covariance = np.atleast_2d(np.cov(found, rowvar=False, ddof=ddof))
    np.testing.assert_allclose(covariance, np.eye(features), atol=1e-7)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), features=st.integers(1, 8), added=st.floats(0.01, 10))
def test_regularised_variances_are_those_of_the_formula(
    seed: int, features: int, added: float
) -> None:
    values = correlated(seed, 60, features)
    found = fitted(whiten(added), values, everyone(values)).apply(values)
    eigenvalues = np.linalg.eigvalsh(np.atleast_2d(np.cov(values, rowvar=False, ddof=0)))
    expected = eigenvalues / (eigenvalues + added)
    covariance = np.atleast_2d(np.cov(found, rowvar=False, ddof=0))
    np.testing.assert_allclose(covariance, np.diag(expected), atol=1e-8)


def test_an_absolute_regularisation_depends_on_the_scale_by_hand() -> None:
    values = np.array([[-1.0], [1.0]] * 20)
    small = fitted(whiten(1.0), values, everyone(values)).apply(values)
    large = fitted(whiten(1.0), 10 * values, everyone(values)).apply(10 * values)
    assert np.abs(small).max() == pytest.approx(1 / np.sqrt(2))
    assert np.abs(large).max() == pytest.approx(10 / np.sqrt(101))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), features=st.integers(2, 8), added=st.floats(0.01, 10))
def test_a_relative_regularisation_does_not_depend_on_the_scale(
    seed: int, features: int, added: float
) -> None:
    values = correlated(seed, 50, features)

    def likeness(scale: float, mode: Mode) -> np.ndarray:
        # Axes may change their sign, products of rows may not.
        found = fitted(whiten(added, mode), scale * values, everyone(values)).apply(scale * values)
        return found @ found.T

    np.testing.assert_allclose(
        likeness(1, "relative"), likeness(10, "relative"), rtol=1e-7, atol=1e-7
    )
    assert not np.allclose(likeness(1, "absolute"), likeness(10, "absolute"), rtol=1e-3)


def test_relative_means_times_the_mean_eigenvalue_by_hand() -> None:
    corners = np.array([[x, y] for x in (-1.0, 1.0) for y in (-3.0, 3.0)] * 10)
    found = fitted(whiten(0.2, "relative"), corners, everyone(corners)).apply(corners)
    added = 0.2 * (1 + 9) / 2
    expected = sorted([1 / (1 + added), 9 / (9 + added)])
    assert sorted(found.var(axis=0)) == pytest.approx(expected)


def test_after_z_scores_absolute_and_relative_are_the_same() -> None:
    values = correlated(3, 80, 6)
    scored = fitted(ZScoreOptions(), values, everyone(values)).apply(values)
    for added in (0.01, 1.0):
        one = fitted(whiten(added, "absolute"), scored, everyone(values))
        other = fitted(whiten(added, "relative"), scored, everyone(values))
        np.testing.assert_allclose(one.apply(scored), other.apply(scored), rtol=1e-9)


@pytest.mark.parametrize("ddof", [0, 1])
def test_z_scores_by_hand(ddof: Ddof) -> None:
    controls = np.array([[0.0], [2.0], [4.0], [6.0]])
    values = np.concatenate([controls, [[13.0]]])
    found = fitted(ZScoreOptions(ddof=ddof), values, first(4, 5)).apply(values)
    assert found[4, 0] == pytest.approx(10 / np.sqrt(20 / (4 - ddof)))
    assert found[:4].mean() == pytest.approx(0)


@pytest.mark.parametrize("ddof", [0, 1])
def test_the_covariance_is_divided_by_n_less_ddof(ddof: Ddof) -> None:
    controls = np.array([[0.0], [2.0], [4.0], [6.0]])
    found = fitted(whiten(1.0, "absolute", ddof), controls, everyone(controls)).apply(controls)
    assert np.abs(found).max() == pytest.approx(3 / np.sqrt(20 / (4 - ddof) + 1))


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32), scale=st.floats(-1e6, 1e6),
    options=st.sampled_from((ZScoreOptions(), whiten(0.0), whiten(1.0), whiten(0.1, "relative"))),
)  # fmt: skip
def test_what_was_treated_is_not_looked_at(
    seed: int, scale: float, options: ControlTransform
) -> None:
    values = correlated(seed, 60, 4)
    changed = values.copy()
    changed[30:] = changed[30:] * scale + scale
    one, other = fitted(options, values, first(30, 60)), fitted(options, changed, first(30, 60))
    assert np.array_equal(one.apply(values), other.apply(values))
    assert np.array_equal(one.kept, other.kept)


@pytest.mark.parametrize("options", [ZScoreOptions(), whiten(0.0)])
def test_a_feature_constant_among_the_controls_is_dropped_and_said(
    options: ControlTransform, caplog: pytest.LogCaptureFixture
) -> None:
    values = correlated(0, 40, 3)
    values[:, 1] = 0.1
    values[30:, 1] = 7.0
    by = fitted(options, values, first(30, 40))
    assert by.kept.tolist() == [True, False, True]
    assert "1 of 3 features do not vary among the controls" in caplog.text
    found = by.apply(values)
    assert found.shape == (40, 2)
    assert np.isfinite(found).all()
    without = fitted(options, values[:, [0, 2]], first(30, 40)).apply(values[:, [0, 2]])
    np.testing.assert_allclose(found, without, rtol=1e-12)


def test_controls_that_are_all_the_same_are_refused() -> None:
    with pytest.raises(InputError, match="no feature varies among the controls"):
        fitted(ZScoreOptions(), np.full((30, 2), 0.3), first(30, 30))


def test_fewer_controls_than_features_stay_finite_repeat_and_are_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    values = np.random.default_rng(1).normal(size=(40, 50))
    for added in (0.0, 1e-6):
        caplog.clear()
        found = fitted(whiten(added), values, first(25, 40)).apply(values)
        assert np.isfinite(found).all()
        assert "25 controls span 24 of 50 dimensions" in caplog.text
        again = fitted(whiten(added), values, first(25, 40)).apply(values)
        assert np.array_equal(found, again)


def test_a_large_regularisation_makes_up_for_missing_dimensions(
    caplog: pytest.LogCaptureFixture,
) -> None:
    values = np.random.default_rng(1).normal(size=(40, 50))
    found = fitted(whiten(1.0), values, first(25, 40)).apply(values)
    assert "span" not in caplog.text
    # No direction may grow: every factor is at most 1 / sqrt(λ).
    assert (np.linalg.norm(found, axis=1) <= np.linalg.norm(values - values[:25].mean(0), axis=1)
            + 1e-9).all()  # fmt: skip


def test_a_duplicated_feature_is_no_reason_to_fail() -> None:
    values = correlated(2, 60, 3)
    doubled = np.column_stack([values, values[:, 0]])
    found = fitted(whiten(0.1), doubled, first(40, 60)).apply(doubled)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("options", [ZScoreOptions(), whiten(1.0)])
def test_few_controls_are_said(options: ControlTransform, caplog: pytest.LogCaptureFixture) -> None:
    values = correlated(0, 40, 2)
    fitted(options, values, first(19, 40))
    assert f"only 19 controls fit the {options.name}" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO):
        fitted(options, values, first(20, 40))
    assert caplog.text == ""


@pytest.mark.parametrize("options", [ZScoreOptions(), whiten(1.0)])
def test_two_controls_are_the_least(options: ControlTransform) -> None:
    values = np.array([[0.0], [1.0], [5.0]])
    for count in (0, 1):
        with pytest.raises(InputError, match=f"{count} control rows cannot fit") as said:
            fitted(options, values, first(count, 3))
        assert "negative controls" in str(said.value)
    assert np.isfinite(fitted(options, values, first(2, 3)).apply(values)).all()


def test_settings_that_mean_nothing_are_refused() -> None:
    for wrong in ({"regularization": -1}, {"regularization": float("nan")}, {},
                  {"regularization": 1, "mode": "floor"}, {"regularization": 1, "ddof": 2},
                  {"regularization": 1, "lambda": 1}):  # fmt: skip
        with pytest.raises(ValidationError):
            SphereOptions.model_validate(wrong)
