"""Labelled pixels as stretches: pixels side by side in a row that have one owner.

An image has a few ten thousand stretches where it has a million pixels, and they lie in the order
of the image. So sums over cells need neither sorting nor looking up pixels one by one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_STRIP = 64 * 1024
"""Pixels that are worked on at a time, so that they stay in the cache."""


def strips(shape: tuple[int, ...], multiple: int = 1) -> Iterator[slice]:
    """Rows of an image (height, width) from top to bottom, some `multiple` of rows at a time."""
    rows = max(1, _STRIP // max(shape[1] * multiple, 1)) * multiple
    for top in range(0, shape[0], rows):
        yield slice(top, min(top + rows, shape[0]))


def areas_of(labels: npt.NDArray[np.integer], count: int) -> Counts:
    """Number of pixels of labels 0 to `count` of an image, (count + 1,)."""
    flat = labels.ravel()
    starts = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts = np.concatenate([np.zeros(min(flat.size, 1), np.int64), starts])
    lengths = np.diff(starts, append=flat.size)
    return np.bincount(flat[starts], lengths, count + 1).astype(np.int64)


class Stretches:
    """The stretches of a label image (height, width); owners are counted from 0, label 1 first."""

    def __init__(self, labels: npt.NDArray[np.integer], owners: int) -> None:
        self.height, self.width = labels.shape
        self._owners = owners
        flat = labels.ravel()
        first = np.empty(flat.size, bool)
        np.not_equal(flat[1:], flat[:-1], out=first[1:])
        first[:: max(self.width, 1)] = True
        self._starts = np.flatnonzero(first)
        self._labels = flat[self._starts].astype(np.int64)
        lit = self._labels > 0
        starts, lengths = self._starts[lit], np.diff(self._starts, append=flat.size)[lit]
        self.owner: Counts = self._labels[lit] - 1
        self.row, self.left = np.divmod(starts, max(self.width, 1))
        self.right: Counts = self.left + lengths
        """Row, first column and the column after the last of every stretch that has an owner."""

    def sums_of_strip(self, values: npt.NDArray[np.floating], rows: slice) -> Numbers:
        """Sums over the stretches of some rows, of a value a pixel (rows, width)."""
        ends = (rows.start * self.width, rows.stop * self.width)
        here = slice(*np.searchsorted(self._starts, ends))
        return np.add.reduceat(values.ravel(), self._starts[here] - ends[0])

    def of_owners(self, sums: list[Numbers]) -> Numbers:
        """Sums over owners from the sums over the stretches of all strips."""
        joined = np.concatenate(sums) if sums else np.zeros(0)
        return self._by_owner(self._labels, joined, self._owners + 1)[1:]

    def moments(self) -> Counts:
        """Number of pixels, sums of row and column, their squares and product, (6, owners)."""
        count = self.right - self.left
        # sums over whole numbers from the first column to the last
        columns = count * (self.left + self.right - 1) // 2
        squares = _squares_below(self.right) - _squares_below(self.left)
        values = (count, self.row * count, columns, self.row**2 * count, squares)
        weights = (*values, self.row * columns)
        return np.stack(
            [
                self._by_owner(self.owner, weight, self._owners).astype(np.int64)
                for weight in weights
            ]
        )

    @staticmethod
    def _by_owner(owner: Counts, weight: npt.NDArray[np.number], owners: int) -> Numbers:
        return np.bincount(owner, weight, owners).astype(np.float64)


def _squares_below(number: Counts) -> Counts:
    """0² + 1² + … + (number - 1)²."""
    return (number - 1) * number * (2 * number - 1) // 6
