"""How even the mean of fields is, before and after correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from phenovae.images.smoothing import Floats

_CAP = 0.98
_SMOOTH = 0.1
_DARKEST = 0.1


@dataclass(frozen=True)
class Flatness:
    """(95th - 5th percentile) / mean of the smoothed mean of fields.

    `before` correction, `after` it, and what the lie of the cells alone makes of it by `chance`.
    """

    before: float
    after: float
    chance: float


def flatness(values: Floats, functions: Sequence[Floats]) -> Flatness:
    """Flatness of fields (field, height, width) without their dark level.

    `functions` are the light as told by every other field from the first, and from the second;
    each half is corrected by the function of the other, so that no field judges itself.
    """
    means = [_mean_field(values[half::2]) for half in (0, 1)]
    even = [
        mean / np.maximum(function, _DARKEST)
        for mean, function in zip(means, functions[::-1], strict=True)
    ]
    middle = (even[0] + even[1]) / 2
    # light is alike in both halves and falls out of their difference; cells do not
    by_chance = middle.mean() + (even[0] - even[1]) / 2
    return Flatness(
        before=_unevenness((means[0] + means[1]) / 2),
        after=_unevenness(middle),
        chance=_unevenness(by_chance),
    )


def _mean_field(values: Floats) -> Floats:
    """The mean of fields (field, height, width), each scaled to mean 1 and without its glare."""
    top = np.quantile(values, _CAP, axis=(1, 2), keepdims=True)
    capped = np.minimum(values, top)
    level = np.maximum(capped.mean(axis=(1, 2), keepdims=True), 1e-9)
    mean: Floats = (capped / level).mean(axis=0)
    return mean


def _unevenness(field: Floats) -> float:
    smooth = ndimage.gaussian_filter(field, _SMOOTH * max(field.shape), mode="nearest")
    low, high = np.percentile(smooth, [5, 95])
    return float((high - low) / smooth.mean())
