"""Which objects are nuclei, and which are dust, haze or noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phenovae.images.segmentation.outlines import heights_of
from phenovae.images.segmentation.planes import Floats
from phenovae.images.segmentation.regions import Labels, moments_of
from phenovae.images.segmentation.tree import ellipse_fill, gradient_of

Numbers = npt.NDArray[np.float64]


def nuclear_odds(image: Floats, labels: Labels, diameter: float, noise: float) -> Numbers:
    """Log odds that each label is a nucleus, (labels + 1,).

    A linear rule: area beside the typical one, fill of an ellipse, height above the surroundings
    beside the usual one of the field and beside the noise, steepness of the edge beside the usual
    one (blurred things lie below the focus, dust is sharper than nuclei). Coefficients as in
    `declump.one_nucleus`.
    """
    count = int(labels.max(initial=0))
    typical = np.pi / 4 * diameter**2
    moments = moments_of(labels, count)
    _, _, height = heights_of(image, labels, diameter)
    height = np.maximum(height, 1e-9)
    steepness = np.maximum(_edge_slope(image, labels, count) * diameter / height, 1e-3)
    large = moments[:, 0] > 0.3 * typical
    if not large.any():
        large = np.arange(count + 1) > 0
    contrast = np.log(height / np.median(height[large]))
    focus = np.log(steepness / np.median(steepness[large]))
    odds: Numbers = (
        1.75
        + 0.95 * np.log(np.maximum(moments[:, 0], 1) / typical)
        + 3.0 * ellipse_fill(moments)
        + 2.0 * np.minimum(contrast, 0)
        + 0.46 * np.log(height / max(noise, 1e-9))
        + 5.3 * np.minimum(focus, 0)
        - 5.7 * np.maximum(focus, 0)
    )
    return odds


def _edge_slope(image: Floats, labels: Labels, count: int) -> Numbers:
    """Mean gradient along the outline of every label."""
    rim = np.zeros(labels.shape, dtype=bool)
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        differ = a != b
        if a.shape[0] != labels.shape[0]:
            rim[1:] |= differ
            rim[:-1] |= differ
        else:
            rim[:, 1:] |= differ
            rim[:, :-1] |= differ
    places = np.flatnonzero(rim & (labels > 0))
    own = labels.ravel()[places]
    slope = np.bincount(own, gradient_of(image).ravel()[places], count + 1)
    mean: Numbers = slope / np.maximum(np.bincount(own, minlength=count + 1), 1)
    return mean
