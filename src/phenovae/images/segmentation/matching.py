"""How well label images agree: objects matched by their overlap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

Labels = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Agreement:
    """Counts of matched and unmatched objects; fields pool by addition."""

    matched: int
    missed: int
    spurious: int
    crumbs: int
    """True objects that were missed but are too small to count."""

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 where nothing was or was found."""
        total = 2 * self.matched + self.missed + self.spurious
        return 2 * self.matched / total if total else 1.0

    def __add__(self, other: Agreement) -> Agreement:
        """Agreement over both sets of objects."""
        return Agreement(
            self.matched + other.matched,
            self.missed + other.missed,
            self.spurious + other.spurious,
            self.crumbs + other.crumbs,
        )


def pooled(agreements: Iterable[Agreement]) -> Agreement:
    """Agreement over the objects of all fields together."""
    return sum(agreements, start=Agreement(0, 0, 0, 0))


def overlaps(truth: Labels, found: Labels) -> sparse.coo_array:
    """Intersection over union of every pair that overlaps, (true labels + 1, found labels + 1).

    Raises ValueError where the label images differ in shape.
    """
    if truth.shape != found.shape:
        raise ValueError(f"label images of {truth.shape} and {found.shape} cannot be compared")
    rows, columns = int(truth.max(initial=0)) + 1, int(found.max(initial=0)) + 1
    both = truth.ravel().astype(np.int64) * columns + found.ravel()
    pairs, common = np.unique(both, return_counts=True)
    i, j = pairs // columns, pairs % columns
    areas = np.bincount(truth.ravel(), minlength=rows)
    found_areas = np.bincount(found.ravel(), minlength=columns)
    kept = (i > 0) & (j > 0)
    i, j, common = i[kept], j[kept], common[kept]
    ratio = common / (areas[i] + found_areas[j] - common)
    return sparse.coo_array((ratio, (i, j)), shape=(rows, columns))


def agreement(truth: Labels, found: Labels, *, iou: float = 0.5, crumb: float = 0.1) -> Agreement:
    """Match objects one to one at intersection over union of at least `iou` (0.5 or more).

    Missing a true object smaller than `crumb` times the median true area is no error; a match
    with one counts.
    """
    ratios = overlaps(truth, found)
    best = np.argsort(-ratios.data, kind="stable")
    rows, columns = ratios.coords
    taken_truth: set[int] = set()
    taken_found: set[int] = set()
    for entry in best[ratios.data[best] >= iou]:
        i, j = int(rows[entry]), int(columns[entry])
        if i not in taken_truth and j not in taken_found:
            taken_truth.add(i)
            taken_found.add(j)
    areas = np.bincount(truth.ravel())
    present = [int(label) for label in np.flatnonzero(areas[1:]) + 1]
    small = crumb * float(np.median(areas[present])) if present else 0.0
    missed = [label for label in present if label not in taken_truth]
    crumbs = sum(int(areas[label] < small) for label in missed)
    spurious = np.count_nonzero(np.bincount(found.ravel())[1:]) - len(taken_found)
    return Agreement(len(taken_truth), len(missed) - crumbs, int(spurious), crumbs)
