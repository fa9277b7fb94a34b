"""The tree of everything brighter than its surroundings, and the best disjoint objects in it.

A component above one grey level holds all components above higher levels within it. Choosing among
them by shape and edge gives every nucleus a threshold of its own, so neither uneven light nor a
bright neighbour matters (component trees: Jones, Computer Vision and Image Understanding 1999;
objects as disjoint extremal regions: Arteta et al., MICCAI 2012).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]
Ranks = npt.NDArray[np.int16]


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
        return _slices(self.starts)


def gradient_of(image: Floats) -> Floats:
    """Length of the gradient [grey levels a pixel] by central differences."""
    padded = np.pad(image, 1, mode="edge")
    down = padded[2:, 1:-1] - padded[:-2, 1:-1]
    right = padded[1:-1, 2:] - padded[1:-1, :-2]
    slope: Floats = np.hypot(down, right) / 2
    return slope


def grow_tree(image: Floats, levels: Numbers) -> ComponentTree:
    """All components of `image` (height, width) above each of the rising `levels`.

    Components of one level are in the order of their first pixels.
    """
    steps = levels.astype(np.float32)
    pixels = np.flatnonzero(image > steps[0])
    rank: Ranks = np.zeros(image.shape, np.int16)
    rank.reshape(-1)[pixels] = np.searchsorted(steps, image.ravel()[pixels], side="left")
    peaks, peak = _peaks(image, pixels)
    starts, parent, nodes = _nodes(rank, pixels, peaks, peak, len(levels))
    own = nodes[rank.ravel()[pixels] - 1, peak]
    # a pixel is on the outline of its components down to the level of its lowest neighbour
    low = _lowest_neighbour(rank).ravel()[pixels]
    inner = low > 0
    beyond = nodes[low[inner] - 1, peak[inner]]
    sums = _own_sums(image, pixels, own, inner, beyond, len(parent))
    for here in reversed(_slices(starts)[1:]):
        _add_to(sums, parent[here], sums[here])
    all_own = np.full(image.size, -1, dtype=np.int32)
    all_own[pixels] = own
    level = np.repeat(levels.astype(np.float32), np.diff(starts))
    return ComponentTree(
        starts=starts,
        parent=parent,
        moments=sums[:, :6],
        height=sums[:, 6] / np.maximum(sums[:, 0], 1) - level,
        slope=sums[:, 8] / np.maximum(sums[:, 7], 1),
        own=all_own.reshape(image.shape),
    )


def _own_sums(
    image: Floats, pixels: Whole, own: Whole, inner: Flags, beyond: Whole, count: int
) -> Numbers:
    """Sums over the pixels that are of a node but of none above it, (nodes, 9).

    Six moments, light, length of the outline, and slope along it. Of `inner` pixels the outline
    ends at the node `beyond`, from which they are taken off again.
    """
    slope = gradient_of(image).ravel()[pixels]
    length = np.bincount(own, None, count) - np.bincount(beyond, None, count)
    steep = np.bincount(own, slope, count) - np.bincount(beyond, slope[inner], count)
    # sums over stretches of a sorted array are several times as fast as looking up each owner
    small = np.uint16 if count <= np.iinfo(np.uint16).max else np.int64
    order = np.argsort(own.astype(small), kind="stable")
    y, x = np.divmod(pixels[order], image.shape[1])
    area = np.bincount(own, minlength=count)
    present = np.flatnonzero(area)
    first = np.cumsum(area[present]) - area[present]
    sums = np.zeros((count, 9))
    sums[:, 0], sums[:, 7], sums[:, 8] = area, length, steep
    light = image.ravel()[pixels[order]].astype(np.float64)
    for column, weight in enumerate((y, x, y * y, x * x, y * x, light), start=1):
        sums[present, column] = np.add.reduceat(weight, first) if len(first) else 0
    return sums


def _peaks(image: Floats, pixels: Whole) -> tuple[Whole, Whole]:
    """Where the peaks are, and the peak that the steepest way up from each of `pixels` leads to.

    A pixel is in one component with its peak at every level below its own. So components of peaks
    tell those of all pixels.
    """
    width = image.shape[1]
    highest, direction = image.copy(), np.zeros(image.shape, np.uint8)
    steps = np.asarray([0, -width, width, -1, 1])
    first, last = slice(1, None), slice(None, -1)
    every = slice(None)
    for number, (here, there) in enumerate(
        (
            ((first, every), (last, every)),
            ((last, every), (first, every)),
            ((every, first), (every, last)),
            ((every, last), (every, first)),
        ),
        start=1,
    ):
        np.copyto(direction[here], number, where=image[there] > highest[here])
        np.maximum(highest[here], image[there], out=highest[here])
    # the way up from a pixel never leaves the pixels that are as bright as it
    number_of = np.empty(image.size, np.int64)
    number_of[pixels] = np.arange(len(pixels))
    way = number_of[pixels + steps[direction.ravel()[pixels]]]
    top = way == np.arange(len(pixels))
    while True:
        farther = way[way]
        if np.array_equal(farther, way):
            break
        way = farther
    return pixels[top], (np.cumsum(top) - 1)[way]


def _nodes(
    rank: Ranks, pixels: Whole, peaks: Whole, peak: Whole, levels: int
) -> tuple[Whole, Whole, Whole]:
    """First node of every level, parent of every node, and the node of (level, peak)."""
    one, other, passes = _passes(rank, pixels, peak, len(peaks))
    top = rank.ravel()[peaks]
    # the number of a peak that stands for all peaks of one component
    chief = np.arange(len(peaks))
    chiefs = np.empty((levels, len(peaks)), np.int64)
    for lower in range(levels - 1, -1, -1):
        opened = slice(*np.searchsorted(-passes, (-lower - 1, -lower)))
        chief = _joined(chief, one[opened], other[opened])
        chiefs[lower] = chief
    lit = top > np.arange(levels)[:, None]
    stands = lit & (chiefs == np.arange(len(peaks)))
    level, which = np.nonzero(stands)
    node = np.zeros_like(chiefs)
    node[level, which] = np.arange(len(level))
    nodes = np.take_along_axis(node, chiefs, axis=1)
    starts = np.searchsorted(level, np.arange(levels + 1))
    parent = np.where(level > 0, nodes[level - 1, which], -1)
    # renumbered by their first pixels
    first = np.full(len(level), rank.size)
    # of several values for one place the last is kept, so the first pixels come last
    backwards = pixels[::-1]
    first[nodes[rank.ravel()[backwards] - 1, peak[::-1]]] = backwards
    for here in reversed(_slices(starts)[1:]):
        np.minimum.at(first, parent[here], first[here])
    order = np.lexsort((first, level))
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    parent = parent[order]
    return starts, np.where(parent >= 0, number[parent], -1), number[nodes]


def _passes(rank: Ranks, pixels: Whole, peak: Whole, peaks: int) -> tuple[Whole, Whole, Whole]:
    """Pairs of peaks whose grounds meet, and the rank of the highest pass between, falling."""
    ground = np.full(rank.shape, -1)
    ground.reshape(-1)[pixels] = peak
    most = int(rank.max(initial=0))
    keys: list[Whole] = []
    for one, other in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        low = np.minimum(rank[one], rank[other])
        meet = (ground[one] != ground[other]) & (low > 0)
        here, there = ground[one][meet], ground[other][meet]
        pair = np.minimum(here, there) * peaks + np.maximum(here, there)
        keys.append(pair * (most + 1) + (most - low[meet]))
    pair, depth = np.divmod(np.sort(np.concatenate(keys)), most + 1)
    highest = np.flatnonzero(np.diff(pair, prepend=-1))
    highest = highest[np.argsort(depth[highest], kind="stable")]
    first, second = np.divmod(pair[highest], max(peaks, 1))
    return first, second, most - depth[highest]


def _joined(chief: Whole, one: Whole, other: Whole) -> Whole:
    """`chief` of every peak after pairs of them were joined: the lowest number of all joined."""
    while True:
        a, b = chief[one], chief[other]
        apart = a != b
        if not apart.any():
            return chief
        one, other, a, b = one[apart], other[apart], a[apart], b[apart]
        chief = chief.copy()
        np.minimum.at(chief, np.maximum(a, b), np.minimum(a, b))
        farther = chief[chief]
        while not np.array_equal(farther, chief):
            chief, farther = farther, farther[farther]


def _lowest_neighbour(rank: Ranks) -> Ranks:
    lowest = rank.copy()
    np.minimum(lowest[1:], rank[:-1], out=lowest[1:])
    np.minimum(lowest[:-1], rank[1:], out=lowest[:-1])
    np.minimum(lowest[:, 1:], rank[:, :-1], out=lowest[:, 1:])
    np.minimum(lowest[:, :-1], rank[:, 1:], out=lowest[:, :-1])
    return lowest


def _add_to(sums: Numbers, rows: Whole, values: Numbers) -> None:
    """Add `values` to `rows` of `sums`, row by row; a row may be named several times."""
    # one index a number is several times as fast as one a row
    columns = np.arange(math.prod(sums.shape[1:]))
    places = rows[:, None] * len(columns) + columns
    np.add.at(sums.reshape(-1), places.ravel(), values.ravel())


def _slices(starts: Whole) -> list[slice]:
    return [slice(a, b) for a, b in pairwise(starts.tolist())]


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
    below = np.zeros(score.shape)
    best = score.copy()
    for here in reversed(tree.rising()):
        best[here] = np.maximum(score[here], below[here])
        if here.start:
            _add_to(below, tree.parent[here], best[here])
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
