from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.profiles.rows import correlated

from phenovae.profiles.moments import grouped_sums, is_constant, products_of, spread_by_group

cuts = st.lists(st.integers(1, 59), max_size=6, unique=True).map(sorted)


def cut(values: np.ndarray, at: list[int]) -> Iterator[np.ndarray]:
    yield from np.split(values, at)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), at=cuts, shift=st.sampled_from((0.0, 1e4)))
def test_blocks_of_any_size_give_the_covariance_of_all_rows(
    seed: int, at: list[int], shift: float
) -> None:
    values = correlated(seed, 60, 4) + shift
    found = products_of(cut(values, at), 4)
    assert found.count == 60
    np.testing.assert_allclose(found.mean, values.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.products / 60, np.cov(values.T, ddof=0), rtol=1e-9, atol=1e-9)
    assert np.array_equal(found.largest, np.abs(values).max(axis=0))


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), at=cuts, groups=st.integers(1, 4))
def test_blocks_of_any_size_give_the_spread_of_each_group(
    seed: int, at: list[int], groups: int
) -> None:
    values = correlated(seed, 60, 3)
    codes = np.concatenate(
        [np.arange(groups), np.random.default_rng(seed).integers(0, groups, 60 - groups)]
    )
    blocks = zip(cut(codes, at), cut(values, at), strict=True)
    found = spread_by_group(blocks, groups, 3)
    for code in range(groups):
        own = values[codes == code]
        assert found.count[code] == len(own)
        np.testing.assert_allclose(found.mean[code], own.mean(axis=0), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(
            found.squares[code], own.var(axis=0) * len(own), rtol=1e-9, atol=1e-12
        )
        assert np.array_equal(found.largest[code], np.abs(own).max(axis=0))


def test_a_large_mean_costs_a_small_spread_nothing() -> None:
    values = np.array([[1e8 - 1], [1e8 + 1]] * 50)
    assert products_of(cut(values, [7, 30]), 1).products[0, 0] == pytest.approx(100)


def test_a_constant_is_told_from_rounding_at_any_scale() -> None:
    spread = np.array([0.0, 1e-17, 1e-15, 1e-200, 0.5])
    largest = np.array([0.0, 0.1, 1e-15, 1e-200, 1e6])
    assert is_constant(spread, largest).tolist() == [True, True, False, False, False]


def test_sums_by_group_leave_a_group_without_rows_at_zero() -> None:
    values = np.array([[1.0, 2], [3, 4], [5, 6]])
    assert grouped_sums(values, np.array([2, 0, 2]), 3).tolist() == [[3, 4], [0, 0], [6, 8]]
