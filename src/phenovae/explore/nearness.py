"""The cells nearest to one in the embedding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phenovae.explore.levels import Level
from phenovae.explore.packing import Json

NEIGHBOURS = 8
_BLOCK = 8192


@dataclass(frozen=True)
class Near:
    """A cell near another: its place among the shown ones, its row in the store, its distance."""

    place: int
    row: int
    distance: float
    same_well: bool

    def told(self) -> Json:
        """As a page has it."""
        return {"row": self.row, "distance": self.distance, "same_well": self.same_well}


def nearest_cells(
    cells: Level, place: int, wells: npt.NDArray[np.integer], count: int = NEIGHBOURS
) -> list[Near]:
    """The shown cells nearest to the one at `place`, by Euclidean distance of embeddings.

    `wells` number the wells of the cells.
    """
    away = np.empty(len(cells))
    for start in range(0, len(cells), _BLOCK):
        apart = cells.values[start : start + _BLOCK] - cells.values[place]
        away[start : start + _BLOCK] = np.einsum("nd,nd->n", apart, apart)
    away[place] = np.inf
    away[~np.isfinite(away)] = np.inf
    count = min(count, int(np.isfinite(away).sum()))
    if not count:
        return []
    near = np.argpartition(away, count - 1)[:count]
    return [
        Near(
            int(each),
            int(cells.rows[each]),
            float(np.sqrt(away[each])),
            bool(wells[each] == wells[place]),
        )
        for each in near[np.argsort(away[near], kind="stable")]
    ]
