from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tests.vae.known import floats

from phenovae.vae.latent_paths import linear, spherical, surroundings, traversal

ONE, OTHER = floats([2, 0, 0]), floats([0, 2, 0])


def test_halfway_on_the_line_between_orthogonal_vectors_is_their_mean_and_shorter() -> None:
    way = linear(ONE, OTHER, 3)
    assert way == pytest.approx(np.array([[2, 0, 0], [1, 1, 0], [0, 2, 0]]))


def test_a_third_of_the_arc_between_orthogonal_vectors_is_thirty_degrees_and_as_long() -> None:
    way = spherical(ONE, OTHER, 4)
    angles = np.radians([0, 30, 60, 90])
    expected = 2 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    assert way == pytest.approx(expected, abs=1e-6)


def test_on_the_arc_lengths_go_evenly_from_one_to_the_other() -> None:
    way = spherical(ONE, 3 * OTHER, 5)
    assert np.linalg.norm(way, axis=1) == pytest.approx([2, 3, 4, 5, 6], abs=1e-5)


@pytest.mark.parametrize("end", [3 * ONE, -ONE, 0 * ONE, ONE])
def test_where_there_is_no_arc_it_is_the_line(end: np.ndarray) -> None:
    way = spherical(ONE, floats(end), 5)
    assert np.isfinite(way).all()
    assert way == pytest.approx(linear(ONE, floats(end), 5))


def test_a_way_of_one_point_is_none() -> None:
    with pytest.raises(ValueError, match="two ends"):
        linear(ONE, OTHER, 1)
    with pytest.raises(ValueError, match="two ends"):
        spherical(ONE, OTHER, 1)


@given(
    arrays.arrays(np.float32, 5, elements=st.floats(-4, 4, width=32)),
    arrays.arrays(np.float32, 5, elements=st.floats(-4, 4, width=32)),
    st.integers(2, 9),
)
def test_ways_begin_and_end_where_they_should_and_lead_back_the_same(
    start: np.ndarray, end: np.ndarray, steps: int
) -> None:
    for way in (linear, spherical):
        there = way(start, end, steps)
        assert there.shape == (steps, 5)
        assert there.dtype == np.float32
        assert there[0] == pytest.approx(start, abs=1e-4)
        assert there[-1] == pytest.approx(end, abs=1e-4)
        assert way(end, start, steps)[::-1] == pytest.approx(there, abs=1e-3)


def test_a_traversal_changes_one_dimension_alone() -> None:
    way = traversal(ONE, 1, np.array([-1.0, 5.0]))
    assert way.tolist() == [[2, -1, 0], [2, 5, 0]]
    assert ONE.tolist() == [2, 0, 0]


def test_noise_grows_along_one_direction_in_units_of_the_spread() -> None:
    moved = surroundings(
        ONE, np.array([0.0, 1.0, 2.0]), np.array([1.0, 10.0, 0.0]), np.array([[1.0, 0.5, 9.0]])
    )
    assert moved[0].tolist() == [[2, 0, 0], [3, 5, 0], [4, 10, 0]]
