"""Votes of the k nearest allowed neighbours, and how well each mechanism is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb, prod

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base import seeds
from phenovae.base.errors import InputError
from phenovae.evaluate.neighbours import Metric, refuse_controls, similarities
from phenovae.profiles.features import Matrix
from phenovae.screen.design import treatment_text
from phenovae.screen.partners import Rule, eligible, scorable

_TIE = 1e-12
_LISTED = 5_000
_DRAWS = 1_000

Integers = npt.NDArray[np.int64]

_COLUMNS = [
    "Treatment", "Metadata_Compound", "Metadata_MoA", "Predicted", "Votes", "Neighbours",
    "Partners", "Tied", "Right",
]  # fmt: skip


@dataclass(frozen=True)
class VoteScore:
    """The outcome of a vote under one rule.

    `rows` has one row a scorable treatment: Treatment, Metadata_Compound, Metadata_MoA, Predicted,
    Votes (for Predicted), Neighbours (k, or all where fewer are allowed), Partners (allowed ones of
    its own mechanism), Tied (whether the outcome hangs on a tie), Right (1, 0, or a share where it
    is tied).
    """

    rule: Rule
    k: int
    rows: pd.DataFrame
    unscorable: tuple[str, ...]

    @property
    def correct(self) -> float:
        """How many are right; a tie counts for its share."""
        return float(self.rows["Right"].sum())

    @property
    def total(self) -> int:
        """How many could be right."""
        return len(self.rows)

    @property
    def ties(self) -> int:
        """How many outcomes hang on a tie."""
        return int(self.rows["Tied"].sum())


def score_votes(
    treatments: pd.DataFrame,
    values: Matrix,
    rule: Rule,
    metric: Metric,
    *,
    k: int,
    unscorable_as_candidates: bool,
    seed: int,
) -> VoteScore:
    """Score profiles of treatments by the mechanism that most of k nearest neighbours have.

    Neighbours are those of `score_neighbours`, with which it agrees for k = 1, and weigh alike.
    Mechanisms with as many votes are told apart by the summed likeness of their voters. What is
    left, and neighbours that tie for the last place, are ties: Right is then the share of right
    outcomes over all ways to choose, which are listed, or drawn where there are very many.

    `treatments` has Metadata_Compound, Metadata_Concentration, Metadata_MoA and Batches. Raises
    InputError on values that are no finite numbers, on rows of negative controls, or where k is
    less than 1.
    """
    refuse_controls(treatments)
    if k < 1:
        raise InputError(f"{k} neighbours cannot vote", mend="choose k of 1 or more")
    if not np.isfinite(values).all():
        raise InputError("a profile holds NaN or infinity", mend="check the features")
    names = [
        treatment_text(str(compound), float(dose))
        for compound, dose in zip(
            treatments["Metadata_Compound"], treatments["Metadata_Concentration"], strict=True
        )
    ]
    mechanisms = treatments["Metadata_MoA"].tolist()
    mask = eligible(treatments["Metadata_Compound"].tolist(), treatments["Batches"].tolist(), rule)
    can = scorable(mask, mechanisms)
    candidates = np.ones(len(mask), bool) if unscorable_as_candidates else can
    codes, known = pd.factorize(np.asarray(mechanisms, object))
    like = similarities(values, metric, names)
    random = seeds.generator(seed, "evaluate", "votes", rule, k)
    rows: list[dict[str, object]] = []
    for query in np.flatnonzero(can):
        allowed = np.flatnonzero(mask[query] & candidates)
        vote = _vote(like[query, allowed], codes[allowed], len(known), k, random)
        rows.append(
            {
                "Treatment": names[query],
                "Metadata_Compound": treatments["Metadata_Compound"].iloc[query],
                "Metadata_MoA": mechanisms[query],
                "Predicted": known[vote.predicted],
                "Votes": vote.votes,
                "Neighbours": min(k, len(allowed)),
                "Partners": int((codes[allowed] == codes[query]).sum()),
                "Tied": vote.tied,
                "Right": float(vote.shares[codes[query]]),
            }
        )
    left_out = tuple(names[row] for row in np.flatnonzero(~can))
    return VoteScore(rule, k, pd.DataFrame(rows, columns=_COLUMNS), left_out)


def mechanism_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Precision, recall and F1 of every mechanism, from rows of `score_neighbours` or a vote.

    `rows` has Metadata_MoA, Predicted and Right. One row a mechanism: Support (treatments that have
    it), Predicted (as which so many were taken), Right, Precision (NaN where never predicted),
    Recall (NaN without support), F1. A tied row counts for its share of Right, and for the rest as
    Predicted where that is another mechanism, else for none.
    """
    true, predicted = rows["Metadata_MoA"], rows["Predicted"]
    names = sorted({*true, *predicted})
    right = rows["Right"].to_numpy(np.float64)
    found = []
    for name in names:
        own = (true == name).to_numpy()
        taken = float(right[own].sum() + (1 - right)[(predicted == name).to_numpy() & ~own].sum())
        hits, support = float(right[own].sum()), int(own.sum())
        found.append(
            {
                "Metadata_MoA": name,
                "Support": support,
                "Predicted": taken,
                "Right": hits,
                "Precision": hits / taken if taken else float("nan"),
                "Recall": hits / support if support else float("nan"),
                "F1": 2 * hits / (support + taken) if support + taken else float("nan"),
            }
        )
    columns = ["Metadata_MoA", "Support", "Predicted", "Right", "Precision", "Recall", "F1"]
    return pd.DataFrame(found, columns=columns)


