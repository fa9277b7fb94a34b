"""The nearest neighbours of single cells in an embedding."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phenovae.vae.data import Rows

Doubles = npt.NDArray[np.float64]

_BLOCK = 1 << 16


def nearest_cells(
    embedding: npt.NDArray[np.floating], cells: Rows, among: Rows, count: int
) -> tuple[Rows, Doubles]:
    """The nearest neighbours of some cells, each nearest first, and how far they are.

    `embedding` (n, dimension) has a row a cell; `cells` are the rows asked about and `among` those
    looked at, of which a cell itself is never one. Both results are (cell, neighbour); Euclidean
    distances. Where fewer than `count` can be found there are as many columns as the poorest cell
    has; equal distances come in the order of `among`.
    """
    found_rows: list[Rows] = []
    found: list[Doubles] = []
    for cell in cells:
        distances = np.concatenate(
            [
                np.linalg.norm(
                    embedding[among[at : at + _BLOCK]].astype(np.float64) - embedding[cell], axis=1
                )
                for at in range(0, len(among), _BLOCK)
            ]
            or [np.zeros(0)]
        )
        distances[among == cell] = np.inf
        order = np.argsort(distances, kind="stable")[:count]
        order = order[np.isfinite(distances[order])]
        found_rows.append(among[order])
        found.append(distances[order])
    width = min((len(rows) for rows in found_rows), default=0)
    shape = (len(cells), width)
    return (
        np.array([rows[:width] for rows in found_rows], dtype=np.int64).reshape(shape),
        np.array([each[:width] for each in found]).reshape(shape),
    )
