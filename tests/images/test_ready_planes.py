"""Planes made smaller and larger, and distances in them, against plain ways to the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from phenovae.images.segmentation.planes import distance_from, enlarged, reduced

Floats = npt.NDArray[np.float32]
planes = arrays(np.float32, array_shapes(min_dims=2, max_dims=2), elements=st.integers(0, 4095))


@given(planes, st.integers(1, 7))
def test_a_reduced_plane_has_the_means_of_squares_and_goes_on_with_its_edge(
    plane: Floats, factor: int
) -> None:
    missing = [(0, -side % factor) for side in plane.shape]
    wide = np.pad(plane, missing, mode="edge")
    squares = wide.reshape(wide.shape[0] // factor, factor, wide.shape[1] // factor, factor)
    np.testing.assert_allclose(reduced(plane, factor), squares.mean((1, 3)), rtol=1e-5)


@given(planes, st.integers(1, 5))
def test_an_enlarged_plane_is_linear_between_middles_and_flat_beyond_them(
    plane: Floats, factor: int
) -> None:
    rows, columns = (
        np.clip((np.arange(side * factor) + 0.5) / factor - 0.5, 0, side - 1)
        for side in plane.shape
    )
    places = np.meshgrid(rows, columns, indexing="ij")
    wanted = ndimage.map_coordinates(plane.astype(float), places, order=1, mode="nearest")
    np.testing.assert_allclose(enlarged(plane, factor), wanted, rtol=1e-5, atol=1e-3)


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_distances_are_those_from_the_nearest_pixel_of_the_ground(
    ground: npt.NDArray[np.bool_],
) -> None:
    found = distance_from(ground)
    places = np.argwhere(ground)
    for place, distance in np.ndenumerate(found):
        far = np.hypot(*(places - place).T) if len(places) else np.asarray([np.inf])
        assert distance == pytest.approx(far.min())
