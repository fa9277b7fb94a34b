"""From untreated to treated, by dose: a cell shown as if treated, and how far the mean goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from phenovae.base.file_names import readable
from phenovae.figures.animations import beside, there_and_back, to_gif
from phenovae.figures.sheets import painted
from phenovae.figures.trajectories import Way, as_if_treated, ways
from phenovae.pipeline.figure_kinds.choosing import Treatment, controls, held_out_of, treatments
from phenovae.pipeline.figure_kinds.gathered import Gathered, Rows
from phenovae.pipeline.figure_kinds.kind import Drawn, Kind
from phenovae.pipeline.figure_kinds.words import (
    of_codes,
    together_and_alone,
    usual_brightness,
    width,
)
from phenovae.screen.sites import dose_text
from phenovae.vae.latent_space import Posteriors
from phenovae.vae.trajectories import DoseShift, chance_of_shift, dose_shifts

_COMPOUNDS = 2
_CONTROLS = 1000
_OF_A_DOSE = 300
_SHOWN = 3
_REAL = 3
_DOSES = 7
_FRAMES = 8


@dataclass(frozen=True)
class _Moved:
    """A compound, its shifts by dose, and the rows of the cells of each dose."""

    compound: str
    shifts: list[DoseShift]
    rows: list[Rows]


def _draw(run: Gathered) -> Iterator[Drawn]:
    untreated = _controls(run)
    found = [_moved(run, each, untreated) for each in treatments(run, _COMPOUNDS, doses=2)]
    names: set[str] = set()
    for each in found:
        name = f"trajectory-{readable(each.compound)}"
        while name in names:
            name += "-2"
        names.add(name)
        yield from _cells(run, each, untreated, name, leading=len(names) == 1)
    yield _means(run, found, untreated)


def _controls(run: Gathered) -> Posteriors:
    rows = controls(run)
    some = run.random("trajectories", "controls").choice(
        rows, min(_CONTROLS, len(rows)), replace=False
    )
    return run.encode(np.sort(some))


def _moved(run: Gathered, treatment: Treatment, untreated: Posteriors) -> _Moved:
    doses = run.table["Metadata_Concentration"].to_numpy(dtype=float)[treatment.rows]
    random = run.random("trajectories", treatment.name)
    parts = []
    for dose in np.unique(doses):
        rows = treatment.rows[doses == dose]
        parts.append(np.sort(random.choice(rows, min(_OF_A_DOSE, len(rows)), replace=False)))
    treated = run.encode(np.concatenate(parts))
    together = np.concatenate([untreated.mean, treated.mean])
    table = run.table.iloc[np.concatenate([untreated.rows, treated.rows])]
    controls_first = np.arange(len(table)) < len(untreated)
    shifts = dose_shifts(together, table, ~controls_first, controls_first)
    return _Moved(treatment.name, shifts, parts)


def _cells(
    run: Gathered, moved: _Moved, untreated: Posteriors, name: str, *, leading: bool
) -> Iterator[Drawn]:
    random = run.random("trajectories", "shown", moved.compound)
    if run.wanted.cells:
        rows = run.cells("trajectories", 0)
    else:
        some = held_out_of(run, untreated.rows)
        rows = np.sort(random.choice(some, min(_SHOWN, len(some)), replace=False))
    crops = run.pixels(rows)
    points, plates = run.trained.encode(crops)[0], run.plates(rows)
    chosen = _spread_out(len(moved.shifts), _DOSES)
    steps = [np.zeros(points.shape[1]), *(moved.shifts[n].shift for n in chosen)]
    decoded = np.stack(
        [run.trained.decode((points + step).astype(np.float32), plates) for step in steps], axis=1
    )
    parts = [untreated.rows, *(moved.rows[n] for n in chosen)]
    real = [
        run.pixels(np.sort(random.choice(part, min(_REAL, len(part)), replace=False)))
        for part in parts
    ]
    control = str(run.table["Metadata_Compound"].iloc[int(untreated.rows[0])])
    headings = [
        f"{control[:12]}\n{len(untreated):,} cells",
        *(
            f"{dose_text(moved.shifts[n].concentration)} µM\n{moved.shifts[n].cells:,} cells"
            for n in chosen
        ),
    ]
    behind = len(untreated) + sum(moved.shifts[n].cells for n in chosen)
    caption = (
        f"{moved.compound}: untreated cells{width(run)}, decoded, and as if each dose had been "
        "given, by the difference of mean latents from untreated cells "
        f"({_compared(moved)}); below, real cells of each dose, drawn by chance."
        f"{of_codes(run)} {usual_brightness(run)}"
    )
    for called, channels, alone in together_and_alone(run, name):
        yield Drawn(
            called,
            as_if_treated(
                crops,
                decoded,
                real,
                headings,
                run.channels,
                run.limits,
                run.palette,
                channels,
            ),
            caption + alone,
            behind,
            leading=leading and channels is None,
        )
    frames = []
    for before, after in pairwise(steps):
        for share in np.arange(_FRAMES) / _FRAMES:
            there = (points + (1 - share) * before + share * after).astype(np.float32)
            frames.append(run.trained.decode(there, plates))
    frames.append(run.trained.decode((points + steps[-1]).astype(np.float32), plates))
    yield Drawn(
        name,
        to_gif(
            there_and_back(
                [beside(painted(each, run.channels, run.limits, run.palette)) for each in frames]
            )
        ),
        f"The same cells from untreated to the highest dose of {moved.compound} through all others "
        f"and back. {caption}",
        behind,
        leading=leading,
    )


def _compared(moved: _Moved) -> str:
    """With which untreated cells the treated ones were compared, in words."""
    total: dict[str, int] = {}
    for shift in moved.shifts:
        for where, count in shift.beside.items():
            total[where] = total.get(where, 0) + count
    words = {
        "plate": "of the same plate",
        "batch": "of the same batch",
        "screen": "of the whole screen",
    }
    if len(total) == 1:
        return words[next(iter(total))]
    parts = [f"{words[where]} for {count:,}" for where, count in total.items()]
    return f"{', '.join(parts)} treated cells"


def _means(run: Gathered, found: list[_Moved], untreated: Posteriors) -> Drawn:
    spread = run.latents.spread
    shifts = np.concatenate([[shift.shift / spread for shift in each.shifts] for each in found])
    _, sizes, directions = np.linalg.svd(shifts, full_matrices=False)
    plane = np.zeros((2, shifts.shape[1]))
    plane[: min(2, len(directions))] = directions[:2]
    shares = np.zeros(2)
    shares[: min(2, len(sizes))] = (sizes**2 / max(float((sizes**2).sum()), 1e-12))[:2]
    # The largest shift points to the right and up, whatever the sign of a singular vector.
    largest = shifts[np.linalg.norm(shifts, axis=1).argmax()] @ plane.T
    plane *= np.where(largest < 0, -1.0, 1.0)[:, None]
    cloud = (untreated.mean - untreated.center) / spread @ plane.T
    everyone = np.ones(len(untreated), dtype=bool)
    shown = []
    behind = len(untreated)
    for each in found:
        scaled = np.array([shift.shift / spread for shift in each.shifts])
        usual = []
        for shift in each.shifts:
            chance = chance_of_shift(
                untreated.mean, everyone, spread, shift.cells, run.random("chance", shift.cells)
            )
            usual.append(float(np.quantile(chance, 0.95)) if len(chance) else 0.0)
        counts = [shift.cells for shift in each.shifts]
        behind += sum(counts)
        shown.append(
            Way(
                each.compound,
                np.array([shift.concentration for shift in each.shifts]),
                scaled @ plane.T,
                np.linalg.norm(scaled, axis=1),
                counts,
                np.array(usual),
            )
        )
    counted = "; ".join(
        f"{way.name}: {', '.join(f'{n:,}' for n in way.cells)} cells by dose" for way in shown
    )
    return Drawn(
        "trajectories",
        ways(shown, cloud, (float(shares[0]), float(shares[1]))),
        f"How far the mean latents of each dose lie from {len(untreated):,} untreated cells "
        f"({counted}), in standard deviations of each latent over cells. Left: on the plane that "
        "shows most of the differences. Right: over all latents; dotted, what 95 of 100 groups of "
        "as many untreated cells stay below.",
        behind,
    )


def _spread_out(count: int, most: int) -> list[int]:
    """Up to `most` of so many places, evenly spread, both ends among them."""
    return sorted({int(n) for n in np.linspace(0, count - 1, min(count, most)).round()})


KIND = Kind(
    "trajectories", "from untreated to treated by dose, the same cells as if treated", _draw
)
