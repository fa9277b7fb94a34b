"""Outlines at half the height of each nucleus above what is around it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phenovae.images.segmentation.planes import Floats, between_rows, enlarged_rows
from phenovae.images.segmentation.regions import (
    Labels,
    percentiles,
    surroundings,
    whole,
    zones_of,
)

Numbers = npt.NDArray[np.float64]


def heights_of(image: Floats, labels: Labels, diameter: float) -> tuple[Labels, Numbers, Numbers]:
    """The zone that each label may grow into, the grey level around each, and its height above."""
    count = int(labels.max(initial=0))
    zone, taken = zones_of(labels, max(2, round(0.25 * diameter)))
    ground = surroundings(image, labels, zone, taken, 0.1 * diameter)
    inside = np.flatnonzero(labels)
    plateau = percentiles(image.ravel()[inside], labels.ravel()[inside], count, 0.5)
    return zone, ground, plateau - ground


def at_half_height(image: Floats, labels: Labels, diameter: float) -> Labels:
    """`labels` grown or trimmed to half the height of each; holes filled, one piece each."""
    zone, ground, height = heights_of(image, labels, diameter)
    halfway = (ground + height / 2).astype(np.float32)
    above = (zone > 0) & (image > halfway[zone])
    return whole(np.where(above, zone, 0).astype(np.int32), len(ground) - 1)


def enlarged_outlines(
    image: Floats, labels: Labels, diameter: float, factor: int, shape: tuple[int, int]
) -> Labels:
    """`labels` at `factor` times the size, cut to `shape`.

    Where the outline runs between pixels is read from how far they are above half height.
    """
    if factor == 1:
        return labels[: shape[0], : shape[1]]
    zone, ground, height = heights_of(image, labels, diameter)
    scale = np.maximum(height, 1e-30).astype(np.float32)
    excess = (image - ground.astype(np.float32)[zone]) / scale[zone] - 0.5
    excess = np.clip(np.abs(excess), 0.02, 0.5)
    signed = np.where(labels > 0, excess, -excess)
    signed[zone == 0] = -0.5
    wide, owners = enlarged_rows(signed, factor), np.repeat(zone, factor, axis=1)
    found = np.zeros((len(zone), factor, wide.shape[1]), dtype=np.int32)
    for k in range(factor):
        np.copyto(found[:, k], owners, where=between_rows(wide, k, factor) > 0)
    return found.reshape(-1, wide.shape[1])[: shape[0], : shape[1]]