@dataclass(frozen=True)
class _Vote:
    predicted: int
    votes: int
    tied: bool
    shares: npt.NDArray[np.float64]


def _vote(
    near: npt.NDArray[np.float64],
    codes: Integers,
    kinds: int,
    k: int,
    random: np.random.Generator,
) -> _Vote:
    k = min(k, len(near))
    last = float(np.sort(near)[-k])
    slack = _TIE * max(1.0, abs(last))
    sure = near > last + slack
    level = np.flatnonzero((near >= last - slack) & ~sure)
    places = k - int(sure.sum())
    votes = np.bincount(codes[sure], minlength=kinds)
    likeness = np.bincount(codes[sure], weights=near[sure], minlength=kinds)
    shares = np.zeros(kinds)
    for more, weight in _fillings(np.bincount(codes[level], minlength=kinds), places, random):
        winners = _winners(votes + more, likeness + more * last)
        shares[winners] += weight / len(winners)
    first = np.bincount(codes[level[:places]], minlength=kinds)
    winners = _winners(votes + first, likeness + first * last)
    # Of winners that tie, the one whose nearest voter comes first in the table.
    chosen = np.flatnonzero(sure | np.isin(np.arange(len(near)), level[:places]))
    order = chosen[np.argsort(-near[chosen], kind="stable")]
    predicted = next(int(code) for code in codes[order] if code in winners)
    tied = bool((shares > _TIE).sum() > 1)
    return _Vote(predicted, int((votes + first)[predicted]), tied, shares)


def _winners(votes: Integers, likeness: npt.NDArray[np.float64]) -> Integers:
    most = np.flatnonzero(votes == votes.max())
    best = float(likeness[most].max())
    return most[likeness[most] >= best - _TIE * max(1.0, abs(best))]


def _fillings(
    level: Integers, places: int, random: np.random.Generator
) -> Iterator[tuple[Integers, float]]:
    """Ways to fill places from so many of each kind, with the share of choices that do so."""
    some = np.flatnonzero(level)
    total = comb(int(level.sum()), places)
    listed = prod(min(int(many), places) + 1 for many in level[some]) <= _LISTED
    if not listed:
        for drawn in random.multivariate_hypergeometric(level[some], places, size=_DRAWS):
            filled = np.zeros_like(level)
            filled[some] = drawn
            yield filled, 1 / _DRAWS
        return
    for taken in _compositions([int(many) for many in level[some]], places):
        filled = np.zeros_like(level)
        filled[some] = taken
        ways = prod(comb(int(level[kind]), count) for kind, count in zip(some, taken, strict=True))
        yield filled, ways / total


def _compositions(limits: Sequence[int], places: int) -> Iterator[tuple[int, ...]]:
    if not limits:
        if places == 0:
            yield ()
        return
    for taken in range(min(limits[0], places) + 1):
        for rest in _compositions(limits[1:], places - taken):
            yield (taken, *rest)
