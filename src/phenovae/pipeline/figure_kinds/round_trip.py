"""Latents that are decoded and encoded again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phenovae.figures.round_trips import round_trips
from phenovae.pipeline.figure_kinds.gathered import CannotDrawError, Gathered
from phenovae.pipeline.figure_kinds.kind import Drawn, Kind
from phenovae.pipeline.figure_kinds.words import counted, of_codes
from phenovae.vae.round_trip import of_two_cells, round_trip

_CELLS = 500


def _draw(run: Gathered) -> Iterator[Drawn]:
    found, trained = run.latents, run.trained
    if len(found) < 2:
        raise CannotDrawError("a round trip is judged beside another cell, and there is one cell")
    random = run.random("round trip")
    chosen = np.sort(random.choice(len(found), min(_CELLS, len(found)), replace=False))
    cells = found.mean[chosen]
    dimensions = np.flatnonzero(found.active)
    if not len(dimensions):
        dimensions = found.by_usage[:1]
    real = round_trip(trained, cells, found.spread, run.plates(found.rows[chosen]))
    drawn = round_trip(trained, trained.draw(len(cells), random), found.spread)
    null = of_two_cells(cells, found.spread, dimensions, random)
    away = {
        "cells, and back": real.distances(dimensions),
        "prior, and back": drawn.distances(dimensions),
        "two different cells": null,
    }
    medians = "; ".join(f"{name} {np.median(values):.2f}" for name, values in away.items())
    order = found.by_usage
    yield Drawn(
        "round-trip",
        round_trips(
            [("cells", real.kept()[order]), ("draws of the prior", drawn.kept()[order])],
            list(away.items()),
        ),
        "Latents decoded and encoded again. Left: the share of each dimension's variance that "
        f"comes back, of the posterior means of {counted(len(cells), f'{run.held_out[1]}cell')} "
        f"and of as many draws of the prior. Right: how far from where it was each point comes "
        f"back, over {counted(len(dimensions), 'active dimension')} (medians: {medians})."
        f"{of_codes(run)}",
        len(cells),
    )


KIND = Kind("round-trip", "latents decoded and encoded again", _draw)
