from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenovae.evaluate.average_precision import precision_of_ranks
from phenovae.evaluate.retrieval_null import (
    RandomRankings,
    benjamini_hochberg,
    drawn_precisions,
    expected_precision,
    group_p_value,
    random_rankings,
)


def ranked(positives: int, total: int, draws: int = 1000, seed: int = 0) -> RandomRankings:
    return random_rankings(positives, total, draws=draws, seed=seed)


def test_few_rankings_are_listed_and_p_is_exact() -> None:
    # Two of four: ranks 12, 13, 14, 23, 24, 34.
    found = ranked(2, 4)
    assert found.listed
    assert sorted(found.precisions) == pytest.approx(
        sorted([1, 5 / 6, 3 / 4, 7 / 12, 1 / 2, 5 / 12])
    )
    assert found.p_value(1.0) == found.smallest_p == 1 / 6
    assert found.p_value(5 / 6) == 2 / 6
    assert found.p_value(0.0) == 1


def test_rankings_are_listed_up_to_as_many_as_would_be_drawn() -> None:
    assert ranked(2, 8, draws=28).listed
    drawn = ranked(2, 8, draws=27)
    assert not drawn.listed
    assert len(drawn.precisions) == 27
    assert drawn.smallest_p == 1 / 28
    assert drawn.p_value(2.0) == 1 / 28


@settings(max_examples=40)
@given(st.integers(1, 30).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))))
def test_draws_have_the_mean_of_all_rankings(kind: tuple[int, int]) -> None:
    positives, total = kind
    drawn = drawn_precisions(positives, total, draws=2000, seed=0)
    assert drawn.shape == (2000,)
    assert (drawn > 0).all()
    assert (drawn <= 1).all()
    expected = expected_precision(positives, total)
    assert drawn.mean() == pytest.approx(expected, abs=4.5 * drawn.std() / 2000**0.5 + 1e-12)
    if comb(total, positives) < 1000:
        assert ranked(positives, total).precisions.mean() == pytest.approx(expected)


@pytest.mark.parametrize("positives", [1, 2, 3, 4])
def test_every_set_of_ranks_is_drawn_alike(positives: int) -> None:
    # Five ranks; beyond the half the rest is drawn in their stead.
    ranks = np.array(list(combinations(range(1, 6), positives)))
    kinds = precision_of_ranks(ranks)
    drawn = drawn_precisions(positives, 5, draws=20_000, seed=1)
    for value in np.unique(kinds.round(9)):
        share = (kinds.round(9) == value).mean()
        assert (drawn.round(9) == value).mean() == pytest.approx(share, abs=0.02)


def test_draws_repeat_with_their_seed_and_size() -> None:
    one = drawn_precisions(5, 40, draws=50, seed=3)
    assert np.array_equal(one, drawn_precisions(5, 40, draws=50, seed=3))
    assert not np.array_equal(one, drawn_precisions(5, 40, draws=50, seed=4))


def test_a_group_of_one_kind_has_the_p_of_its_mean() -> None:
    kind = ranked(2, 4)
    assert group_p_value([1.0, 1.0], [kind, kind], draws=100, seed=0) == (1 / 6, 1 / 6)
    # The mean of 1 and 3/4 is reached by the best ranking alone (1), not by 5/6.
    assert group_p_value([1.0, 3 / 4], [kind, kind], draws=100, seed=0)[0] == 1 / 6
    assert group_p_value([5 / 6, 5 / 6], [kind, kind], draws=100, seed=0)[0] == 2 / 6


def test_a_group_of_two_kinds_is_drawn() -> None:
    kinds = [ranked(1, 4), ranked(1, 5)]
    p, smallest = group_p_value([1.0, 1.0], kinds, draws=4000, seed=0)
    assert smallest == 1 / 20
    assert p == pytest.approx(1 / 20, abs=0.012)
    assert group_p_value([0.1, 0.1], kinds, draws=4000, seed=0)[0] == 1
    assert group_p_value([1.0, 1.0], kinds, draws=9, seed=0)[1] == 1 / 10


def test_adjusted_p_by_hand() -> None:
    # 0.01·4/1, 0.02·4/2, 0.03·4/3 and 0.5·4/4, each no more than the next.
    found = benjamini_hochberg([0.03, 0.5, 0.01, 0.02])
    assert found == pytest.approx([0.04, 0.5, 0.04, 0.04])
    assert benjamini_hochberg([0.6, 0.9]) == pytest.approx([0.9, 0.9])
    assert benjamini_hochberg([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_are_those_of_scipy(p_values: list[float]) -> None:
    from scipy.stats import false_discovery_control

    assert benjamini_hochberg(p_values) == pytest.approx(false_discovery_control(p_values))
