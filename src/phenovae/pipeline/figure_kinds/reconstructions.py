"""Cells beside what the model makes of them."""

from __future__ import annotations

from collections.abc import Iterator

from phenovae.figures import crops
from phenovae.pipeline.figure_kinds.gathered import Gathered
from phenovae.pipeline.figure_kinds.kind import Drawn, Kind
from phenovae.pipeline.figure_kinds.words import brightness, cells_shown


def _draw(run: Gathered) -> Iterator[Drawn]:
    rows = run.cells("reconstructions", crops.COLUMNS)
    originals = run.pixels(rows)
    decoded = run.trained.reconstruct(originals, run.plates(rows))
    for at in range(0, len(rows), crops.COLUMNS):
        part = slice(at, at + crops.COLUMNS)
        shown = len(rows[part])
        yield Drawn(
            "reconstructions" if at == 0 else f"reconstructions-{at // crops.COLUMNS + 1}",
            crops.reconstructions(
                originals[part], decoded[part], run.channels, palette=run.palette
            ),
            f"{cells_shown(run, shown)}, and below each what the model makes of the mean of its "
            f"latents. {brightness('these originals')}",
            shown,
        )


KIND = Kind("reconstructions", "cells beside what the model makes of them", _draw)
