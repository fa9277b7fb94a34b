"""Cell bodies around nuclei that are known, by watershed on the other stains.

The shared ground of two cells goes where their brightness has its valley (seeded watershed; nuclei
as seeds: Wählby et al., Analytical Cellular Pathology 2002).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from skimage.segmentation import watershed

from phenovae.images.segmentation.options import SegmentationOptions
from phenovae.images.segmentation.planes import (
    AnyImage,
    Floats,
    as_plane,
    distance_from,
    reduced,
    smoothed,
)
from phenovae.images.segmentation.regions import Labels
from phenovae.images.stretches import areas_of

_WORKING = 10
"""Pixels across a nucleus that bodies are found at."""


def segment_bodies(
    nuclei: npt.NDArray[np.integer], channels: AnyImage, options: SegmentationOptions
) -> Labels:
    """The cell around every nucleus: int32 (height, width), label i around and upon nucleus i.

    `nuclei` (height, width) are labels, `channels` (k, height, width) the stains of the rest of the
    cell, of any type. No cell reaches farther from its nucleus than `options.body_reach` nuclear
    diameters, nor to where all stains are dark. Raises ValueError where the shapes do not fit.
    """
    if channels.ndim != 3 or channels.shape[1:] != nuclei.shape or not len(channels):
        raise ValueError(f"stains of {channels.shape} do not fit nuclei of {nuclei.shape}")
    own = nuclei.astype(np.int32, copy=False)
    areas = areas_of(own, int(own.max(initial=0)))
    areas[0] = 0
    if not np.any(areas):
        return own.copy()
    diameter = float(2 * np.sqrt(np.median(areas[areas > 0]) / np.pi))
    factor = max(1, int(diameter / _WORKING))
    diameter /= factor
    seeds = _sampled(own, factor, areas > 0)
    away = distance_from(seeds > 0) / np.float32(diameter)
    signal = np.zeros(seeds.shape, dtype=np.float32)
    lit = np.zeros(seeds.shape, dtype=bool)
    for channel in channels:
        plane = smoothed(reduced(as_plane(channel), factor), 0.1 * diameter)
        share, bright = _relative(plane, away, options)
        signal += share
        lit |= bright
    # uphill from a nucleus costs more than along it, and so does the way
    relief = away - np.clip(signal / len(channels), 0, 2)
    ground = lit & (away < options.body_reach)
    bodies = watershed(relief, seeds, mask=ground | (seeds > 0))  # type: ignore[no-untyped-call]
    bodies = np.where(ground, bodies, 0)
    height, width = own.shape
    wide = np.repeat(bodies, factor, axis=1)[:, :width]
    whole = np.repeat(wide, factor, axis=0)[:height]
    np.copyto(whole, own, where=own > 0)
    return whole


def _relative(
    plane: Floats, away: Floats, options: SegmentationOptions
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """A stain from 0 at its background to 1 close to nuclei, and where it is seen at all."""
    far = plane[away >= options.body_reach]
    if far.size < 100:
        # no ground is free of cells: the darkest there is
        far = plane[plane <= np.percentile(plane, 5)]
    low, middle = (float(value) for value in np.percentile(far, (16, 50)))
    close = plane[(away > 0) & (away < 0.4)]
    height = float(np.median(close)) - middle if close.size else 0.0
    if height <= 0:
        return np.zeros_like(plane), np.zeros(plane.shape, dtype=bool)
    bright = plane > middle + max(options.body_visibility * (middle - low), 0.15 * height)
    return np.maximum(plane - middle, 0) / np.float32(height), bright


def _sampled(labels: Labels, factor: int, present: npt.NDArray[np.bool_]) -> Labels:
    """Labels at 1/`factor` of the size: the middle pixel of every square, or the highest label."""
    if factor == 1:
        return labels
    height, width = labels.shape
    padded = np.pad(labels, ((0, -height % factor), (0, -width % factor)))
    middle = padded[factor // 2 :: factor, factor // 2 :: factor].copy()
    missing = present & (areas_of(middle, len(present) - 1) == 0)
    if missing.any():
        # a crumb between the middles keeps a seed where no other nucleus has one
        blocks = padded.reshape(len(middle), factor, -1, factor)
        highest = np.where(missing[blocks], blocks, 0).max(axis=(1, 3))
        middle = np.where(middle > 0, middle, highest)
    return middle
