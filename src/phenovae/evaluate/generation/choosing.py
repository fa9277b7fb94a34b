"""Which cells are looked at: some for the whole, some of each treatment, a partner for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.seeds import generator
from phenovae.cells.splits import LEFT_OUT, TEST, TRAIN, VALIDATION
from phenovae.evaluate.generation.options import FEWEST, GenerationOptions
from phenovae.screen.sites import concentration_key, dose_text

Rows = npt.NDArray[np.int64]

_CONTROL = "negative_control"


@dataclass(frozen=True)
class TreatmentCells:
    """A treatment and its cells: rows of the store, in their order; `held_out` counts those."""

    compound: str
    concentration: float
    mechanism: str
    control: bool
    rows: Rows
    held_out: int

    @property
    def label(self) -> str:
        """Compound and dose as a person writes them."""
        if self.control:
            return self.compound
        return f"{self.compound} {dose_text(self.concentration)} µM"


@dataclass(frozen=True)
class Chosen:
    """Cells for the whole (`together`), of `of` that could be had, and those of treatments.

    `held_out` says whether those of the whole taught the model nothing.
    """

    together: Rows
    of: int
    held_out: bool
    treatments: tuple[TreatmentCells, ...]

    @property
    def rows(self) -> Rows:
        """All rows that are looked at, each once, in order."""
        return np.unique(np.concatenate([self.together, *(each.rows for each in self.treatments)]))


def choose_cells(
    table: pd.DataFrame,
    sides: npt.NDArray[np.object_],
    options: GenerationOptions,
    seed: int,
) -> Chosen:
    """Choose cells of a store's table by the side of the splits that each is on, (cell,)."""
    held_out = np.flatnonzero((sides == VALIDATION) | (sides == TEST))
    apart = len(held_out) >= options.fewest_held_out
    could = held_out if apart else np.flatnonzero(sides == TRAIN)
    random = generator(seed, "evaluate", "generation", "cells")
    together = np.sort(random.choice(could, min(options.cells, len(could)), replace=False))
    return Chosen(together, len(could), apart, _treatments(table, sides, options, seed))


def partners(rows: Rows, treatments: npt.NDArray[np.object_], seed: int) -> Rows:
    """For each row another one of them, of the same treatment where there is one; at random.

    `treatments` (row,) names that of each. A cell that is alone is given itself.
    """
    random = generator(seed, "evaluate", "generation", "partners")
    found = rows.copy()
    _pair(np.arange(len(rows)), rows, found, random)
    for places in pd.Series(np.arange(len(rows))).groupby(treatments, sort=True).indices.values():
        if len(places) > 1:
            _pair(np.asarray(places, dtype=np.int64), rows, found, random)
    return found


def _pair(places: Rows, rows: Rows, found: Rows, random: np.random.Generator) -> None:
    """Give each of these places the row of the next one in a random round."""
    order = random.permutation(places)
    found[order] = rows[np.roll(order, 1)]


def treatments_of(table: pd.DataFrame) -> npt.NDArray[np.object_]:
    """The treatment of each cell, as one text that is the same for equal ones."""
    doses = table["Metadata_Concentration"].map(concentration_key).astype(str)
    joined = table["Metadata_Compound"].astype(str) + "\x1f" + doses
    return joined.to_numpy(dtype=object)


def _treatments(
    table: pd.DataFrame,
    sides: npt.NDArray[np.object_],
    options: GenerationOptions,
    seed: int,
) -> tuple[TreatmentCells, ...]:
    if options.treatment_cells < FEWEST:
        return ()
    usable = np.flatnonzero(sides != LEFT_OUT)
    kept_apart = (sides == VALIDATION) | (sides == TEST)
    groups = pd.Series(usable).groupby(treatments_of(table)[usable], sort=True).indices
    found: list[tuple[bool, int, TreatmentCells]] = []
    for name, places in groups.items():
        rows = usable[places]
        if len(rows) < FEWEST:
            continue
        random = generator(seed, "evaluate", "generation", "treatment", str(name))
        order = random.permutation(rows)
        # A stable sort: held-out cells first, each kind in its random order.
        order = order[np.argsort(~kept_apart[order], kind="stable")][: options.treatment_cells]
        first = table.iloc[int(rows[0])]
        control = first["Metadata_Role"] == _CONTROL
        moa = first["Metadata_MoA"]
        cells = TreatmentCells(
            str(first["Metadata_Compound"]),
            float(first["Metadata_Concentration"]),
            moa if isinstance(moa, str) else "",
            bool(control),
            np.sort(order),
            int(kept_apart[order].sum()),
        )
        found.append((not control, -len(rows), cells))
    kept = sorted(found, key=lambda each: (each[0], each[1], each[2].label))
    shown = [each[2] for each in kept[: options.treatments]]
    return tuple(sorted(shown, key=lambda each: (not each.control, each.mechanism, each.label)))
