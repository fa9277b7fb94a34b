"""Samples of images as features, and how far they are from one another over random halves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phenovae.evaluate.generation import kernels
from phenovae.evaluate.generation.frechet import frechet_of, principal_components
from phenovae.evaluate.generation.halves import Halves, over_halves, spread_of
from phenovae.evaluate.generation.manifolds import precision_and_recall
from phenovae.evaluate.generation.names import POSTERIOR, PRIOR, REAL, RECONSTRUCTED

Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Record = dict[str, object]

COMPARISONS = (
    (REAL, REAL),
    (RECONSTRUCTED, REAL),
    (POSTERIOR, REAL),
    (PRIOR, REAL),
    (RECONSTRUCTED, RECONSTRUCTED),
    (PRIOR, RECONSTRUCTED),
)
"""Sample and what it is compared with; where both are one, its halves, which is the floor."""

_STILL = 1e-6
_MOST_COMPONENTS = 256


@dataclass(frozen=True)
class Standard:
    """The scale of a space: mean and deviation of every feature over real cells."""

    mean: Doubles
    deviation: Doubles

    def __call__(self, values: Doubles) -> Doubles:
        """Values (n, feature) in deviations of real cells about their mean."""
        found: Doubles = (values - self.mean) / self.deviation
        return found


def standard_of(real: Doubles) -> Standard:
    """The scale of real cells (n, feature). A feature that does not vary stays as it is."""
    deviation = real.std(axis=0)
    return Standard(real.mean(axis=0), np.where(deviation > _STILL, deviation, 1.0))


def widths_of(real: Doubles) -> list[float]:
    """Widths of the Gaussian kernels: multiples of the median distance of real cells."""
    median = kernels.median_width(kernels.squared_distances(real, real))
    return [scale * median for scale in kernels.SCALES]


def compare_samples(
    samples: Mapping[str, Doubles],
    halves: Halves,
    widths: Sequence[float],
    comparisons: Sequence[tuple[str, str]] = COMPARISONS,
    *,
    neighbours: int | None,
) -> list[Record]:
    """Measures of all comparisons whose samples are there, as records.

    Samples have the same number of rows (n, feature), on the scale of the space. Those of real
    cells, their reconstructions and draws belong together row by row, and so a first half is
    always compared with a second one of other cells. Discrepancies by kernels are always
    measured. With `neighbours`, so are Fréchet distances, precision and recall; Fréchet distances
    in principal components where a half has not twice as many images as there are features, and
    records say in how many.
    """
    count = len(next(iter(samples.values())))
    stacked = np.concatenate(list(samples.values()))
    start = {name: number * count for number, name in enumerate(samples)}
    pairs = [(one, other) for one, other in comparisons if one in samples and other in samples]
    squares = kernels.squared_distances(stacked, stacked)

    def measured(values: Doubles) -> list[Record]:
        return [
            spread_of(_squared_mmd(values, halves, start[one], start[other])).as_dict()
            for one, other in pairs
        ]

    found: list[Record] = [
        {"sample": one, "against": other, "images": halves.size} for one, other in pairs
    ]
    by_width, together = [], np.zeros_like(squares)
    for width in widths:
        values = kernels.gaussian(squares, width)
        together += values / len(widths)
        by_width.append(measured(values))
    for number, (told, mmd) in enumerate(zip(found, measured(together), strict=True)):
        told["squared_mmd"] = mmd
        told["squared_mmd_by_width"] = [each[number] for each in by_width]
    del together
    for told, cubic in zip(found, measured(kernels.cubic(stacked, stacked)), strict=True):
        told["kernel_distance"] = cubic
    if neighbours is not None:
        reduced = _for_covariances(stacked, halves.size)
        for told, (one, other) in zip(found, pairs, strict=True):
            told |= _by_shape(reduced, squares, halves, (start[one], start[other]), neighbours)
    return found


def _by_shape(
    reduced: Doubles, squares: Doubles, halves: Halves, starts: tuple[int, int], neighbours: int
) -> Record:
    """Fréchet distance, and precision and recall where a half has neighbours enough."""
    one, other = starts
    blocks = _Blocks(squares, one, other)

    def apart(first: Rows, second: Rows) -> float:
        return frechet_of(reduced[one + first], reduced[other + second])

    told: Record = {
        "frechet_distance": over_halves(halves, apart).as_dict(),
        "frechet_dimensions": reduced.shape[1],
    }
    if halves.size > neighbours:
        shares = [
            blocks.manifolds(first, second, neighbours)
            for first, second in zip(halves.first, halves.second, strict=True)
        ]
        told["precision"] = spread_of([each[0] for each in shares]).as_dict()
        told["recall"] = spread_of([each[1] for each in shares]).as_dict()
    return told


def _squared_mmd(values: Doubles, halves: Halves, one: int, other: int) -> list[float]:
    """MMD² of first halves of a sample and second halves of another, from a kernel over all."""
    count = int(max(halves.first.max(), halves.second.max())) + 1
    first, second = (np.zeros((len(halves.first), count)) for _ in range(2))
    np.put_along_axis(first, halves.first, 1.0, axis=1)
    np.put_along_axis(second, halves.second, 1.0, axis=1)
    rows, columns = slice(one, one + count), slice(other, other + count)
    within = _apart(values[rows, rows], first) + _apart(values[columns, columns], second)
    between = ((first @ values[rows, columns]) * second).sum(axis=1) / halves.size**2
    return [float(each) for each in within - 2 * between]


def _apart(values: Doubles, members: Doubles) -> Doubles:
    """Mean of a kernel over pairs of different members (division, row) of a sample."""
    size = members.sum(axis=1)
    total = ((members @ values) * members).sum(axis=1) - members @ np.diagonal(values)
    found: Doubles = total / (size * (size - 1))
    return found


@dataclass(frozen=True)
class _Blocks:
    """Blocks of a matrix over all samples, for the rows of one sample and of another."""

    values: Doubles
    one: int
    other: int

    def manifolds(self, first: Rows, second: Rows, neighbours: int) -> tuple[float, float]:
        return precision_and_recall(*self._of(first, second), neighbours)

    def _of(self, first: Rows, second: Rows) -> tuple[Doubles, Doubles, Doubles]:
        one, other = self.one + first, self.other + second
        return (
            self.values[np.ix_(one, one)],
            self.values[np.ix_(other, other)],
            self.values[np.ix_(one, other)],
        )


def _for_covariances(values: Doubles, half: int) -> Doubles:
    """Values in as many dimensions as a half can tell the covariances of."""
    dimensions = values.shape[1]
    if 2 * dimensions <= half:
        return values
    count = max(1, min(dimensions, half // 2, _MOST_COMPONENTS))
    return principal_components(values, count)
