"""Which cells and treatments pictures show where nobody named any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phenovae.base.errors import UsageError
from phenovae.pipeline.figure_kinds.gathered import CannotDrawError, Gathered, Rows
from phenovae.screen.sites import Role

_ENCODED = 400
_FEWEST = 5


@dataclass(frozen=True)
class Treatment:
    """A compound, or one of its concentrations, and the rows of its usable cells."""

    name: str
    rows: Rows


def controls(run: Gathered) -> Rows:
    """Rows of usable cells of negative controls. Raises CannotDrawError where there are none."""
    roles = run.table["Metadata_Role"].to_numpy(dtype=object)[run.usable]
    rows: Rows = run.usable[roles == Role.NEGATIVE_CONTROL]
    if not len(rows):
        raise CannotDrawError("the screen has no negative controls to start from")
    return rows


def treatments(run: Gathered, count: int, doses: int = 1) -> list[Treatment]:
    """The treatments that were asked for, or else the `count` compounds that change cells most.

    Those with `doses` concentrations at least come first; how much a compound changes cells is told
    from embeddings where the run has them, and else it is the one with most cells. Raises
    CannotDrawError where no treatment has usable cells, UsageError for one that no cell had.
    """
    if run.wanted.treatments:
        found = []
        for name in run.wanted.treatments:
            rows = run.usable[run.of_treatment(name)[run.usable]]
            if not len(rows):
                raise UsageError(f"every cell of {name} is flagged")
            found.append(Treatment(name, rows))
        return found
    roles = run.table["Metadata_Role"].to_numpy(dtype=object)
    treated = run.usable[np.isin(roles[run.usable], (Role.TREATMENT, Role.POSITIVE_CONTROL))]
    if not len(treated):
        raise CannotDrawError("no usable cell was treated")
    compounds = run.table["Metadata_Compound"].to_numpy(dtype=object)
    concentrations = run.table["Metadata_Concentration"].to_numpy(dtype=float)
    ranked = []
    for name in sorted(set(compounds[treated])):
        rows = treated[compounds[treated] == name]
        enough = len(np.unique(concentrations[rows])) >= doses and len(rows) >= _FEWEST
        ranked.append((not enough, -_strength(run, rows, concentrations), name, rows))
    ranked.sort(key=lambda each: each[:3])
    return [Treatment(str(name), rows) for *_, name, rows in ranked[:count]]


def _strength(run: Gathered, rows: Rows, concentrations: npt.NDArray[np.float64]) -> float:
    """How far cells of the highest concentration lie from controls, less what chance gives."""
    highest = rows[concentrations[rows] == concentrations[rows].max()]
    try:
        values, untreated = run.embedded, controls(run)
    except CannotDrawError:
        return float(len(rows))
    usual, spread = run.usual(untreated)
    away = (values[highest].mean(axis=0) - usual) / spread
    return float((away**2).sum() - len(away) / len(highest))


def typical(run: Gathered, rows: Rows, kind: str) -> int:
    """The row of the cell that is nearest to the mean latents of these, or of some of them."""
    some = np.sort(
        run.random(kind, "typical").choice(rows, min(_ENCODED, len(rows)), replace=False)
    )
    found = run.encode(some)
    away = ((found.mean - found.center) / run.latents.spread)[:, run.latents.active]
    return int(some[(away**2).sum(axis=1).argmin()])


def held_out_of(run: Gathered, rows: Rows) -> Rows:
    """Those of some rows that did not teach the model, or all where none did not."""
    apart = rows[np.isin(rows, run.held_out[0])]
    return apart if len(apart) else rows
