"""From light to counts: uneven light, blur, gain, offset, shot and read noise, 12 bits in 16."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from phenovae.base.seeds import generator
from phenovae.twin.options import TwinOptions
from phenovae.twin.outlines import Image

CHANNELS = ("DAPI", "Tubulin", "Actin")
STEP = 16
_FULL = 4095
_READ_NOISE = 1.9
_COUNTS_PER_PHOTON = 0.09
_BACKGROUND = 18.0
_OFFSET = 24.0
_BLUR = 0.5
_VEIL = 0.25
_VEIL_BLUR = 3.5


@dataclass(frozen=True)
class Exposure:
    """How one channel of one plate is taken.

    `offset` and `background` in 12-bit counts, `blur` the standard deviation of the point spread
    [px], `light` the illumination over the field with mean 1, (height, width).
    """

    gain: float
    offset: float
    background: float
    blur: float
    light: Image


def exposures(plate: str, batch: str, options: TwinOptions, seed: int) -> dict[str, Exposure]:
    """The exposure of every channel of a plate: mostly its batch's, with a little of its own."""
    return {channel: _exposure(channel, plate, batch, options, seed) for channel in CHANNELS}


def _exposure(channel: str, plate: str, batch: str, options: TwinOptions, seed: int) -> Exposure:
    week = generator(seed, "twin", "batch", batch, channel)
    own = generator(seed, "twin", "plate", plate, channel)
    size = options.batch_effect
    gain, offset, background, blur = week.standard_normal(4)
    own_gain, own_blur = own.standard_normal(2)
    return Exposure(
        gain=float(np.exp(size * (0.2 * gain + 0.05 * own_gain))),
        offset=float(_OFFSET + 1.5 * size * np.clip(offset, -2, 2)),
        background=float(_BACKGROUND * np.exp(0.15 * size * background)),
        blur=float(_BLUR + size * (0.12 * abs(blur) + 0.04 * abs(own_blur))),
        light=_light(own, (options.height, options.width), options.illumination),
    )


def _light(rng: np.random.Generator, shape: tuple[int, int], strength: float) -> Image:
    """A smooth dome of light, off the middle and tilted, with mean 1."""
    y = np.linspace(-1, 1, shape[0])[:, None]
    x = np.linspace(-1, 1, shape[1])[None, :]
    middle_y, middle_x = rng.uniform(-0.35, 0.35, 2)
    tilt_y, tilt_x = rng.normal(0, 0.25, 2)
    dome = 1 - strength * ((y - middle_y) ** 2 + (x - middle_x) ** 2) / 2
    dome = dome + strength * (tilt_y * y + tilt_x * x)
    return np.asarray(dome / dome.mean(), dtype=np.float32)


def expose(
    rng: np.random.Generator, light: Image, exposure: Exposure, stain_gain: float
) -> npt.NDArray[np.uint16]:
    """Counts of a field, (height, width), multiples of 16, from the light that leaves it.

    Shot noise is drawn as a normal of the Poisson's variance: even dark ground collects hundreds
    of photons, where the two cannot be told apart.
    """
    sharp = ndimage.gaussian_filter(light, exposure.blur)
    veil = ndimage.gaussian_filter(light, _VEIL_BLUR)
    bright = (
        ((1 - _VEIL) * sharp + _VEIL * veil) * np.float32(stain_gain)
        + np.float32(exposure.background)
    ) * exposure.light
    bright *= np.float32(exposure.gain)
    spread = np.sqrt(np.float32(_READ_NOISE**2) + np.float32(_COUNTS_PER_PHOTON) * bright)
    noise = rng.standard_normal(bright.shape, dtype=np.float32)
    counts = np.clip(np.rint(exposure.offset + bright + spread * noise), 0, _FULL)
    return np.asarray(counts.astype(np.uint16) * np.uint16(STEP), dtype=np.uint16)
