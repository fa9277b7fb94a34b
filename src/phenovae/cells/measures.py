"""Thirty intensity statistics of a raw crop: the baseline that any model must beat."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from phenovae.cells.quality import sorted_pixels

PERCENTILES = (1, 10, 25, 50, 75, 90, 99)
_PREFIX = "Intensity_"
_CHUNK = 16
"""Crops at a time, few enough for the cache."""


def intensity_names(channels: Sequence[str]) -> list[str]:
    """Column names of `intensity`, in its order: 9 a channel and one a pair of channels."""
    names = []
    for channel in channels:
        names += [f"{_PREFIX}{channel}_p{percentile:02d}" for percentile in PERCENTILES]
        names += [f"{_PREFIX}{channel}_mean", f"{_PREFIX}{channel}_std"]
    pairs = combinations(channels, 2)
    return names + [f"{_PREFIX}correlation_{one}_{other}" for one, other in pairs]


def intensity(
    crops: npt.NDArray[np.generic], ordered: npt.NDArray[np.generic] | None = None
) -> npt.NDArray[np.float32]:
    """Intensity statistics of raw crops (n, channel, height, width): float32 (n, 9 c + c(c-1)/2).

    For each channel log(1 + percentile) at 1, 10, 25, 50, 75, 90 and 99 (linear interpolation), the
    logarithm of the mean (of at least one grey level) and log(1 + standard deviation); then the
    Pearson correlation of each pair of channels, 0 where a channel is constant. `ordered` are the
    `quality.sorted_pixels` of the crops, where the caller has them.
    """
    ordered = sorted_pixels(crops) if ordered is None else ordered
    count, channels = crops.shape[:2]
    width = 9 * channels + channels * (channels - 1) // 2
    found = np.empty((count, width), np.float32)
    for start in range(0, count, _CHUNK):
        here = slice(start, start + _CHUNK)
        found[here] = _statistics(crops[here], ordered[here])
    return found


def _statistics(
    crops: npt.NDArray[np.generic], ordered: npt.NDArray[np.generic]
) -> npt.NDArray[np.float64]:
    count, channels = crops.shape[:2]
    flat = crops.reshape(count, channels, -1)
    places = np.asarray(PERCENTILES) / 100 * (flat.shape[-1] - 1)
    below = np.floor(places).astype(np.int64)
    above = np.minimum(below + 1, flat.shape[-1] - 1)
    share = places - below
    low, high = ordered[..., below].astype(np.float64), ordered[..., above].astype(np.float64)
    percentiles = low + (high - low) * share
    values = flat.astype(np.float64)
    mean = values.mean(axis=-1)
    values -= mean[..., None]
    std = np.sqrt(np.einsum("ncp,ncp->nc", values, values) / values.shape[-1])
    per_channel = np.concatenate(
        [np.log1p(percentiles), np.log(np.maximum(mean, 1))[..., None], np.log1p(std)[..., None]],
        axis=-1,
    )
    columns = [per_channel.reshape(count, -1)]
    for one, other in combinations(range(channels), 2):
        product = np.einsum("np,np->n", values[:, one], values[:, other]) / values.shape[-1]
        scale = std[:, one] * std[:, other]
        ratio = np.divide(product, scale, out=np.zeros(count), where=scale > 0)
        columns.append(ratio[:, None])
    return np.concatenate(columns, axis=1)
