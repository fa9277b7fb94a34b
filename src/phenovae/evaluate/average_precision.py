"""Average precision: how early its positives stand when a profile ranks the others by likeness.

After Kalinin et al. (2025) and their package copairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from phenovae.evaluate.likeness import Rows, likeness, row_blocks
from phenovae.evaluate.neighbours import Metric
from phenovae.profiles.features import Matrix

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# For row numbers (b,): who of all n rows is a positive, who a negative of each, (b, n) both.
Pairs = Callable[[Rows], tuple[Mask, Mask]]
Ties = Literal["shared", "positives-first"]


@dataclass(frozen=True)
class AveragePrecisions:
    """One number a query, in the order of the queries; NaN where it has nothing to rank.

    `tied` counts positives that are exactly as like the query as some negative.
    """

    precision: Floats
    positives: Integers
    negatives: Integers
    tied: Integers


def average_precisions(
    values: Matrix,
    queries: Rows,
    pairs: Pairs,
    *,
    metric: Metric = "cosine",
    ties: Ties = "shared",
    names: Sequence[str] | None = None,
) -> AveragePrecisions:
    """Average precision of every query: the mean, over its positives, of precision at their rank.

    Ranked are the query's positives and negatives alone, by likeness in float32. Where a positive
    and a negative are equally alike, `shared` takes the mean over all orders of the tied (McSherry
    and Najork 2008), and `positives-first` the best order, as copairs does. Memory grows with n,
    not with n². Raises InputError where profiles cannot be compared.
    """
    known = names if names is not None else [f"row {row}" for row in range(len(values))]
    alike = likeness(values, metric, known)
    found: list[tuple[float, int, int, int]] = []
    for rows in row_blocks(queries, len(values)):
        like = alike.of(rows)
        positive, negative = pairs(rows)
        itself = (np.arange(len(rows)), rows)
        positive[itself] = negative[itself] = False
        count = negative.sum(axis=1)
        # Whole rows are sorted at once: what is no negative goes to the front and is cut off.
        ranked = np.where(negative, like, np.float32(-np.inf))
        ranked.sort(axis=1)
        for place in range(len(rows)):
            near = np.sort(like[place, positive[place]])[::-1]
            far = ranked[place, ranked.shape[1] - int(count[place]) :]
            found.append(_one(near, far, ties))
    precision, positives, negatives, tied = zip(*found, strict=True) if found else ((), (), (), ())
    return AveragePrecisions(
        np.array(precision, np.float64),
        np.array(positives, np.int64),
        np.array(negatives, np.int64),
        np.array(tied, np.int64),
    )


def precision_of_ranks(ranks: npt.NDArray[np.integer]) -> Floats:
    """Average precision of positives at these ascending ranks, counted from 1: (…, k) to (…)."""
    order = np.arange(1, ranks.shape[-1] + 1)
    mean: Floats = (order / ranks).mean(axis=-1)
    return mean


def _one(
    near: npt.NDArray[np.float32], far: npt.NDArray[np.float32], ties: Ties
) -> tuple[float, int, int, int]:
    if not len(near) or not len(far):
        return float("nan"), len(near), len(far), 0
    above = len(far) - np.searchsorted(far, near, side="right")
    tied = len(far) - np.searchsorted(far, near, side="left") - above
    many = int((tied > 0).sum())
    if many and ties == "shared":
        precision = _shared(near, above, tied)
    else:
        precision = float(precision_of_ranks(np.arange(1, len(near) + 1) + above))
    return precision, len(near), len(far), many


def _shared(
    near: npt.NDArray[np.float32], above: npt.NDArray[np.intp], tied: npt.NDArray[np.intp]
) -> float:
    """The mean over all orders of what is tied; `near` descends."""
    total = 0.0
    values, first, counts = np.unique(-near, return_index=True, return_counts=True)
    for start, count in zip(first, counts, strict=True):
        size = int(count + tied[start])
        before = int(start + above[start])
        place = np.arange(size)
        # A positive at this place of the tied has, on average, so many of the others before it.
        others = place * (count - 1) / max(1, size - 1)
        total += float(((start + 1 + others) / (before + place + 1)).sum()) * count / size
    return total / len(near) if len(values) else float("nan")
