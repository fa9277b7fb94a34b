from __future__ import annotations

import importlib.metadata
import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.profiles.rows import correlated, covariance, places, transformed

from phenovae.profiles.control_rows import ControlRows
from phenovae.profiles.normalise import fit
from phenovae.profiles.sphering import SphereOptions, fit_sphering

METHODS = ("pca", "zca", "pca-cor", "zca-cor")


def sphere(added: float = 0.0, **others: object) -> SphereOptions:
    return SphereOptions.model_validate({"regularization": added, **others})


def matrix_of(options: SphereOptions, values: np.ndarray) -> np.ndarray:
    return fit_sphering(options, ControlRows.of(values, places(["P"] * len(values)))).matrix


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**32), features=st.integers(1, 9), ddof=st.sampled_from((0, 1)),
    mode=st.sampled_from(("absolute", "relative", "singular")),
)  # fmt: skip
def test_without_regularisation_controls_get_the_identity_as_covariance(
    method: str, seed: int, features: int, ddof: int, mode: str
) -> None:
    values = correlated(seed, features + 20, features)
    found = transformed(sphere(method=method, mode=mode, ddof=ddof), values)
    own = 1 if mode == "singular" else ddof
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-8)
    np.testing.assert_allclose(covariance(found, own), np.eye(features), atol=1e-7)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), features=st.integers(2, 7))
def test_zca_is_symmetric_and_stays_closest_to_the_input(seed: int, features: int) -> None:
    values = correlated(seed, 60, features)
    matrix = matrix_of(sphere(method="zca"), values)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-9)
    centred = values - values.mean(axis=0)
    distance = ((centred @ matrix - centred) ** 2).sum()
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(features, features)))[0]
    for other in (matrix @ turn, matrix_of(sphere(method="pca"), values)):
        assert distance <= ((centred @ other - centred) ** 2).sum() + 1e-9


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("added", [0.0, 0.5])
def test_only_the_forms_of_the_correlation_matrix_ignore_the_scale_of_a_feature(
    method: str, added: float
) -> None:
    values = correlated(5, 80, 4)
    scaled = values * [1, 10, 1e-2, 1e2]
    one = transformed(sphere(added, method=method), values)
    other = transformed(sphere(added, method=method), scaled)
    # Products of rows are what cosine sees; without λ a rotation is all that is left.
    same = np.allclose(one @ one.T, other @ other.T, rtol=1e-6, atol=1e-6)
    assert same == (method.endswith("-cor") or added == 0)
    assert np.allclose(one, other, rtol=1e-6, atol=1e-6) == method.endswith("-cor")


@pytest.mark.parametrize("method", METHODS)
def test_features_times_ten_change_an_absolute_lambda_and_no_relative_one(method: str) -> None:
    values = correlated(6, 80, 4)

    def change(mode: str) -> float:
        one = transformed(sphere(0.5, method=method, mode=mode), values)
        other = transformed(sphere(0.5, method=method, mode=mode), 10 * values)
        return float(np.abs(one - other).max())

    assert change("relative") < 1e-9
    assert (change("absolute") > 0.01) == (not method.endswith("-cor"))
    assert (change("singular") > 0.001) == (not method.endswith("-cor"))


def test_each_lambda_by_hand() -> None:
    values = np.array([[-2.0], [2.0]] * 8)  # variance 4, or 64 / 15; singular value 8
    assert transformed(sphere(5.0), values).max() == pytest.approx(2 / 3)
    assert transformed(sphere(5.0, ddof=1), values).max() == pytest.approx(2 / np.sqrt(64 / 15 + 5))
    assert transformed(sphere(3.0, mode="relative"), values).max() == pytest.approx(2 / 4)
    assert transformed(sphere(2.0, mode="singular"), values).max() == pytest.approx(
        2 * np.sqrt(15) / (8 + 2)
    )


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32), rows=st.integers(8, 40), features=st.integers(2, 12))
def test_pca_equals_that_of_scikit_learn(seed: int, rows: int, features: int) -> None:
    from sklearn.decomposition import PCA

    values = correlated(seed, rows, features)
    rank = min(rows - 1, features)
    expected = PCA(rank, whiten=True, svd_solver="full").fit_transform(values)
    found = transformed(sphere(ddof=1, components=rank), values)[:, ::-1]
    assert found.shape == expected.shape
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found * signs, expected, atol=1e-6)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32), rows=st.integers(5, 60))
def test_shrinkage_equals_that_of_scikit_learn(seed: int, rows: int) -> None:
    from sklearn.covariance import LedoitWolf

    values = correlated(seed, rows, 8)
    model = LedoitWolf().fit(values)
    matrix = matrix_of(sphere(method="zca", shrinkage="ledoit-wolf"), values)
    np.testing.assert_allclose(matrix @ model.covariance_ @ matrix, np.eye(8), atol=1e-8)


