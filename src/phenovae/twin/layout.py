"""Which well of which plate holds what: batches, plates, rows of compounds, columns of doses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from phenovae.base.seeds import generator
from phenovae.screen.sites import concentration_key
from phenovae.twin.options import ROWS_OF_COMPOUNDS, TwinOptions
from phenovae.twin.phenotypes import Phenotypes, Vector, hill

DMSO = "DMSO"
NEGATIVE_WELLS = ("B02", "C02", "D02", "E11", "F11", "G11")
POSITIVE_WELLS = ("B11", "C11", "D11", "E02", "F02", "G02")
_FIRST_DOSE_COLUMN = 3
_TOP_DOSES = (0.3, 1.0, 3.0, 10.0, 30.0)
_VARIATION_OF_SHIFTS = 0.5


@dataclass(frozen=True)
class Compound:
    """A made-up compound: its mechanism, where its doses act, and what is its own."""

    name: str
    mechanism: str | None
    batch: str
    doses: tuple[float, ...]
    half_dose: float
    shift: Vector
    own: Vector

    def at(self, concentration: float) -> tuple[Vector, Vector]:
        """Shifts of the cells that respond and of all cells, at a concentration in µM."""
        strength = hill(concentration, self.half_dose)
        return strength * self.shift, strength * self.own


@dataclass(frozen=True)
class Well:
    """One well: its place and its treatment."""

    name: str
    compound: Compound
    concentration: float


@dataclass(frozen=True)
class Plate:
    """One plate of wells, in the order in which they are drawn."""

    name: str
    batch: str
    replicate: int
    wells: tuple[Well, ...]


@dataclass(frozen=True)
class Layout:
    """The whole screen: plates and the compounds on them."""

    plates: tuple[Plate, ...]
    compounds: tuple[Compound, ...]
    positive_control: Compound


def dose_series(top: float, doses: int) -> tuple[float, ...]:
    """Half-logarithmic doses downwards from `top` as a pipetting robot makes them: 3, 1, 0.3 …"""
    series = [top]
    while len(series) < doses:
        last = series[-1]
        leading = round(last / 10 ** np.floor(np.log10(last) + 1e-9))
        series.append(concentration_key(last / 3 if leading == 3 else last * 0.3))
    return tuple(series)


def lay_out(options: TwinOptions, phenotypes: Phenotypes, seed: int) -> Layout:
    """Make up the compounds and give every one a row of the plates of one batch."""
    batches = [f"Week{number + 1}" for number in range(options.batches)]
    places = _places(options, batches, phenotypes)
    compounds = [
        _compound(f"TWN-{number + 1:03d}", mechanism, batch, options, phenotypes, seed)
        for number, (mechanism, batch) in enumerate(places)
    ]
    control = _control(phenotypes, options)
    plates = []
    for batch in batches:
        here = [compound for compound in compounds if compound.batch == batch]
        order = generator(seed, "twin", "rows", batch).permutation(len(here))
        rows = len(ROWS_OF_COMPOUNDS)
        for layout in range(options.layouts):
            mine = [here[index] for index in order[layout * rows : (layout + 1) * rows]]
            wells = _wells(mine, control, options, phenotypes)
            plates += [
                Plate(_plate_name(batch, layout, replicate), batch, replicate + 1, wells)
                for replicate in range(options.replicates)
            ]
    return Layout(tuple(plates), tuple(compounds), control)


def _plate_name(batch: str, layout: int, replicate: int) -> str:
    number = int(batch.removeprefix("Week"))
    return f"{batch}_9{number:02d}{layout + 1}{replicate + 1}"


def _places(
    options: TwinOptions, batches: Sequence[str], phenotypes: Phenotypes
) -> list[tuple[str | None, str]]:
    """Mechanism and batch of every compound: mechanisms spread over batches, a few kept in one."""
    free = {batch: options.layouts * len(ROWS_OF_COMPOUNDS) for batch in batches}
    placed: dict[tuple[str, int], str] = {}
    for mechanism in phenotypes.single_batch:
        roomy = max(free, key=lambda batch: free[batch])
        for copy in range(options.compounds):
            batch = roomy if free[roomy] else max(free, key=lambda batch: free[batch])
            placed[mechanism, copy] = batch
            free[batch] -= 1
    spread = [name for name in phenotypes.mechanisms if name not in phenotypes.single_batch]
    for copy in range(options.compounds):
        for mechanism in spread:
            used = [placed.get((mechanism, other)) for other in range(copy)]
            batch = min(
                (name for name in batches if free[name]),
                key=lambda name: (used.count(name), -free[name]),
            )
            placed[mechanism, copy] = batch
            free[batch] -= 1
    places: list[tuple[str | None, str]] = [
        (mechanism, placed[mechanism, copy])
        for mechanism in phenotypes.mechanisms
        for copy in range(options.compounds)
    ]
    for _ in range(options.unannotated):
        batch = max(free, key=lambda batch: free[batch])
        places.append((None, batch))
        free[batch] -= 1
    return places


def _compound(
    name: str,
    mechanism: str | None,
    batch: str,
    options: TwinOptions,
    phenotypes: Phenotypes,
    seed: int,
) -> Compound:
    rng = generator(seed, "twin", "compound", name)
    top = float(rng.choice(_TOP_DOSES))
    size = len(phenotypes.names)
    variation = options.compound_variation
    factors = 1 + _VARIATION_OF_SHIFTS * variation * rng.standard_normal(size)
    own = variation * phenotypes.spreads() * rng.standard_normal(size)
    known = np.zeros(size) if mechanism is None else phenotypes.shift(mechanism)
    return Compound(
        name=name,
        mechanism=mechanism,
        batch=batch,
        doses=dose_series(top, options.doses),
        half_dose=top * float(rng.uniform(0.08, 0.25)),
        shift=options.effect * factors * known,
        own=own,
    )


def _control(phenotypes: Phenotypes, options: TwinOptions) -> Compound:
    control = phenotypes.positive_control
    return Compound(
        name=control.compound,
        mechanism=control.mechanism,
        batch="",
        doses=(control.concentration,),
        half_dose=control.half_dose,
        shift=options.effect * phenotypes.shift(control.mechanism),
        own=np.zeros(len(phenotypes.names)),
    )


def _wells(
    compounds: Sequence[Compound], control: Compound, options: TwinOptions, phenotypes: Phenotypes
) -> tuple[Well, ...]:
    nothing = np.zeros(len(phenotypes.names))
    solvent = Compound(DMSO, None, "", (0.0,), 1.0, nothing, nothing)
    wells = [Well(name, solvent, 0.0) for name in NEGATIVE_WELLS[: options.negative_controls]]
    wells += [
        Well(name, control, control.doses[0])
        for name in POSITIVE_WELLS[: options.positive_controls]
    ]
    for row, compound in zip(ROWS_OF_COMPOUNDS, compounds, strict=False):
        wells += [
            Well(f"{row}{_FIRST_DOSE_COLUMN + column:02d}", compound, dose)
            for column, dose in enumerate(compound.doses)
        ]
    return tuple(sorted(wells, key=lambda well: well.name))
