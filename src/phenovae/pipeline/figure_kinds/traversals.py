"""One cell with one latent dimension changed at a time, the most used first."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from phenovae.figures.animations import beside, there_and_back, to_gif
from phenovae.figures.sheets import painted
from phenovae.figures.walks import traversals
from phenovae.pipeline.figure_kinds.gathered import Gathered, Pixels
from phenovae.pipeline.figure_kinds.kind import Drawn, Kind
from phenovae.pipeline.figure_kinds.words import (
    counted,
    of_codes,
    together_and_alone,
    usual_brightness,
)
from phenovae.vae.latent_paths import traversal

_DIMENSIONS = 8
_OFFSETS = np.linspace(-2.5, 2.5, 11)
_FRAMES = np.linspace(-2.5, 2.5, 13)


def labels_of(run: Gathered, dimensions: list[int]) -> list[str]:
    """What each of some dimensions is called, and how much it is used."""
    found = run.latents
    if found.kl is None:
        return [f"latent {n}\nvar. {found.variance_of_mean[n]:.2g}" for n in dimensions]
    return [f"latent {n}\n{found.kl[n]:.2g} nats" for n in dimensions]


def used(run: Gathered, most: int) -> list[int]:
    """The most used dimensions; idle ones are left out, but for the first."""
    order = run.latents.by_usage
    active = [int(n) for n in order if run.latents.active[n]]
    return active[:most] or [int(order[0])]


def _images(
    run: Gathered, row: int, dimensions: list[int], offsets: npt.NDArray[np.float64]
) -> Pixels:
    """Pictures (dimension, value, channel, height, width) of one cell."""
    found = run.latents
    point = run.encode(np.array([row])).mean[0]
    ways = [traversal(point, n, found.center[n] + offsets * found.spread[n]) for n in dimensions]
    plates = run.plates(np.full(len(offsets), row))
    return np.stack([run.trained.decode(way, plates) for way in ways])


def _draw(run: Gathered) -> Iterator[Drawn]:
    found = run.latents
    dimensions = used(run, _DIMENSIONS)
    labels = labels_of(run, dimensions)
    asked = run.cells("traversals", 1).tolist() if run.wanted.cells else None
    count = counted(len(found), f"{run.held_out[1]}cell")
    measure = "variance of the mean" if found.kl is None else "KL to the prior"
    for place, row in enumerate(asked or [int(found.rows[found.typical()])]):
        name = "traversals" if place == 0 else f"traversals-cell{place + 1}"
        images = _images(run, row, dimensions, _OFFSETS)
        whose = "the cell that was named" if asked else "the cell nearest to the middle of all"
        caption = (
            f"One cell ({whose}), decoded with one latent dimension at a time set from "
            f"−2.5 to +2.5 standard deviations of the aggregate posterior from its mean, the "
            f"most used dimensions first ({measure}), both over {count}; all other dimensions "
            f"are the cell's own.{of_codes(run)} {usual_brightness(run)}"
        )
        for called, channels, alone in together_and_alone(run, name):
            yield Drawn(
                called,
                traversals(
                    images,
                    labels,
                    _OFFSETS,
                    run.channels,
                    run.limits,
                    run.palette,
                    channels,
                ),
                caption + alone,
                len(found),
                leading=place == 0 and channels is None,
            )
        moving = _images(run, row, dimensions, _FRAMES)
        frames = [
            beside(painted(moving[:, step], run.channels, run.limits, run.palette), columns=4)
            for step in range(len(_FRAMES))
        ]
        order = ", ".join(str(n) for n in dimensions)
        yield Drawn(
            name,
            to_gif(there_and_back(frames)),
            f"{caption} From left to right and top to bottom: latents {order}.",
            len(found),
            leading=place == 0,
        )


KIND = Kind("traversals", "one latent dimension changed at a time, sheets and a GIF", _draw)
