"""The diameter of the nuclei of an image, found from the image alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phenovae.images.segmentation.planes import Floats, background_of, noise_of, reduced, smoothed
from phenovae.images.segmentation.tree import (
    ComponentTree,
    best_totals,
    ellipse_fill,
    grow_tree,
)

Numbers = npt.NDArray[np.float64]

_ENOUGH = 0.12e6
"""Pixels that tell the scale; more are averaged away first."""

_LEAST = 6.0
"""Working pixels across a nucleus below which its shape cannot be judged."""

_HALO = 1.25
"""How much wider a nucleus is at the level where the tree takes it than at half its height."""

_RATIO = 1.18
"""Most there is between two diameters that are tried."""

_LEVELS = 36
_STEP = 1.15
"""Most levels of a tree, and the least ratio of heights of neighbouring ones."""


def diameter_of(plane: Floats, low: float, high: float) -> float:
    """Diameter of the typical nucleus [px] between `low` and `high`; 0 where there is none.

    The image is read as disjoint components of any brightness. Of all diameters, the one is taken
    whose nuclei would explain most of the light, provided that there are several of them.
    """
    factor = max(1, round((plane.size / _ENOUGH) ** 0.5))
    while True:
        found = float(_diameter(reduced(plane, factor), low / factor, high / factor) * factor)
        if factor == 1 or found >= _LEAST * factor:
            return found
        factor //= 2


def _diameter(plane: Floats, low: float, high: float) -> float:
    noise = noise_of(plane)
    image = smoothed(plane, 1.0)
    image = image - background_of(image, max(3.0, min(image.shape) / 2))
    # Gaussian smoothing by one pixel leaves 0.28 of white noise
    noise *= 0.28
    levels = levels_of(image, noise)
    if levels is None:
        return 0.0
    tree = grow_tree(image, levels)
    least, most = max(4.0, low * _HALO), max(5.0, high * _HALO)
    tried = np.geomspace(least, most, 2 + int(np.log(most / least) / np.log(_RATIO)))
    areas = np.pi / 4 * tried**2
    likeness = object_likeness(tree, noise) * np.where(_at_edge(tree), 0.25, 1.0)
    light = likeness * np.maximum(tree.height, 0)
    fit = size_fit(tree.moments[:, :1], areas)
    roots = tree.rising()[0]
    explained = best_totals(tree, likeness[:, None] * fit)[0][roots].sum(axis=0)
    brightness = best_totals(tree, light[:, None] * fit)[0][roots].sum(axis=0)
    if brightness.max() <= 0:
        return 0.0
    several = 1 - np.exp(-explained / areas / 3)
    return float(tried[np.argmax(brightness * several)]) / _HALO


def levels_of(image: Floats, noise: float) -> Numbers | None:
    """Grey levels from just above the noise to the brightest, in even ratios above the darkest.

    None where nothing rises above the noise.
    """
    # a coarse sample is enough for percentiles
    step = 2 if image.size > 10_000 else 1
    low, high = (float(value) for value in np.percentile(image[::step, ::step], (1, 99.9)))
    start = max(3 * noise, (high - low) * 0.002)
    if not high - low > start > 0:
        return None
    count = int(min(_LEVELS, np.ceil(np.log((high - low) / start) / np.log(_STEP)) + 1))
    return low + np.geomspace(start, high - low, count)[:-1] if count > 1 else None


def object_likeness(tree: ComponentTree, noise: float) -> Numbers:
    """Area of every node [px], less the less it looks like a nucleus: an ellipse with an edge.

    The slope along the outline is compared with the height within: about 9 for a flat disc, 5 for a
    Gaussian spot at half its height, below 2 far out in a halo.
    """
    area = tree.moments[:, 0]
    possible = (area >= 8) & (area < 0.3 * tree.own.size) & (tree.height > 2 * noise)
    edge = tree.slope * np.sqrt(area) / np.maximum(tree.height, 1e-9)
    shape = np.clip((ellipse_fill(tree.moments) - 0.80) / 0.15, 0, 1)
    steep = np.clip((edge - 1) / 3, 0, 1)
    likeness: Numbers = np.where(
        possible, area * (0.05 + 0.95 * shape) * (0.05 + 0.95 * steep), 0.0
    )
    return likeness


def size_fit(area: Numbers, typical: float | Numbers) -> Numbers:
    """How well `area` suits a `typical` one: 1 where equal, 0.7 at half, 0.8 at twice."""
    ratio = np.log(np.maximum(area, 1) / typical)
    fit: Numbers = np.exp(-(ratio**2) / (2 * np.where(ratio < 0, 0.8, 1.1) ** 2))
    return fit


def _at_edge(tree: ComponentTree) -> npt.NDArray[np.bool_]:
    frame = np.concatenate([tree.own[0], tree.own[-1], tree.own[:, 0], tree.own[:, -1]])
    flags = np.zeros(len(tree), dtype=bool)
    flags[frame[frame >= 0]] = True
    for here in reversed(tree.rising()[1:]):
        flags[tree.parent[here][flags[here]]] = True
    return flags
