"""The rows that transforms are fitted on, in memory or read block by block as often as needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from phenovae.profiles.features import Matrix
from phenovae.profiles.moments import Products, Spread, products_of, spread_by_group
from phenovae.profiles.places import Codes, Groups, Places

Blocks = Callable[[], Iterable[Matrix]]

# Rows of a block at most: its temporary copies stay small beside the memory of any machine.
BLOCK = 4_096

# Fewer controls than this fit a transform badly: it is told which are so few.
FEW = 20


@dataclass(frozen=True)
class ControlRows:
    """Rows that fit a transform: their places, and their values (rows, features) in blocks.

    `read` gives the blocks in the order of the rows, anew at each call; `names` are the features'.
    """

    read: Blocks
    places: Places
    names: tuple[str, ...]

    @classmethod
    def of(cls, values: Matrix, places: Places, names: tuple[str, ...] = ()) -> ControlRows:
        """Rows in memory; without names, features are called by their number."""
        known = names or tuple(f"feature {number}" for number in range(values.shape[1]))
        return cls(lambda: (values,), places, known)

    def __len__(self) -> int:
        return len(self.places)

    def blocks(self) -> Iterator[tuple[Places, Matrix]]:
        """Blocks of rows with their places; no block is empty or larger than BLOCK."""
        start = 0
        for found in self.read():
            for values in pieces(found):
                yield self.places.take(slice(start, start + len(values))), values
                start += len(values)

    def by_group(self, groups: Groups) -> Iterator[tuple[Codes, Matrix]]:
        """Blocks of rows with the number of the group of every row."""
        for places, values in self.blocks():
            yield groups.codes(places), values

    def collected(self) -> Matrix:
        """All rows at once (rows, features): as much memory as they take."""
        found = list(self.read())
        return found[0] if len(found) == 1 else np.concatenate(found)

    def products(self) -> Products:
        """Products about the mean of all rows."""
        return products_of((values for _, values in self.blocks()), len(self.names))

    def spread(self, groups: Groups) -> Spread:
        """Spread of the rows of each group."""
        return spread_by_group(self.by_group(groups), len(groups), len(self.names))


def pieces(values: Matrix) -> Iterator[Matrix]:
    """Views of at most BLOCK rows each."""
    for start in range(0, len(values), BLOCK):
        yield values[start : start + BLOCK]
