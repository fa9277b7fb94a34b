"""Plate maps: a measure of every well, where it lies."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phenovae.base.errors import UsageError, nearest
from phenovae.base.file_names import readable
from phenovae.figures.colours import in_order
from phenovae.figures.plates import Plate, plate_format, plate_maps
from phenovae.pipeline.figure_kinds.gathered import CannotDrawError, Gathered
from phenovae.pipeline.figure_kinds.kind import Drawn, Kind
from phenovae.pipeline.figure_kinds.quantities import (
    CELLS,
    FLAGGED,
    RIGHT,
    Measure,
    Points,
    groups_of,
    measure_of,
    points_of_wells,
)
from phenovae.pipeline.figure_kinds.words import counted
from phenovae.screen.sites import Role

_A_PAGE = 12
_USUAL = (CELLS, FLAGGED, "Quality_Noise", RIGHT, "z_000")


def _draw(run: Gathered) -> Iterator[Drawn]:
    points = points_of_wells(run)
    named = {by for by in run.wanted.by if groups_of(points, by) is not None}
    wanted = [by for by in run.wanted.by if by not in named]
    if named and not wanted:
        raise CannotDrawError(f"{', '.join(sorted(named))}: a plate map shows a measure")
    every: list[str] = []
    for name in wanted or _USUAL:
        try:
            measure = measure_of(run, points, name)
        except CannotDrawError as error:
            every.append(f"{name}: {error.what}")
            continue
        yield from _pages(run, points, measure)
    if every:
        raise CannotDrawError("; ".join(every))


def _pages(run: Gathered, points: Points, measure: Measure) -> Iterator[Drawn]:
    """All plates, a dozen a picture, with one scale of colours for all."""
    names = points.metadata["Metadata_Plate"].astype(str).to_numpy(dtype=object)
    wells = points.metadata["Metadata_Well"].astype(str).to_numpy(dtype=object)
    controls = (points.metadata["Metadata_Role"] == Role.NEGATIVE_CONTROL).to_numpy()
    shown = in_order(names.tolist())
    for plate in run.wanted.plates:
        if plate not in shown:
            raise UsageError(f"no usable cell is of plate {plate!r}", mend=nearest(plate, shown))
    if run.wanted.plates:
        shown = [name for name in shown if name in run.wanted.plates]
    counts = np.bincount(points.owner[points.owner >= 0], minlength=len(names))
    shape = plate_format(wells.tolist())
    here = np.isin(names, shown)
    for at in range(0, len(shown), _A_PAGE):
        page = shown[at : at + _A_PAGE]
        plates = [
            Plate(
                name,
                tuple(wells[names == name]),
                measure.values[names == name],
                controls[names == name],
            )
            for name in page
        ]
        cells = int(counts[np.isin(names, page)].sum())
        number = f"-{at // _A_PAGE + 1}" if len(shown) > _A_PAGE else ""
        yield Drawn(
            f"plate-map-{readable(measure.name)}{number}",
            plate_maps(
                plates,
                measure.label,
                limits=measure.values[here],
                shape=shape,
                logarithmic=measure.logarithmic,
            ),
            f"{measure.label} of {counted(sum(len(each.wells) for each in plates), 'well')} on "
            f"{counted(len(page), 'plate')}{_of(len(page), len(shown))}, {counted(cells, 'cell')}. "
            "One scale of colours for all plates, over the middle 98 % of their wells.",
            cells,
        )


def _of(page: int, plates: int) -> str:
    return "" if page == plates else f" of {plates}"


KIND = Kind(
    "plate-map",
    "a measure of every well where it lies on its plate (--by, --plate): cells, quality, scores",
    _draw,
)
