"""From untreated to treated: how the mean latents of cells move with the dose of a compound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_PLACES = (("plate", "Metadata_Plate"), ("batch", "Metadata_Batch"))


@dataclass(frozen=True)
class DoseShift:
    """How far the cells of a dose lie from untreated ones (latent,), and by how many of them.

    `beside` counts the treated cells by where the untreated ones they were compared with lie:
    on the same plate, in the same batch, or anywhere in the screen.
    """

    concentration: float
    cells: int
    shift: Doubles
    beside: dict[str, int]


def dose_shifts(
    latents: npt.NDArray[np.floating],
    table: pd.DataFrame,
    treated: Mask,
    controls: Mask,
    fewest: int = 5,
) -> list[DoseShift]:
    """Mean of treated cells less mean of untreated ones, for each concentration, rising.

    `latents` (n, latent) and the masks (n,) are in the order of `table`. Treated cells are compared
    with the untreated ones of their plate where there are `fewest`, else of their batch, else
    with all; the shift is the mean over treated cells. Raises ValueError where there is no
    untreated cell.
    """
    if not controls.any():
        raise ValueError("there is no untreated cell to start from")
    doses = table["Metadata_Concentration"].to_numpy(dtype=float)
    return [
        _shift(latents, table, treated & (doses == dose), controls, float(dose), fewest)
        for dose in np.unique(doses[treated])
    ]


def _shift(
    latents: npt.NDArray[np.floating],
    table: pd.DataFrame,
    treated: Mask,
    controls: Mask,
    dose: float,
    fewest: int,
) -> DoseShift:
    total = np.zeros(latents.shape[1])
    beside: dict[str, int] = {}
    for where, cells, untreated in _compared(table, treated, controls, fewest):
        start = latents[untreated].mean(axis=0, dtype=np.float64)
        total += (latents[cells].astype(np.float64) - start).sum(axis=0)
        beside[where] = beside.get(where, 0) + int(cells.sum())
    return DoseShift(dose, int(treated.sum()), total / int(treated.sum()), beside)


def _compared(
    table: pd.DataFrame, treated: Mask, controls: Mask, fewest: int
) -> Iterator[tuple[str, Mask, Mask]]:
    """Treated cells in parts, each with the untreated ones that are nearest to them."""
    left = treated.copy()
    for where, column in _PLACES:
        names = table[column].to_numpy(dtype=object)
        for name in sorted(set(names[left])):
            here = names == name
            if (controls & here).sum() >= fewest:
                yield where, left & here, controls & here
                left &= ~here
    if left.any():
        yield "screen", left, controls


def chance_of_shift(
    latents: npt.NDArray[np.floating],
    controls: Mask,
    spread: Doubles,
    cells: int,
    random: np.random.Generator,
    repeats: int = 200,
) -> Doubles:
    """Lengths of shifts that chance gives (repeat,): of `cells` untreated cells against the rest.

    Lengths are in units of `spread`. With fewer than two untreated cells there is none.
    """
    rows = np.flatnonzero(controls)
    taken = min(cells, len(rows) // 2)
    if taken < 1:
        return np.zeros(0)
    scaled = latents[rows] / spread
    total = scaled.sum(axis=0)
    lengths = np.empty(repeats)
    for number in range(repeats):
        some = scaled[random.choice(len(rows), taken, replace=False)].sum(axis=0)
        away = some / taken - (total - some) / (len(rows) - taken)
        lengths[number] = np.linalg.norm(away)
    return lengths
