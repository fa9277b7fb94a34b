from __future__ import annotations

import numpy as np
from tests.vae.known import floats

from phenovae.vae.cell_neighbours import nearest_cells

PLACES = floats([[0, 0], [3, 4], [0, 1], [0, 100], [0, 2]])


def test_neighbours_come_nearest_first_with_their_distances_and_never_the_cell() -> None:
    rows, away = nearest_cells(PLACES, np.array([0, 3]), np.arange(5), 3)
    # From (0, 100): (3, 4) is √9225 ≈ 96.05 away, (0, 2) 98 and (0, 1) 99.
    assert rows.tolist() == [[2, 4, 1], [1, 4, 2]]
    assert away[0].tolist() == [1, 2, 5]
    assert away[1].tolist() == [9225**0.5, 98, 99]


def test_only_those_that_may_be_looked_at_are_found() -> None:
    rows, away = nearest_cells(PLACES, np.array([0]), np.array([1, 3]), 5)
    assert rows.tolist() == [[1, 3]]
    assert away.tolist() == [[5, 100]]


def test_a_cell_that_is_alone_has_no_neighbour() -> None:
    rows, away = nearest_cells(PLACES, np.array([0]), np.array([0]), 5)
    assert rows.shape == away.shape == (1, 0)
    assert nearest_cells(PLACES, np.array([0]), np.arange(0), 5)[0].shape == (1, 0)


def test_cells_with_unlike_numbers_of_neighbours_are_cut_to_the_fewest() -> None:
    rows, _ = nearest_cells(PLACES, np.array([0, 1]), np.array([0, 2, 4]), 5)
    assert rows.shape == (2, 2)
    assert rows[0].tolist() == [2, 4]
