"""The cells nearest to one in the embedding."""

from __future__ import annotations

import numpy as np

from phenovae.explore.levels import Level
from phenovae.explore.packing import Json

NEIGHBOURS = 8
_BLOCK = 8192


def nearest_cells(cells: Level, place: int, count: int = NEIGHBOURS) -> list[Json]:
    """The shown cells nearest to the one at `place`, by Euclidean distance of embeddings.

    Each with its row in the store, its distance, and whether it is of the same well.
    """
    away = np.empty(len(cells))
    for start in range(0, len(cells), _BLOCK):
        apart = cells.values[start : start + _BLOCK] - cells.values[place]
        away[start : start + _BLOCK] = np.einsum("nd,nd->n", apart, apart)
    away[place] = np.inf
    away[~np.isfinite(away)] = np.inf
    count = min(count, int(np.isfinite(away).sum()))
    near = np.argpartition(away, count - 1)[:count] if count else np.empty(0, int)
    wells = cells.table[["Metadata_Plate", "Metadata_Well"]]
    mine = wells.iloc[place]
    return [
        {
            "row": int(cells.rows[each]),
            "distance": float(np.sqrt(away[each])),
            "same_well": bool((wells.iloc[each] == mine).all()),
        }
        for each in near[np.argsort(away[near], kind="stable")]
    ]
