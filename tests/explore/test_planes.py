"""Maps of points."""

from __future__ import annotations

import numpy as np
import pytest

from phenovae.explore.planes import principal_plane, umap_plane


def test_the_first_component_is_the_line_that_points_lie_on() -> None:
    values = np.array([[-3.0, -4.0], [0.0, 0.0], [3.0, 4.0]], np.float32)
    plane, shares = principal_plane(values, np.ones(3, bool))
    assert np.allclose(plane, [[-5, 0], [0, 0], [5, 0]], atol=1e-5)
    assert np.allclose(shares, (1, 0), atol=1e-9)


def test_components_are_those_of_the_rows_they_are_fitted_on() -> None:
    values = np.array([[-1, 0], [1, 0], [0, 9]], np.float32)
    plane, shares = principal_plane(values, np.array([True, True, False]))
    assert shares[0] == 1
    assert np.allclose(np.abs(plane[:, 0]), [1, 1, 0], atol=1e-6)


def test_a_row_that_is_no_number_lies_nowhere_and_bends_nothing() -> None:
    values = np.array([[-1, 0], [np.nan, 5], [1, 0], [np.inf, 1]], np.float32)
    plane, _ = principal_plane(values, np.ones(4, bool))
    assert np.isnan(plane[[1, 3]]).all()
    assert np.allclose(np.abs(plane[[0, 2], 0]), 1)


def test_one_row_and_one_dimension_have_a_place_too() -> None:
    alone, shares = principal_plane(np.ones((1, 3), np.float32), np.ones(1, bool))
    assert alone.tolist() == [[0, 0]]
    assert list(shares) == [0, 0]
    thin, _ = principal_plane(np.array([[1.0], [3.0]], np.float32), np.ones(2, bool))
    assert np.allclose(thin, [[-1, 0], [1, 0]])


def test_equal_rows_share_a_place_without_a_fault() -> None:
    plane, shares = principal_plane(np.ones((4, 3), np.float32), np.ones(4, bool))
    assert np.allclose(plane, 0)
    assert list(shares) == [0, 0]


def test_many_dimensions_give_the_plane_that_few_would() -> None:
    random = np.random.default_rng(0)
    few = random.normal(size=(40, 2)) * [9, 4]
    turned, _ = np.linalg.qr(random.normal(size=(1200, 2)))
    plane, shares = principal_plane((few @ turned.T).astype(np.float32), np.ones(40, bool))
    exact, wanted = principal_plane(few, np.ones(40, bool))
    assert np.allclose(np.abs(plane), np.abs(exact), atol=1e-3)
    assert np.allclose(shares, wanted, rtol=0.03)


@pytest.mark.slow
def test_a_umap_has_a_place_for_all_rows_that_are_numbers_and_none_for_too_few() -> None:
    pytest.importorskip("umap")
    values = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    values[4] = np.nan
    plane = umap_plane(values, 0)
    assert np.isnan(plane[4]).all()
    assert np.isfinite(np.delete(plane, 4, axis=0)).all()
    assert np.isnan(umap_plane(values[:5], 0)).all()
