"""Where nuclei are, whatever the light around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phenovae.images.segmentation.outlines import at_half_height
from phenovae.images.segmentation.planes import Floats, height_around
from phenovae.images.segmentation.regions import (
    Labels,
    filled,
    moments_of,
    percentiles,
    renumbered,
    surroundings,
    zones_of,
)
from phenovae.images.segmentation.scale import levels_of, object_likeness, size_fit
from phenovae.images.segmentation.tree import choose, ellipse_fill, grow_tree, paint

Numbers = npt.NDArray[np.float64]

_FRACTION = 0.57
"""Height, of that around, above which a pixel is of a nucleus: cuts necks, is mended afterwards."""

_GROWN = 1.15
"""How much wider a nucleus is where the tree takes it than its outline at half its height."""


@dataclass(frozen=True)
class Foreground:
    """Pixels of nuclei, touching ones not yet parted.

    `ground` is the grey level around each candidate, `candidates` which one a pixel belongs to;
    `height` that of the nucleus around each pixel;
    `noise` the standard deviation of the smoothed background; `diameter` [px] found anew.
    """

    mask: npt.NDArray[np.bool_]
    candidates: Labels
    ground: Numbers
    height: Floats
    noise: float
    diameter: float
    dropped: int


def foreground_of(
    image: Floats, noise: float, diameter: float, visibility: float
) -> Foreground | None:
    """The foreground of a flat, smoothed `image` whose nuclei are about `diameter` pixels wide.

    None where nothing looks like a nucleus.
    """
    levels = levels_of(image, noise)
    if levels is None:
        return None
    tree = grow_tree(image, levels)
    typical = np.pi / 4 * diameter**2
    score = object_likeness(tree, noise) * size_fit(tree.moments[:, 0], typical * _GROWN**2)
    labels = paint(tree, choose(tree, score))
    labels = renumbered(labels, np.bincount(labels.ravel(), minlength=1) >= 0.08 * typical)
    count = int(labels.max(initial=0))
    if not count:
        return None
    diameter = _diameter_anew(image, labels, diameter)
    zone, taken = zones_of(labels, max(2, round(0.3 * diameter)))
    ground = surroundings(image, labels, zone, taken, 0.1 * diameter)
    inside = np.flatnonzero(labels)
    top = percentiles(image.ravel()[inside], labels.ravel()[inside], count, 0.7)
    far = image[zone == 0]
    if far.size > 100:
        low, middle = np.percentile(far, (16, 50))
        noise = max(noise, float(middle - low))
    seen = top - ground > visibility * noise
    seen[0] = False
    labels = np.where(seen[labels], labels, 0)
    height = height_around(image, diameter)
    base = ground.astype(np.float32)[labels]
    mask = (labels > 0) & (image > base + _FRACTION * (height - base))
    mask = filled(mask.astype(np.int32)) > 0
    return Foreground(mask, labels, ground, height, noise, diameter, count - int(seen.sum()))


def _diameter_anew(image: Floats, labels: Labels, diameter: float) -> float:
    """Diameter of the nucleus that holds the middle pixel of all sound ones, a little less."""
    count = int(labels.max())
    moments = moments_of(at_half_height(image, labels, diameter), count)
    typical = np.pi / 4 * diameter**2
    area = moments[:, 0]
    sound = (ellipse_fill(moments) > 0.94) & (area > 0.2 * typical) & (area < 5 * typical)
    if not sound.any():
        return diameter
    areas = np.sort(area[sound])
    total = np.cumsum(areas)
    middle = areas[np.searchsorted(total, total[-1] / 2)]
    # large nuclei hold more of the pixels
    return float(np.sqrt(0.9 * middle * 4 / np.pi))
