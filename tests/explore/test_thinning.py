"""Which cells are shown of too many."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from phenovae.explore.thinning import fair_shares, thinned


def test_small_groups_stay_whole_and_large_ones_are_cut_alike() -> None:
    counts = np.array([100, 3, 50, 10])
    assert fair_shares(counts, 43).tolist() == [15, 3, 15, 10]


def test_where_all_fit_all_are_shown_in_order() -> None:
    groups = np.array([2, 0, 1, 0])
    assert thinned(groups, 4, seed=0).tolist() == [0, 1, 2, 3]


def test_rows_are_drawn_from_every_group_and_the_same_ones_each_time() -> None:
    groups = np.repeat([0, 1, 2], [1000, 5, 100])
    rows = thinned(groups, 65, seed=3)
    assert np.bincount(groups[rows]).tolist() == [30, 5, 30]
    assert np.array_equal(rows, np.unique(rows))
    assert np.array_equal(rows, thinned(groups, 65, seed=3))
    assert not np.array_equal(rows, thinned(groups, 65, seed=4))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(1, 300))
def test_shares_use_all_the_room_and_no_group_gets_more_than_it_has(
    sizes: list[int], limit: int
) -> None:
    counts = np.array(sizes)
    shares = fair_shares(counts, limit)
    assert shares.sum() == min(limit, counts.sum())
    assert (shares <= counts).all()
    cut = shares < counts
    if cut.any():
        # What is cut has no less than any other group, but for the one that cannot be shared.
        assert shares[cut].min() >= shares[~cut].max(initial=0) - 1
