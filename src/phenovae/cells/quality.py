"""Whether a crop shows a cell at all: measured from its pixels, never looked up in a list.

Camera noise is strongest between neighbouring pixels and a cell's structure is not, so the share of
a channel's variance that a noise estimate of the finest scale (Immerkær, Computer Vision and Image
Understanding, 1996) explains tells them apart. On 7,294 crops of BBBC021, twelve crops without a
cell have shares above 0.32 in their clearest channel and all others below 0.005.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import Field

from phenovae.base.options import Options
from phenovae.images.noise import noise_level

NOISE = "noise"
EMPTY = "empty"
CONSTANT = "constant"
_CHUNK = 16
"""Crops at a time, few enough for the cache."""


class QualityOptions(Options):
    """When a crop is flagged and left out of training and scoring."""

    noise_share: float = Field(
        0.1,
        gt=0,
        le=1,
        description="flag `noise`: even in the clearest channel noise makes up more of the "
        "variance [share]",
    )
    contrast: float = Field(
        10.0,
        ge=0,
        description="flag `empty`: no channel's brightest pixels stand further above its median "
        "[standard deviations of the noise]",
    )


@dataclass(frozen=True)
class Quality:
    """What was measured of each crop, and the flags; arrays of length n."""

    noise: npt.NDArray[np.float64]
    signal: npt.NDArray[np.float64]
    flag: list[str]


def quality(
    crops: npt.NDArray[np.generic],
    options: QualityOptions,
    ordered: npt.NDArray[np.generic] | None = None,
) -> Quality:
    """Measure raw crops (n, channel, height, width) and flag those that show no cell.

    `ordered` are their `sorted_pixels`, where the caller has them.

    `noise` is the least share of noise in the variance over the channels (0 to 1); `signal` the
    greatest height of the 99.5th percentile above the median, in standard deviations of the noise.
    """
    ordered = sorted_pixels(crops) if ordered is None else ordered
    parts = [
        _measure(crops[at : at + _CHUNK], ordered[at : at + _CHUNK])
        for at in range(0, len(crops), _CHUNK)
    ]
    noise = np.concatenate([part[0] for part in parts] or [np.zeros(0)])
    signal = np.concatenate([part[1] for part in parts] or [np.zeros(0)])
    constant = np.concatenate([part[2] for part in parts] or [np.zeros(0, bool)])
    flags = np.full(len(crops), "", dtype=object)
    flags[signal < options.contrast] = EMPTY
    flags[noise > options.noise_share] = NOISE
    flags[constant] = CONSTANT
    return Quality(noise, signal, [str(flag) for flag in flags])


def sorted_pixels(crops: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Rising values of each channel of crops (n, channel, height, width): (n, channel, pixels).

    Whole numbers of 16 bits are sorted faster than floats are partitioned.
    """
    return np.sort(crops.reshape(*crops.shape[:2], crops.shape[2] * crops.shape[3]), axis=-1)


def _measure(
    crops: npt.NDArray[np.generic], ordered: npt.NDArray[np.generic]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    images = crops.astype(np.float32)
    level = noise_level(images)
    values = images.reshape(*images.shape[:2], -1).astype(np.float64)
    values -= values.mean(axis=-1, keepdims=True)
    variance = np.einsum("ncp,ncp->nc", values, values) / values.shape[-1]
    share = np.divide(level**2, variance, out=np.ones_like(variance), where=variance > 0)
    top = ordered.shape[-1] - 1
    high, middle = (
        ordered[..., place].astype(np.float64) for place in (int(top * 0.995), top // 2)
    )
    height = high - middle
    contrast = np.divide(height, level, out=np.where(height > 0, np.inf, 0.0), where=level > 0)
    signal = np.minimum(contrast, 1e6).max(axis=1)
    return np.minimum(share, 1).min(axis=1), signal, (variance == 0).all(axis=1)
