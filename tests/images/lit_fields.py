"""Fields of plain discs under a known light, and fields of the twin."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phenovae.base.seeds import generator
from phenovae.twin.camera import CHANNELS, exposures
from phenovae.twin.field import draw_field
from phenovae.twin.layout import lay_out
from phenovae.twin.options import TwinOptions
from phenovae.twin.phenotypes import phenotypes
from phenovae.twin.population import Condition

Pixels = npt.NDArray[np.uint16]
Light = npt.NDArray[np.float64]

DARK = 400.0
GROUND = 300.0
NOISE = 30.0


def tilted_light(shape: tuple[int, int], strength: float = 0.3) -> Light:
    """Light that falls from the left to the right and towards the corners, mean 1."""
    y = np.linspace(-1, 1, shape[0])[:, None]
    x = np.linspace(-1, 1, shape[1])[None, :]
    light = 1 - strength * (0.4 * x + 0.3 * (x**2 + y**2))
    return np.asarray(light / light.mean())


def disc_fields(
    count: int, light: Light, seed: int = 0, discs: int = 40, bright: float = 2000.0
) -> list[Pixels]:
    """Fields of discs of many brightnesses: `dark + light * (ground + discs)` and noise."""
    rng = np.random.default_rng(seed)
    return [disc_field(rng, light, discs, bright) for _ in range(count)]


def disc_field(rng: np.random.Generator, light: Light, discs: int, bright: float) -> Pixels:
    """One such field."""
    height, width = light.shape
    signal = np.zeros(light.shape)
    for _ in range(discs):
        y, x, radius = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(8, 12)
        rows = slice(max(0, int(y - radius)), min(height, int(y + radius) + 2))
        columns = slice(max(0, int(x - radius)), min(width, int(x + radius) + 2))
        down, across = np.ogrid[rows, columns]
        inside = (down - y) ** 2 + (across - x) ** 2 < radius**2
        patch = signal[rows, columns]
        patch[inside] = bright * rng.lognormal(0, 0.3)
    level = DARK + light * (GROUND + signal) + NOISE * rng.standard_normal(light.shape)
    return np.clip(np.rint(level), 0, 65535).astype(np.uint16)


def twin_plate(
    seed: int, strength: float, height: int, width: int, fields: int = 24
) -> tuple[dict[str, list[Pixels]], dict[str, npt.NDArray[np.float32]]]:
    """Fields of one plate of the twin, by channel, and its light: controls and treated wells."""
    options = TwinOptions(
        height=height,
        width=width,
        illumination=strength,
        doses=3,
        annotated_doses=2,
        positive_controls=3,
    )
    known = phenotypes()
    plate = lay_out(options, known, seed).plates[0]
    how = exposures(plate.name, plate.batch, options, seed)
    images: dict[str, list[Pixels]] = {channel: [] for channel in CHANNELS}
    for well in plate.wells[:fields]:
        gain = generator(seed, "test", well.name)
        responding, every = well.compound.at(well.concentration)
        drawn = draw_field(
            ("test", plate.name, well.name),
            seed,
            Condition(responding, every, options.penetrance),
            how,
            {channel: float(np.exp(0.04 * gain.standard_normal())) for channel in CHANNELS},
            known,
            options,
        )
        for channel in CHANNELS:
            images[channel].append(drawn.images[channel])
    return images, {channel: how[channel].light for channel in CHANNELS}
