"""Measures of labelled regions, and their zones: quick, whole images at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.measure import label

from phenovae.images.segmentation.planes import Floats

Labels = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def moments_of(labels: Labels, count: int) -> Numbers:
    """Area and sums of y, x, yy, xx, yx of every label, (count + 1, 6)."""
    places = np.flatnonzero(labels)
    own = labels.ravel()[places]
    y, x = np.divmod(places, labels.shape[1])
    weights = (None, y, x, y * y, x * x, y * x)
    return np.stack([np.bincount(own, w, count + 1) for w in weights], axis=1).astype(np.float64)


def percentiles(values: Floats, labels: Labels, count: int, share: float) -> Numbers:
    """Of every label the value below which `share` of its pixels lie, (count + 1,); 0 without any.

    `values` and `labels` are flat. Values are told apart to 1/65,535 of their range.
    """
    if not len(values):
        return np.zeros(count + 1)
    low = float(values.min())
    step = max((float(values.max()) - low) / 65535, 1e-30)
    keys = labels.astype(np.int64) << 16
    keys |= ((values - low) / step).astype(np.int64)
    keys.sort()
    sizes = np.bincount(labels, minlength=count + 1)
    first = np.cumsum(sizes) - sizes
    chosen = np.minimum(first + (sizes * share).astype(np.int64), len(keys) - 1)
    return np.where(sizes > 0, (keys[chosen] & 65535) * step + low, 0.0)


def zones_of(labels: Labels, steps: int) -> tuple[Labels, npt.NDArray[np.int16]]:
    """Labels grown by `steps` pixels, and the step that took each pixel.

    Every other step is diagonal too. Where two labels meet at the same step the higher number
    wins. Steps are 0 inside, -1 outside.
    """
    zone = labels.copy()
    taken = np.where(labels > 0, 0, -1).astype(np.int16)
    for step in range(1, steps + 1):
        widest = _spread(zone, corners=step % 2 == 0)
        fresh = (zone == 0) & (widest > 0)
        np.copyto(zone, widest, where=fresh)
        np.copyto(taken, np.int16(step), where=fresh)
    return zone, taken


def _spread(labels: Labels, *, corners: bool) -> Labels:
    """The highest label among every pixel and its four or eight neighbours."""
    widest = labels.copy()
    np.maximum(widest[1:], labels[:-1], out=widest[1:])
    np.maximum(widest[:-1], labels[1:], out=widest[:-1])
    beside = widest.copy() if corners else labels
    np.maximum(widest[:, 1:], beside[:, :-1], out=widest[:, 1:])
    np.maximum(widest[:, :-1], beside[:, 1:], out=widest[:, :-1])
    return widest


def surroundings(
    image: Floats, labels: Labels, zone: Labels, taken: npt.NDArray[np.int16], gap: float
) -> Numbers:
    """Grey level around every label, (labels + 1,): low among pixels beyond `gap` steps."""
    count = int(labels.max(initial=0))
    outside = np.flatnonzero(taken.ravel() > gap)
    ring = zone.ravel()[outside]
    low = percentiles(image.ravel()[outside], ring, count, 0.3)
    far = image[zone == 0]
    common = float(np.median(far)) if far.size else float(image.min())
    return np.where(np.bincount(ring, minlength=count + 1) >= 3, low, common)


def renumbered(labels: Labels, kept: Flags) -> Labels:
    """Labels with those that are not `kept` (labels + 1,) taken out, from 1 without gaps."""
    kept = kept.copy()
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0).astype(np.int32)[labels]


def whole(labels: Labels, count: int) -> Labels:
    """Every label's largest piece, with the holes that see no other label filled."""
    pieces, number = label(labels, connectivity=1, return_num=True)  # type: ignore[no-untyped-call]
    sizes = np.bincount(pieces.ravel(), minlength=number + 1)
    owner = np.zeros(number + 1, dtype=np.int64)
    owner[pieces.ravel()] = labels.ravel()
    rising = np.argsort(sizes, kind="stable")
    largest = np.full(count + 1, -1, dtype=np.int64)
    largest[owner[rising]] = rising
    kept = np.zeros(number + 1, dtype=bool)
    kept[largest[largest >= 0]] = True
    return filled(np.where(kept[pieces], labels, 0).astype(np.int32))


def filled(labels: Labels) -> Labels:
    """Labels with every hole within one label filled; none opens to the image's sides."""
    ground, count = ndimage.label(labels == 0)
    frame = np.concatenate([ground[0], ground[-1], ground[:, 0], ground[:, -1]])
    hole = np.ones(count + 1, dtype=bool)
    hole[0] = False
    hole[frame] = False
    if not hole.any():
        return labels
    places = np.flatnonzero(hole[ground].ravel())
    own, flat = ground.ravel()[places], labels.ravel()
    width = labels.shape[1]
    highest = np.zeros(count + 1, dtype=np.int64)
    lowest = np.full(count + 1, np.iinfo(np.int64).max)
    # a hole never lies on the frame, so all four neighbours exist
    for step in (-1, 1, -width, width):
        beside = flat[places + step].astype(np.int64)
        seen = beside > 0
        np.maximum.at(highest, own[seen], beside[seen])
        np.minimum.at(lowest, own[seen], beside[seen])
    single = highest[own] == lowest[own]
    result = labels.copy()
    result.reshape(-1)[places[single]] = highest[own[single]]
    return result
