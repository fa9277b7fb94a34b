"""Likeness of some rows to all rows, so that no matrix of all pairs is ever in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from phenovae.base.errors import InputError
from phenovae.evaluate.neighbours import Metric
from phenovae.profiles.features import Matrix

Rows = npt.NDArray[np.int64]

# A block of float64 likeness; with its masks and its sorted copy about three times as much.
_BLOCK_BYTES = 32 * 2**20
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Likeness:
    """Profiles made ready to be compared; `values` are of length 1 where it is no distance."""

    values: Matrix
    metric: Metric

    def of(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Likeness of these rows to all: float32 (rows, n), larger is more alike.

        Worked out in float64 and rounded, so that pairs that are equally alike are equal numbers.
        """
        if self.metric != "euclidean":
            return (self.values[rows] @ self.values.T).astype(np.float32)
        apart: Matrix = cdist(self.values[rows], self.values)
        return -apart.astype(np.float32)


def likeness(values: Matrix, metric: Metric, names: Sequence[str]) -> Likeness:
    """Make profiles (n, features) ready to be compared by cosine, correlation or distance.

    Raises InputError, naming the profile, where one holds no finite number, or has no direction (a
    zero vector under cosine, a constant one under correlation).
    """
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise InputError(
            f"the profile of {names[int(np.argmax(bad))]} holds NaN or infinity; {int(bad.sum())} "
            "such profiles",
            mend="check the features",
        )
    if metric == "euclidean":
        return Likeness(values, metric)
    if metric == "pearson":
        centred = values - values.mean(axis=1, keepdims=True)
        # What is left of a constant profile is rounding, and no direction.
        noise = _ROUNDING * np.abs(values).max(axis=1, initial=0.0, keepdims=True)
        values = np.where(np.abs(centred).max(axis=1, keepdims=True) > noise, centred, 0.0)
    largest = np.abs(values).max(axis=1, initial=0.0)
    if (largest == 0).any():
        raise InputError(
            f"the profile of {names[int(np.argmin(largest))]} is zero and has no direction",
            mend="check its features",
        )
    # Scaled by its largest number first: squares of very small or large numbers are no numbers.
    scaled = values / largest[:, None]
    return Likeness(scaled / np.linalg.norm(scaled, axis=1)[:, None], metric)


def row_blocks(rows: Rows, width: int) -> Iterator[Rows]:
    """Cut row numbers into blocks whose likeness to `width` rows takes little memory."""
    size = max(1, _BLOCK_BYTES // (8 * max(1, width)))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
