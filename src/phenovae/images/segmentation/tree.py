"""The tree of everything brighter than its surroundings, and the best disjoint objects in it.

A component above one grey level holds all components above higher levels within it. Choosing among
them by shape and edge gives every nucleus a threshold of its own, so neither uneven light nor a
bright neighbour matters (component trees: Jones, Computer Vision and Image Understanding 1999;
objects as disjoint extremal regions: Arteta et al., MICCAI 2012).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]


@dataclass(frozen=True)
class ComponentTree:
    """Components of an image above rising levels, from the lowest level to the highest.

    `moments` (nodes, 6): area and the sums of y, x, yy, xx and yx [px]. `parent` is -1 at the
    lowest level. `height` is the mean of the image over the node less its level, `slope` the mean
    gradient along its outline. `own` (height, width) is the highest node of every pixel, or -1.
    """

    starts: Whole
    """Of each level, its first node; at the end, the number of nodes."""
    parent: Whole
    moments: Numbers
    height: Numbers
    slope: Numbers
    own: Labels

    def __len__(self) -> int:
        return len(self.parent)

    def rising(self) -> list[slice]:
        """The nodes of each level."""
        return [slice(a, b) for a, b in zip(self.starts[:-1], self.starts[1:], strict=True)]


def gradient_of(image: Floats) -> Floats:
    """Length of the gradient [grey levels a pixel] by central differences."""
    padded = np.pad(image, 1, mode="edge")
    down = padded[2:, 1:-1] - padded[:-2, 1:-1]
    right = padded[1:-1, 2:] - padded[1:-1, :-2]
    slope: Floats = np.hypot(down, right) / 2
    return slope


def grow_tree(image: Floats, levels: Numbers) -> ComponentTree:
    """All components of `image` (height, width) above each of the rising `levels`."""
    height, width = image.shape
    levels = levels.astype(np.float32)
    flat, gradient = image.ravel(), gradient_of(image).ravel()
    lowest = _lowest_neighbour(image).ravel()
    rank = np.searchsorted(levels, flat, side="left").astype(np.int16)
    inside = np.flatnonzero(rank)
    inside = inside[np.argsort(-rank[inside], kind="stable")]
    bounds = np.searchsorted(-rank[inside], -np.arange(len(levels), 0, -1), side="right")
    bands = np.split(inside, bounds)
    own = np.full(image.size, -1, dtype=np.int32)
    parents: list[Whole] = []
    sums: list[Numbers] = []
    outlines: list[Numbers] = []
    counts: list[int] = []
    rings: list[Whole] = []
    some: Whole = np.zeros(0, dtype=np.int64)
    pixels: Whole = np.zeros(0, dtype=np.int64)
    for step, level in enumerate(reversed(levels)):
        band = bands[step]
        pixels = np.concatenate([pixels, band])
        labels, count = ndimage.label(image > level)
        labels = labels.ravel()
        up = labels[some].astype(np.int64) - 1
        node = labels[band].astype(np.int64) - 1
        own[band] = node
        y, x = band // width, band % width
        weights = (None, y, x, y * y, x * x, y * x, flat[band])
        sums.append(np.stack([np.bincount(node, weight, count) for weight in weights], axis=1))
        edge = pixels[lowest[pixels] <= level]
        ring = labels[edge] - 1
        outlines.append(
            np.bincount(ring, gradient[edge], count) / np.maximum(np.bincount(ring, None, count), 1)
        )
        parents.append(up)
        counts.append(count)
        below: Whole = np.zeros(count, dtype=np.int64)
        below[up] = some
        below[node] = band
        some = below
        rings.append(band)
    return _assembled(levels, own.reshape(height, width), rings, parents, sums, outlines, counts)


def _lowest_neighbour(image: Floats) -> Floats:
    lowest = image.copy()
    np.minimum(lowest[1:], image[:-1], out=lowest[1:])
    np.minimum(lowest[:-1], image[1:], out=lowest[:-1])
    np.minimum(lowest[:, 1:], image[:, :-1], out=lowest[:, 1:])
    np.minimum(lowest[:, :-1], image[:, 1:], out=lowest[:, :-1])
    return lowest


def _assembled(
    levels: Numbers,
    own: Labels,
    bands: list[Whole],
    parents: list[Whole],
    sums: list[Numbers],
    outlines: list[Numbers],
    counts: list[int],
) -> ComponentTree:
    """Put levels met from the top down in rising order and add up what lies within each node."""
    starts = np.concatenate([[0], np.cumsum(counts[::-1])])
    flat = own.reshape(-1)
    # parents[k] are those of the nodes found a step before, one level higher
    lifted = [np.full(counts[-1], -1, dtype=np.int64)]
    total = [sums[-1]]
    n = len(levels)
    for k in range(1, n):
        up = parents[n - k] + starts[k - 1]
        lifted.append(up)
        total.append(sums[n - 1 - k])
    moments = np.concatenate(total)
    parent = np.concatenate(lifted)
    for k in range(n - 1, 0, -1):
        here = slice(starts[k], starts[k + 1])
        np.add.at(moments, parent[here], moments[here])
    for step, band in enumerate(bands):
        flat[band] += starts[n - 1 - step]
    level = np.repeat(levels, np.diff(starts))
    return ComponentTree(
        starts=starts,
        parent=parent,
        moments=moments[:, :6],
        height=moments[:, 6] / np.maximum(moments[:, 0], 1) - level,
        slope=np.concatenate(outlines[::-1]),
        own=own,
    )


def ellipse_fill(moments: Numbers) -> Numbers:
    """Area over that of the ellipse with the same second moments, for rows of `moments`.

    1 for any filled ellipse, 0.89 for two equal discs that touch, less for anything ragged.
    """
    area = np.maximum(moments[..., 0], 1)
    y, x = moments[..., 1] / area, moments[..., 2] / area
    # a pixel is a square, not a point
    yy = moments[..., 3] / area - y * y + 1 / 12
    xx = moments[..., 4] / area - x * x + 1 / 12
    yx = moments[..., 5] / area - y * x
    spread = np.sqrt(np.maximum(yy * xx - yx * yx, 1 / 144))
    fill: Numbers = area / (4 * np.pi * spread)
    return fill


def best_totals(tree: ComponentTree, score: Numbers) -> tuple[Numbers, Numbers]:
    """Of every node the best sum of scores of disjoint nodes within it, and of those below it only.

    `score` is (nodes, …), scores of several kinds side by side.
    """
    below = np.zeros_like(score)
    best = score.copy()
    for here in reversed(tree.rising()):
        best[here] = np.maximum(score[here], below[here])
        if here.start:
            np.add.at(below, tree.parent[here], best[here])
    return best, below


def choose(tree: ComponentTree, score: Numbers) -> Flags:
    """The disjoint nodes whose scores (nodes,) add up to most."""
    _, below = best_totals(tree, score)
    own = (score >= below) & (score > 0)
    taken = np.zeros(len(tree), dtype=bool)
    chosen = np.zeros(len(tree), dtype=bool)
    for here in tree.rising():
        inside = taken[tree.parent[here]] if here.start else False
        chosen[here] = own[here] & ~inside
        taken[here] = own[here] | inside
    return chosen


def paint(tree: ComponentTree, chosen: Flags) -> Labels:
    """A label image of the chosen nodes, numbered from 1 in their order."""
    number = np.where(chosen, np.cumsum(chosen), 0).astype(np.int32)
    for here in tree.rising()[1:]:
        number[here] = np.maximum(number[here], number[tree.parent[here]])
    return np.append(number, np.int32(0))[tree.own]
