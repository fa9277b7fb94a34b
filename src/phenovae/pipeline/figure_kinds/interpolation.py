"""Ways between two cells: on a line and on an arc, as a strip and as a moving picture."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from phenovae.figures.animations import beside, there_and_back, to_gif
from phenovae.figures.sheets import painted
from phenovae.figures.walks import interpolations
from phenovae.pipeline.figure_kinds.choosing import controls, held_out_of, treatments, typical
from phenovae.pipeline.figure_kinds.gathered import CannotDrawError, Gathered
from phenovae.pipeline.figure_kinds.kind import Drawn, Kind
from phenovae.pipeline.figure_kinds.words import (
    of_codes,
    treatment_of,
    usual_brightness,
    width,
)
from phenovae.vae.latent_paths import linear, spherical

_STEPS = 11
_FRAMES = 24
_PAIRS = 2
_WAYS = (("linear", linear), ("spherical", spherical))


def _draw(run: Gathered) -> Iterator[Drawn]:
    pairs = _pairs(run)
    moving = []
    for number, (start, end) in enumerate(pairs):
        rows = np.array([start, end])
        ends = run.pixels(rows)
        first, last = run.trained.encode(ends)[0]
        plates = run.plates(np.full(_FRAMES, start))
        ways = [
            (name, run.trained.decode(way(first, last, _STEPS), plates and plates[:_STEPS]))
            for name, way in _WAYS
        ]
        names = treatment_of(run, start), treatment_of(run, end)
        yield Drawn(
            "interpolation" if number == 0 else f"interpolation-{number + 1}",
            interpolations(
                ways,
                ends,
                (treatment_of(run, start, "\n"), treatment_of(run, end, "\n")),
                run.channels,
                run.limits,
                run.palette,
            ),
            f"From a cell of {names[0]} to one of {names[1]}{width(run)}: the crops at both ends, "
            "and between them what the model makes of the latents on the line between their "
            "posterior means, and on the arc about the origin; then each channel of the line."
            f"{of_codes(run)} {usual_brightness(run)}",
            2,
            leading=number == 0,
        )
        frames = run.trained.decode(spherical(first, last, _FRAMES), plates)
        moving.append(painted(frames, run.channels, run.limits, run.palette))
    together = [beside(np.stack(each)) for each in zip(*moving, strict=True)]
    yield Drawn(
        "interpolation",
        to_gif(there_and_back(together)),
        f"{len(pairs)} ways from one cell to another and back, on the arc about the origin, in "
        f"{_FRAMES} steps.{of_codes(run)} {usual_brightness(run)}",
        2 * len(pairs),
    )


def _pairs(run: Gathered) -> list[tuple[int, int]]:
    """Rows of two cells each: those that were asked for in turn, or a control and treated ones."""
    if run.wanted.cells:
        rows = run.cells("interpolation", 0).tolist()
        if len(rows) < 2:
            raise CannotDrawError("a way leads from one cell to another; two have to be named")
        return list(pairwise(rows))
    start = typical(run, held_out_of(run, controls(run)), "interpolation")
    return [
        (start, typical(run, held_out_of(run, each.rows), "interpolation"))
        for each in treatments(run, _PAIRS)
    ]


KIND = Kind("interpolation", "ways from one cell to another, strips and a GIF", _draw)