@pytest.mark.parametrize("rows", [60, 12])
@pytest.mark.parametrize("method", METHODS)
def test_singular_equals_spherize_of_pycytominer(method: str, rows: int) -> None:
    theirs = pytest.importorskip("pycytominer.operations.transform")
    version = importlib.metadata.version("pycytominer")
    numbers = tuple(int(part) for part in version.split(".")[:3])
    assert numbers >= (1, 7, 1), "Spherize did not sphere before 1.7.1"
    values = correlated(9, rows, 15)
    treated = correlated(10, 30, 15)
    name = method.upper().replace("COR", "cor")
    model = theirs.Spherize(epsilon=1e-3, method=name, return_numpy=True).fit(pd.DataFrame(values))
    expected = model.transform(pd.DataFrame(treated))
    found = transformed(sphere(1e-3, method=method, mode="singular"), values, treated)
    # Where controls do not span all dimensions, how the others are turned is open: products of
    # rows are not.
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, rtol=1e-6)
    if method.startswith("zca"):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mode", ["absolute", "relative", "singular"])
@pytest.mark.parametrize("added", [0.0, 1e-6, 1.0])
def test_fewer_controls_than_features_stay_finite_and_repeat(
    method: str, mode: str, added: float
) -> None:
    values = correlated(1, 40, 50)
    values = np.column_stack([values, values[:, :3], values[:, 0] + values[:, 1]])
    options = sphere(added, method=method, mode=mode)
    found = transformed(options, values[:25], values)
    assert np.isfinite(found).all()
    assert np.array_equal(found, transformed(options, values[:25].copy(), values))


def test_features_of_small_numbers_are_not_taken_for_dimensions_that_are_missing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    values = correlated(2, 50, 4) * [1e4, 1, 1e-2, 1]
    found = transformed(sphere(), values)
    np.testing.assert_allclose(covariance(found), np.eye(4), atol=1e-4)
    assert "span" not in caplog.text
    tiny = transformed(sphere(method="zca-cor"), 1e-20 * values)
    np.testing.assert_allclose(covariance(tiny), np.eye(4), atol=1e-6)


def test_a_sum_of_two_features_leaves_one_dimension_out_whatever_the_scales(
    caplog: pytest.LogCaptureFixture,
) -> None:
    values = correlated(2, 50, 3) * [1e3, 1e-2, 1e2]
    values = np.column_stack([values, values[:, 0] / 1e3 + values[:, 2]])
    found = transformed(sphere(), values)
    assert "50 controls span 3 of 4 dimensions" in caplog.text
    assert np.linalg.matrix_rank(covariance(found)) == 3
    assert np.trace(covariance(found)) == pytest.approx(3, rel=1e-4)


def test_axes_have_the_sign_of_their_largest_weight() -> None:
    for method in ("pca", "pca-cor"):
        matrix = matrix_of(sphere(method=method), correlated(3, 80, 6))
        if method == "pca":
            assert (matrix[np.abs(matrix).argmax(axis=0), np.arange(6)] > 0).all()
        flipped = matrix_of(sphere(method=method), -correlated(3, 80, 6))
        np.testing.assert_allclose(matrix, flipped, rtol=1e-6, atol=1e-9)


def test_the_largest_components_are_kept() -> None:
    corners = np.array([[x, y] for x in (-1.0, 1.0) for y in (-3.0, 3.0)] * 10)
    found = transformed(sphere(components=1), corners)
    assert np.abs(found[:, 0]).tolist() == pytest.approx([1.0] * 40)
    assert np.sign(found[:, 0]).tolist() == np.sign(corners[:, 1]).tolist()
    assert transformed(sphere(components=9), corners).shape == (40, 2)


def test_components_of_a_form_that_rotates_back_are_refused() -> None:
    for method in ("zca", "zca-cor"):
        with pytest.raises(ValidationError, match="rotates back to all features"):
            sphere(method=method, components=2)


def test_constant_features_are_named(caplog: pytest.LogCaptureFixture) -> None:
    values = correlated(0, 30, 3)
    values[:, 1] = 0.1
    with caplog.at_level(logging.WARNING):
        by = fit(sphere(1.0), ControlRows.of(values, places(["P"] * 30), ("a", "b", "c")))
    assert by.kept.tolist() == [True, False, True]
    assert "1 of 3 features do not vary among the controls and are dropped: b" in caplog.text
