"""Touching nuclei parted: cut generously, then mended where two parts look like one nucleus."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.segmentation import watershed

from phenovae.images.segmentation.planes import Floats, distance_from, smoothed
from phenovae.images.segmentation.regions import Labels, moments_of, percentiles

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def parted(image: Floats, mask: Flags, height: Floats, diameter: float) -> tuple[Labels, int]:
    """`mask` cut into parts at every dent of its shape and every valley of its brightness.

    `height` is that of the nucleus around each pixel.
    """
    depth = distance_from(~mask) / np.float32(diameter)
    bright = np.clip(image / np.maximum(height, 1e-6), 0, 1)
    sigma = max(0.5, 0.03 * diameter)
    # one blur serves both, since a blur adds up
    relief = smoothed((depth + 2 * bright).astype(np.float32), sigma)
    size = 2 * max(1, round(0.1 * diameter)) + 1
    peaks = (relief == ndimage.maximum_filter(relief, size)) & mask & (depth > 0.08)
    seeds, count = ndimage.label(peaks, np.ones((3, 3)))
    parts: Labels = watershed(-relief, seeds, mask=mask)  # type: ignore[no-untyped-call]
    return parts, count


@dataclass
class _Part:
    """A part, or several that became one: its moments, and its height above its surroundings."""

    moments: tuple[float, ...]
    height: float
    version: int = 0
    # of each neighbour: pixels along the common border, and the height there
    beside: dict[int, tuple[float, float]] = field(default_factory=dict)


def mended(image: Floats, parts: Labels, count: int, ground: Numbers, typical: float) -> Labels:
    """`parts` with neighbours made one where they look like one nucleus, the surest first.

    `ground` (count + 1,) is the grey level around each part, `typical` the area of a nucleus [px].
    """
    found = _described(image, parts, count, ground)
    owner = list(range(count + 1))
    queue: list[tuple[float, int, int, int, int]] = []

    def offer(a: int, b: int) -> None:
        odds = one_nucleus(found[a], found[b], *found[a].beside[b], typical)
        if odds > 0:
            heapq.heappush(queue, (-odds, a, b, found[a].version, found[b].version))

    for a, part in enumerate(found):
        for b in part.beside:
            if a < b:
                offer(a, b)
    while queue:
        _, a, b, version_a, version_b = heapq.heappop(queue)
        if found[a].version == version_a and found[b].version == version_b:
            _join(found, a, b)
            owner[b] = a
            for c in found[a].beside:
                offer(min(a, c), max(a, c))
    for k in range(count + 1):
        while owner[owner[k]] != owner[k]:
            owner[k] = owner[owner[k]]
    _, numbers = np.unique(np.asarray([0, *owner[1:]]), return_inverse=True)
    return numbers.astype(np.int32)[parts]


def _join(found: list[_Part], a: int, b: int) -> None:
    one, other = found[a], found[b]
    area, more = one.moments[0], other.moments[0]
    one.height = (area * one.height + more * other.height) / (area + more)
    one.moments = tuple(x + y for x, y in zip(one.moments, other.moments, strict=True))
    one.version += 1
    other.version = -1
    for c, (length, height) in other.beside.items():
        neighbour = found[c]
        del neighbour.beside[b]
        if c == a:
            continue
        if c in one.beside:
            length_before, height_before = one.beside[c]
            total = length + length_before
            height = (length * height + length_before * height_before) / total
            length = total
        one.beside[c] = neighbour.beside[a] = (length, height)
    other.beside = {}


def _described(image: Floats, parts: Labels, count: int, ground: Numbers) -> list[_Part]:
    flat, labels = image.ravel(), parts.ravel()
    inside = np.flatnonzero(labels)
    top = percentiles(flat[inside], labels[inside], count, 0.6)
    moments = moments_of(parts, count).tolist()
    found = [
        _Part(tuple(row), height)
        for row, height in zip(moments, (top - ground).tolist(), strict=True)
    ]
    width = parts.shape[1]
    pairs, heights = [], []
    for step, near in (
        (1, inside[inside % width < width - 1]),
        (width, inside[inside < labels.size - width]),
    ):
        first, second = labels[near], labels[near + step]
        meet = (second > 0) & (first != second)
        near, first, second = near[meet], first[meet], second[meet]
        low, high = np.minimum(first, second), np.maximum(first, second)
        pairs.append(low.astype(np.int64) * (count + 1) + high)
        heights.append((flat[near] + flat[near + step]) / 2 - (ground[low] + ground[high]) / 2)
    keys, which = np.unique(np.concatenate(pairs), return_inverse=True)
    lengths = np.bincount(which, minlength=len(keys))
    means = np.bincount(which, np.concatenate(heights), len(keys)) / np.maximum(lengths, 1)
    for key, length, mean in zip(keys.tolist(), lengths.tolist(), means.tolist(), strict=True):
        a, b = divmod(key, count + 1)
        found[a].beside[b] = found[b].beside[a] = (float(length), mean)
    return found


def fill_of(moments: tuple[float, ...]) -> float:
    """`tree.ellipse_fill` of one region."""
    area, y, x, yy, xx, yx = moments
    down, right = yy / area - (y / area) ** 2 + 1 / 12, xx / area - (x / area) ** 2 + 1 / 12
    across = yx / area - y * x / area**2
    return area / (4 * math.pi * math.sqrt(max(down * right - across**2, 1 / 144)))


def one_nucleus(one: _Part, other: _Part, length: float, height: float, typical: float) -> float:
    """Log odds that two parts that meet are one nucleus.

    A linear rule in six dimensionless figures: how well the union, and the parts, fill an ellipse;
    the areas of the union and the smaller part beside the typical one; the neck beside the smaller
    part's diameter; the valley along the border; the step in brightness. Its coefficients are a
    logistic regression on pairs of parts of hand-labelled and drawn fields, rounded.
    """
    area, more = one.moments[0], other.moments[0]
    union = tuple(x + y for x, y in zip(one.moments, other.moments, strict=True))
    fill = (area * fill_of(one.moments) + more * fill_of(other.moments)) / (area + more)
    smaller = min(area, more)
    lower, higher = sorted((max(one.height, 1e-9), max(other.height, 1e-9)))
    return (
        11.5
        + 13.4 * fill_of(union)
        - 25.7 * fill
        - 1.75 * math.log((area + more) / typical)
        - 1.05 * math.log(smaller / typical)
        + 1.5 * length / (2 * math.sqrt(smaller / math.pi))
        - 9.1 * (1 - height / lower)
        - 5.7 * math.log(higher / lower)
    )
