"""Sums over stretches of pixels and hulls of labels, against plain sums and against qhull."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from phenovae.cells.hulls import hull_areas
from phenovae.images.stretches import Stretches, areas_of, strips


def some_labels(seed: int, height: int, width: int) -> npt.NDArray[np.uint16]:
    """Labels 0 to 3 in ragged pieces; label 2 is often missing."""
    rng = np.random.default_rng(seed)
    coarse = rng.choice([0, 0, 1, 2, 3] if seed % 2 else [0, 1, 3], (height, width))
    return np.repeat(coarse, 2, axis=1)[:, :width].astype(np.uint16)


def all_hulls(labels: npt.NDArray[np.integer], owners: int) -> npt.NDArray[np.float64]:
    stretches = Stretches(labels, owners)
    return hull_areas(stretches, np.ones(len(stretches.owner), bool), owners)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 12))
def test_sums_and_moments_are_those_of_the_pixels(seed: int, height: int, width: int) -> None:
    labels = some_labels(seed, height, width)
    values = np.random.default_rng(seed).integers(0, 100, labels.shape).astype(float)
    stretches = Stretches(labels, 3)
    found = stretches.of_owners(
        [stretches.sums_of_strip(values[rows], rows) for rows in strips(labels.shape)]
    )
    moments = stretches.moments()
    for label in (1, 2, 3):
        y, x = np.nonzero(labels == label)
        assert found[label - 1] == values[labels == label].sum()
        told = [len(y), y.sum(), x.sum(), (y * y).sum(), (x * x).sum(), (y * x).sum()]
        assert moments[:, label - 1].tolist() == told


@given(st.integers(0, 2**32 - 1), st.integers(0, 9), st.integers(0, 12))
def test_areas_are_numbers_of_pixels_the_ground_and_missing_labels_too(
    seed: int, height: int, width: int
) -> None:
    labels = some_labels(seed, height, width)
    assert areas_of(labels, 5).tolist() == [np.count_nonzero(labels == k) for k in range(6)]


def test_strips_cover_every_row_once_and_begin_at_multiples() -> None:
    rows = list(strips((1001, 1280), 4))
    assert [each.start % 4 for each in rows] == [0] * len(rows)
    assert np.concatenate([np.arange(1001)[each] for each in rows]).tolist() == list(range(1001))
    assert [(each.start, each.stop) for each in strips((3, 1_000_000))] == [(0, 1), (1, 2), (2, 3)]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12))
def test_hulls_are_those_of_qhull(seed: int, height: int, width: int) -> None:
    labels = some_labels(seed, height, width)
    found = all_hulls(labels, 3)
    for label in (1, 2, 3):
        pixels = np.argwhere(labels == label)
        if not len(pixels):
            assert np.isnan(found[label - 1])
            continue
        corners = np.concatenate([pixels + step for step in ((0, 0), (0, 1), (1, 0), (1, 1))])
        assert found[label - 1] == pytest.approx(ConvexHull(corners).volume)


def test_the_hull_of_an_l_is_its_square_less_the_triangle_that_it_leaves_open() -> None:
    labels = np.zeros((5, 6), np.uint16)
    labels[:4, 0] = labels[3, :4] = 1
    assert all_hulls(labels, 1).tolist() == [16 - 4.5]
