"""Where in the picture each latent dimension is at work, and which pixels move it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phenovae.figures.sensitivities import by_channel, sensitivities
from phenovae.pipeline.figure_kinds.gathered import Gathered
from phenovae.pipeline.figure_kinds.kind import Drawn, Kind
from phenovae.pipeline.figure_kinds.traversals import labels_of, used
from phenovae.pipeline.figure_kinds.words import cells_shown

_CELLS = 16
_DIMENSIONS = 6


def _draw(run: Gathered) -> Iterator[Drawn]:
    from phenovae.vae.sensitivity import (
        latent_by_pixel,
        picture_by_gradient,
        picture_by_traversal,
    )

    found, trained = run.latents, run.trained
    rows = run.cells("sensitivity", _CELLS)
    images = run.pixels(rows)
    points, plates = trained.encode(images)[0], run.plates(rows)
    dimensions = used(run, _DIMENSIONS)
    spread = found.spread[dimensions][None, :, None, None, None]
    slope = picture_by_gradient(trained, points, dimensions, plates) * spread
    step = picture_by_traversal(trained, points, dimensions, found.spread, plates) * spread
    back = latent_by_pixel(trained, images, dimensions) / spread
    maps = [np.abs(each).mean(axis=0, dtype=np.float64) for each in (slope, step, back)]
    labels = labels_of(run, dimensions)
    codes = (
        " The gradient is the decoder's, without the step to the nearest codes, which has none."
        if trained.model.codebooks is not None
        else ""
    )
    roots = (
        " For the last, pixels are 1 % of the range at least, since this encoder takes their roots."
        if trained.card.recipe.model.sees == "shape"
        else ""
    )
    yield Drawn(
        "sensitivity",
        sensitivities(
            [
                ("picture, by gradient", "% of range for one SD", 100 * maps[0]),
                ("picture, ±1 SD", "% of range for one SD", 100 * maps[1]),
                ("latent, by pixel", "SD for a pixel's full range", maps[2]),
            ],
            labels,
            run.channels,
        ),
        "How strongly pixels answer to the most used latents, and latents to pixels, without "
        f"sign, as means over {cells_shown(run, len(rows))}. SD: standard deviation of a latent "
        f"over cells.{codes}{roots}",
        len(rows),
    )
    yield Drawn(
        "sensitivity-channels",
        by_channel(
            np.sqrt((step.astype(np.float64) ** 2).mean(axis=(0, 3, 4))), labels, run.channels
        ),
        "How much the pixels of each channel change for one standard deviation of each of the most "
        f"used latents (root mean square, by steps of one forth and back), over "
        f"{cells_shown(run, len(rows))}.",
        len(rows),
    )


KIND = Kind("sensitivity", "where each latent is at work, and which pixels move it", _draw)
