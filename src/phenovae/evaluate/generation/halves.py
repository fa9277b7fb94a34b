"""Random halves of a sample: what is compared with what, at the same counts everywhere.

A sample compared with itself is at no distance, whatever it is; halves of it are as far apart as
samples of one population come to be. Estimates from halves scatter about as much as that from the
whole sample does (half-sampling: McCarthy 1969, doi:10.2307/1402254).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]

_TAIL = 0.025


@dataclass(frozen=True)
class Halves:
    """Divisions of rows 0 … n − 1 into halves: `first` and `second` (division, half), disjoint."""

    first: Rows
    second: Rows

    @property
    def size(self) -> int:
        """Rows in a half."""
        return int(self.first.shape[1])


def draw_halves(count: int, draws: int, random: np.random.Generator) -> Halves:
    """Divide `count` rows at random, `draws` times; an odd row is left out, another each time.

    Raises ValueError for fewer rows than two.
    """
    if count < 2:
        raise ValueError("halves need two rows")
    half = count // 2
    orders = np.stack([random.permutation(count) for _ in range(draws)])
    return Halves(orders[:, :half], orders[:, half : 2 * half])


@dataclass(frozen=True)
class Spread:
    """A measure over the halves: its mean, its standard deviation, and the middle 95 %."""

    value: float
    deviation: float
    low: float
    high: float

    def as_dict(self) -> dict[str, object]:
        """The figure as JSON."""
        return {
            "value": self.value,
            "sd": self.deviation,
            "low": self.low,
            "high": self.high,
        }


def spread_of(values: Sequence[float]) -> Spread:
    """The figure that these values, one a division, come to."""
    found = np.asarray(values, dtype=np.float64)
    low, high = np.quantile(found, (_TAIL, 1 - _TAIL))
    return Spread(
        float(found.mean()), float(found.std(ddof=1) if len(found) > 1 else 0.0), float(low),
        float(high),
    )  # fmt: skip


def over_halves(halves: Halves, measure: Callable[[Rows, Rows], float]) -> Spread:
    """A measure of first and second half, over all divisions."""
    return spread_of(
        [measure(one, other) for one, other in zip(halves.first, halves.second, strict=True)]
    )
