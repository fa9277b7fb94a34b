"""What average precision is like when rankings are random, and how rare an observed one then is.

After Kalinin et al. (2025) and their package copairs; rankings are listed, not drawn, where they
are few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, prod

import numpy as np
import numpy.typing as npt

from phenovae.base import seeds
from phenovae.evaluate.average_precision import Floats, Integers, precision_of_ranks

_CHUNK_NUMBERS = 2**21
_ROUNDING = 1e-9


@dataclass(frozen=True)
class RandomRankings:
    """Average precisions of random rankings of `positives` among `total`.

    `listed`: every ranking once, so that p is exact. Otherwise they are draws.
    """

    positives: int
    total: int
    precisions: Floats
    listed: bool

    @property
    def smallest_p(self) -> float:
        """The p of a perfect ranking."""
        return 1 / len(self.precisions) if self.listed else 1 / (1 + len(self.precisions))

    def p_value(self, observed: float) -> float:
        """The share of rankings at least as good; where drawn, (1 + as good) / (1 + draws)."""
        good = int((self.precisions >= observed - _ROUNDING).sum())
        if self.listed:
            return good / len(self.precisions)
        return (1 + good) / (1 + len(self.precisions))


def random_rankings(positives: int, total: int, *, draws: int, seed: int) -> RandomRankings:
    """List all rankings where they are no more than `draws`, else draw so many."""
    listed = comb(total, positives) <= draws
    if listed:
        ranks = np.array(list(combinations(range(1, total + 1), positives)), np.int64)
        return RandomRankings(positives, total, precision_of_ranks(ranks), listed=True)
    found = drawn_precisions(positives, total, draws=draws, seed=seed)
    return RandomRankings(positives, total, found, listed=False)


def drawn_precisions(positives: int, total: int, *, draws: int, seed: int) -> Floats:
    """Average precisions of `draws` random rankings; the same whatever else was drawn before."""
    random = seeds.generator(seed, "evaluate", "retrieval", positives, total)
    size = max(1, _CHUNK_NUMBERS // max(positives, total if 2 * positives > total else 1))
    parts = [
        precision_of_ranks(_ranks(positives, total, min(size, draws - start), random))
        for start in range(0, draws, size)
    ]
    return np.concatenate(parts)


def expected_precision(positives: int, total: int) -> float:
    """The mean over all rankings: at rank r stands a positive, with its share of those before."""
    rank = np.arange(1, total + 1)
    others = (rank - 1) * (positives - 1) / max(1, total - 1)
    return float(((1 + others) / rank).mean())


def group_p_value(
    observed: Sequence[float], rankings: Sequence[RandomRankings], *, draws: int, seed: int
) -> tuple[float, float]:
    """The p of a group's mean average precision, and the smallest that it could have had.

    As in copairs, the group's null is the mean of its members' nulls, and members with as many
    positives and as many negatives share one: they are taken to succeed or fail together, which
    errs towards a large p. A group of one kind whose rankings are listed has an
    exact p.
    """
    kinds = {(each.positives, each.total): each for each in rankings}
    mean = float(np.mean(observed))
    if len(kinds) == 1:
        only = rankings[0]
        return only.p_value(mean), only.smallest_p
    total = np.zeros(draws)
    for (positives, among), kind in kinds.items():
        many = sum((each.positives, each.total) == (positives, among) for each in rankings)
        drawn = (
            drawn_precisions(positives, among, draws=draws, seed=seed)
            if kind.listed
            else kind.precisions
        )
        total += many * drawn
    good = int((total / len(rankings) >= mean - _ROUNDING).sum())
    perfect = 1 / prod(comb(among, positives) for positives, among in kinds)
    return (1 + good) / (1 + draws), max(perfect, 1 / (1 + draws))


def benjamini_hochberg(p_values: npt.ArrayLike) -> Floats:
    """Adjusted p: the smallest false discovery rate at which each would count (1995)."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p)[::-1]
    rank = np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum.accumulate(np.minimum(1.0, p[order] * len(p) / rank))
    return adjusted


def _ranks(positives: int, total: int, count: int, random: np.random.Generator) -> Integers:
    """Random sets of ranks, ascending: (count, positives)."""
    if 2 * positives > total:
        others = _ranks(total - positives, total, count, random)
        kept = np.ones((count, total), bool)
        kept[np.arange(count)[:, None], others - 1] = False
        return (np.nonzero(kept)[1] + 1).reshape(count, positives)
    # What is drawn twice is drawn again, until all differ: every set is as likely as any other.
    ranks = np.sort(random.integers(1, total + 1, (count, positives)), axis=1)
    open_rows = np.arange(count)
    while len(open_rows):
        rows = ranks[open_rows]
        twice = np.zeros(rows.shape, bool)
        twice[:, 1:] = rows[:, 1:] == rows[:, :-1]
        some = twice.any(axis=1)
        open_rows, rows, twice = open_rows[some], rows[some], twice[some]
        rows[twice] = random.integers(1, total + 1, int(twice.sum()))
        ranks[open_rows] = np.sort(rows, axis=1)
    return ranks
