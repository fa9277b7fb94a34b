"""Means, variances and covariances of rows that come block by block, each row seen once.

Blocks are merged as by Chan, Golub and LeVeque (1983): each is centred on its own mean, so that
nothing is lost where a mean is large beside the spread.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from phenovae.profiles.features import Mask, Matrix
from phenovae.profiles.places import Codes

Vector = npt.NDArray[np.float64]

_CONSTANT = 1e-12


def grouped_sums(values: Matrix, codes: Codes, count: int) -> Matrix:
    """Sums (count, features) of rows by the number of their group."""
    if count == 1:
        alone: Matrix = values.sum(axis=0, keepdims=True)
        return alone
    ones = np.ones(len(codes))
    members = csr_matrix((ones, (codes, np.arange(len(codes)))), shape=(count, len(codes)))
    total: Matrix = members @ values
    return total


@dataclass(frozen=True)
class Spread:
    """Of rows by group: number (groups,), mean, sum of squares about it and largest absolute value
    (groups, features).
    """

    count: Codes
    mean: Matrix
    squares: Matrix
    largest: Matrix


@dataclass(frozen=True)
class Products:
    """Of rows: number, mean (features,), sum of products about it (features, features), and largest
    absolute value (features,).
    """

    count: int
    mean: Vector
    products: Matrix
    largest: Vector

    @property
    def constant(self) -> Mask:
        """Which features do not vary, but for rounding (features,)."""
        return is_constant(np.sqrt(np.diag(self.products) / self.count), self.largest)

    def of(self, features: Mask) -> Products:
        """Those of some of the features."""
        return Products(
            self.count,
            self.mean[features],
            self.products[np.ix_(features, features)],
            self.largest[features],
        )


def is_constant(spread: Matrix | Vector, largest: Matrix | Vector) -> Mask:
    """Whether a spread is no more than rounding, beside values as large as these."""
    rounding: Mask = spread <= np.maximum(_CONSTANT * largest, np.finfo(np.float64).tiny)
    return rounding


def spread_by_group(blocks: Iterable[tuple[Codes, Matrix]], groups: int, features: int) -> Spread:
    """Spread of rows, which come in blocks, each with the number of the group of every row."""
    count = np.zeros(groups, np.int64)
    mean, squares, largest = (np.zeros((groups, features)) for _ in range(3))
    for codes, values in blocks:
        present = np.unique(codes)
        own = np.searchsorted(present, codes)
        more = np.bincount(own, minlength=len(present))
        local = grouped_sums(values, own, len(present)) / more[:, None]
        centred = values - (local if len(present) == 1 else local[own])
        for place, code in enumerate(present):
            rows = values if len(present) == 1 else values[own == place]
            ends = np.maximum(rows.max(axis=0), -rows.min(axis=0))
            np.maximum(largest[code], ends, out=largest[code])
        np.square(centred, out=centred)
        before, after = count[present][:, None], (count[present] + more)[:, None]
        step = local - mean[present]
        squares[present] += grouped_sums(centred, own, len(present))
        squares[present] += step**2 * (before * more[:, None] / after)
        mean[present] += step * (more[:, None] / after)
        count[present] += more
    return Spread(count, mean, squares, largest)


def products_of(blocks: Iterable[Matrix], features: int) -> Products:
    """Products of rows about their mean; the rows come in blocks."""
    count = 0
    mean, largest = np.zeros(features), np.zeros(features)
    products = np.zeros((features, features))
    for values in blocks:
        more = len(values)
        local = values.mean(axis=0)
        centred = values - local
        np.maximum(largest, values.max(axis=0), out=largest)
        np.maximum(largest, -values.min(axis=0), out=largest)
        step = local - mean
        products += centred.T @ centred
        products += np.outer(step, step) * (count * more / (count + more))
        mean += step * (more / (count + more))
        count += more
    return Products(count, mean, products, largest)


def raw_products_by_group(
    blocks: Iterable[tuple[Codes, Matrix]], groups: int, features: int
) -> tuple[npt.NDArray[np.float64], Matrix]:
    """Sums of products about zero (groups, features, features), and sums (groups, features)."""
    products = np.zeros((groups, features, features))
    total = np.zeros((groups, features))
    for codes, values in blocks:
        for code in np.unique(codes):
            rows = values[codes == code]
            products[code] += rows.T @ rows
            total[code] += rows.sum(axis=0)
    return products, total
