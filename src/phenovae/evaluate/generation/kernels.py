"""Squared maximum mean discrepancy, unbiased (Gretton et al. 2012).

By Gaussian kernels of several widths, or by a cubic one, which is that of the kernel distance
(Bińkowski et al. 2018). Unbiased estimates are below 0 about half the time where both samples are
of one population.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Widths of the Gaussian kernels, as multiples of the median distance."""


def squared_distances(one: Doubles, other: Doubles) -> Doubles:
    """Squared Euclidean distances (n, m) of points (n, dimension) and (m, dimension)."""
    # About their common centre, or large means would swallow small distances.
    centre = one.mean(axis=0)
    first, second = one - centre, other - centre
    squares = (
        (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None, :] - 2 * first @ second.T
    )
    found: Doubles = np.maximum(squares, 0.0)
    return found


def median_width(squares: Doubles) -> float:
    """The median distance of two different points of a sample, from its squared distances (n, n).

    It is 1 where all points are one. Raises ValueError for fewer points than two.
    """
    if len(squares) < 2:
        raise ValueError("a median distance needs two points")
    above = squares[np.triu_indices(len(squares), 1)]
    return float(np.sqrt(np.median(above))) or 1.0


def gaussian(squares: Doubles, width: float) -> Doubles:
    """The kernel exp(−d² / 2 width²) of squared distances."""
    found: Doubles = np.exp(squares / (-2 * width**2))
    return found


def cubic(one: Doubles, other: Doubles) -> Doubles:
    """The kernel (x·y / dimension + 1)³ of points (n, dimension) and (m, dimension)."""
    found: Doubles = (one @ other.T / one.shape[1] + 1) ** 3
    return found


def squared_mmd(within_one: Doubles, within_other: Doubles, between: Doubles) -> float:
    """Unbiased MMD² from a kernel's values within two samples (n, n), (m, m), and between (n, m).

    Raises ValueError where a sample has fewer points than two.
    """
    return _apart(within_one) + _apart(within_other) - 2 * float(between.mean())


def squared_mmd_of(one: Doubles, other: Doubles, widths: Sequence[float]) -> list[float]:
    """Unbiased MMD² of two samples (n, dimension), (m, dimension) by Gaussians of these widths."""
    squares = (
        squared_distances(one, one),
        squared_distances(other, other),
        squared_distances(one, other),
    )
    return [squared_mmd(*(gaussian(each, width) for each in squares)) for width in widths]


def _apart(values: Doubles) -> float:
    """Mean of a kernel over pairs of different points."""
    count = len(values)
    if count < 2:
        raise ValueError("a discrepancy needs two points of each sample")
    return float((values.sum() - np.trace(values)) / (count * (count - 1)))
