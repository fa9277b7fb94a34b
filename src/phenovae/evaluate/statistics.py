"""How sure a score is: a bootstrap over compounds, and worlds with mechanisms dealt out anew.

The doses of a compound succeed or fail together, so the compound is the unit of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base import seeds
from phenovae.evaluate.neighbours import NeighbourScore
from phenovae.screen.partners import eligible

DRAWS = 10_000
_LEVEL = 0.95
_CHUNK = 1_000
_CELLS = 1 << 22
"""Pairs of a query and a compound that are looked at together."""


@dataclass(frozen=True)
class Interval:
    """The middle 95 % of the bootstrap."""

    low: float
    high: float


@dataclass(frozen=True)
class Null:
    """What scores are like when mechanisms mean nothing."""

    mean: float
    p_value: float


def bootstrap(
    right: Sequence[float],
    compounds: Sequence[str],
    *,
    draws: int,
    seed: int,
    name: str,
    by_compound: bool = False,
) -> Interval:
    """Interval of the share of right rows, compounds drawn with replacement.

    `by_compound`: of the mean over compounds of their shares instead. Neighbours are not looked up
    again: a compound drawn twice may not become its own neighbour.
    """
    codes, known = pd.factorize(np.asarray(compounds, dtype=object))
    correct = np.bincount(codes, weights=np.asarray(right, float), minlength=len(known))
    total = np.bincount(codes, minlength=len(known)).astype(float)
    if by_compound:
        correct, total = correct / total, np.ones(len(known))
    random = seeds.generator(seed, "evaluate", "bootstrap", name)
    shares: list[npt.NDArray[np.float64]] = []
    for start in range(0, draws, _CHUNK):
        drawn = random.integers(0, len(known), (min(_CHUNK, draws - start), len(known)))
        shares.append(correct[drawn].sum(axis=1) / total[drawn].sum(axis=1))
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(np.concatenate(shares), (tail, 1 - tail))
    return Interval(float(low), float(high))


def permute(
    score: NeighbourScore,
    treatments: pd.DataFrame,
    *,
    draws: int,
    seed: int,
    name: str,
    by_compound: bool = False,
) -> Null:
    """The score in worlds where compounds have swapped their mechanisms.

    Neighbours stay; the doses of a compound stay together; which treatments can be right is worked
    out anew in every world. Mechanisms are dealt out among the compounds that are scored.
    """
    compounds = treatments["Metadata_Compound"].to_numpy(dtype=object)
    codes, known = pd.factorize(compounds)
    labels, _ = pd.factorize(treatments["Metadata_MoA"].to_numpy(dtype=object))
    label_of = np.zeros(len(known), np.int64)
    label_of[codes] = labels
    scored = np.unique(codes[score.queries])
    mask = eligible(compounds.tolist(), treatments["Batches"].tolist(), score.rule)
    mask = mask & score.candidates[None, :]
    random = seeds.generator(seed, "evaluate", "permutation", name)
    worlds = _Worlds.of(score, codes, mask)
    found = np.empty(draws)
    for start in range(0, draws, worlds.at_once):
        stop = min(start + worlds.at_once, draws)
        dealt = np.tile(label_of, (stop - start, 1))
        for world in dealt:
            world[scored] = random.permutation(label_of[scored])
        right, can = worlds.outcomes(dealt)
        if not by_compound and all(len(top) == 1 for top in score.best):
            # Whole numbers: their sum is exact, whatever it is the order of.
            found[start:stop] = (right * can).sum(axis=1) / np.maximum(can.sum(axis=1), 1)
            continue
        found[start:stop] = [
            _share(each[able], codes[score.queries][able], by_compound=by_compound)
            for each, able in zip(right, can, strict=True)
        ]
    own = score.rows["Right"].to_numpy(float)
    observed = _share(own, codes[score.queries], by_compound=by_compound)
    at_least = int((found >= observed - 1e-12).sum())
    return Null(float(found.mean()), (1 + at_least) / (1 + draws))


@dataclass(frozen=True)
class _Worlds:
    """Outcomes of the queries in worlds of other labels, many at once.

    All doses of a compound have one label, so that a query is right or can be right by the labels
    of compounds alone. `allowed` says which of them a kind of query may have for a neighbour
    (kinds, compounds); `own` is the compound of a kind, and `kind` the kind of a query.
    """

    codes: npt.NDArray[np.int64]
    score: NeighbourScore
    allowed: npt.NDArray[np.bool_]
    own: npt.NDArray[np.int64]
    kind: npt.NDArray[np.int64]

    @classmethod
    def of(
        cls, score: NeighbourScore, codes: npt.NDArray[np.int64], mask: npt.NDArray[np.bool_]
    ) -> _Worlds:
        order = np.argsort(codes, kind="stable")
        firsts = np.searchsorted(codes[order], np.arange(int(codes.max()) + 1))
        by_compound = np.logical_or.reduceat(mask[score.queries][:, order], firsts, axis=1)
        told = np.column_stack([codes[score.queries], by_compound.astype(np.int64)])
        kinds, kind = np.unique(told, axis=0, return_inverse=True)
        return cls(codes, score, kinds[:, 1:].astype(bool), kinds[:, 0], kind.reshape(-1))

    @property
    def at_once(self) -> int:
        return max(1, _CELLS // max(1, self.allowed.size))

    def outcomes(
        self, dealt: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Whether each query is right by labels of compounds (worlds, compounds), and can be."""
        same = dealt[:, None, :] == dealt[:, self.own][:, :, None]
        can = (same & self.allowed).any(axis=2)[:, self.kind]
        queries = dealt[:, self.codes[self.score.queries]]
        first = np.array([top[0] for top in self.score.best], np.int64)
        right = (dealt[:, self.codes[first]] == queries).astype(float)
        for place, top in enumerate(self.score.best):
            if len(top) > 1:
                labels = dealt[:, self.codes[list(top)]]
                right[:, place] = (labels == queries[:, place, None]).mean(axis=1)
        return right, can


def _share(
    right: npt.NDArray[np.float64], compounds: npt.NDArray[np.int64], *, by_compound: bool
) -> float:
    if not len(right):
        return 0.0
    if not by_compound:
        return float(right.mean())
    total = np.bincount(compounds)
    there = total > 0
    return float((np.bincount(compounds, weights=right)[there] / total[there]).mean())
