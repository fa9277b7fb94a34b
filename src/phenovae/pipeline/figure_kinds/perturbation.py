"""A cell decoded from its latents as growing noise is put on them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from phenovae.figures.walks import change_by_noise, perturbations
from phenovae.pipeline.figure_kinds.gathered import Gathered, Pixels
from phenovae.pipeline.figure_kinds.kind import Drawn, Kind
from phenovae.pipeline.figure_kinds.words import (
    counted,
    of_codes,
    together_and_alone,
    usual_brightness,
)
from phenovae.vae.latent_paths import surroundings

Doubles = npt.NDArray[np.float64]

_SIZES = np.array([0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0])
_DRAWS = 4
_CELLS = 32


def _draw(run: Gathered) -> Iterator[Drawn]:
    found, trained = run.latents, run.trained
    random = run.random("perturbation")
    rows = run.cells("perturbation", 1) if run.wanted.cells else found.rows[[found.typical()]]
    for place, row in enumerate(rows.tolist()):
        own = np.array([row])
        crop = run.pixels(own)
        point = trained.encode(crop)[0][0]
        directions = random.standard_normal((_DRAWS, len(point)))
        moved = surroundings(point, _SIZES, found.spread, directions).reshape(-1, len(point))
        plates = run.plates(np.full(len(moved), row))
        images = trained.decode(moved, plates)
        decoded = trained.decode(point[None], plates and plates[:1])[0]
        name = "perturbation" if place == 0 else f"perturbation-{place + 1}"
        for called, channels, alone in together_and_alone(run, name):
            yield Drawn(
                called,
                perturbations(
                    crop[0],
                    decoded,
                    images.reshape(_DRAWS, len(_SIZES), *images.shape[1:]),
                    [f"{size:g} SD" for size in _SIZES],
                    run.channels,
                    run.limits,
                    run.palette,
                    channels,
                ),
                "One cell, what the model makes of its latents, and of the same with normal noise "
                "of growing size on them, in standard deviations of each dimension over "
                f"{counted(len(found), f'{run.held_out[1]}cell')}; a row keeps its direction."
                f"{of_codes(run)} {usual_brightness(run)}{alone}",
                len(found),
                leading=channels is None,
            )
    yield _changes(run)


def _changes(run: Gathered) -> Drawn:
    found, trained = run.latents, run.trained
    random = run.random("perturbation", "changes")
    chosen = np.sort(random.choice(len(found), min(_CELLS, len(found)), replace=False))
    points, plates = found.mean[chosen], run.plates(found.rows[chosen])
    still = trained.decode(points, plates)
    noise = random.standard_normal(points.shape)
    changes = np.stack(
        [
            _rms(
                trained.decode((points + size * found.spread * noise).astype(np.float32), plates),
                still,
            )
            for size in _SIZES
        ],
        axis=1,
    )
    others = np.roll(still, 1, axis=0)
    between = float(np.median(_rms(still, others)))
    return Drawn(
        "perturbation-size",
        change_by_noise(
            np.concatenate([[0.0], _SIZES]),
            np.concatenate([np.zeros((len(chosen), 1)), changes], axis=1),
            between,
            len(chosen),
        ),
        f"How much the decoded picture of {counted(len(chosen), f'{run.held_out[1]}cell')} changes "
        "as noise on the latents grows, beside how much the decoded pictures of two different "
        f"cells differ.{of_codes(run)}",
        len(chosen),
    )


def _rms(one: Pixels, other: Pixels) -> Doubles:
    root: Doubles = np.sqrt(((one - other) ** 2).mean(axis=(1, 2, 3), dtype=np.float64))
    return root


KIND = Kind("perturbation", "a cell as growing noise is put on its latents", _draw)
