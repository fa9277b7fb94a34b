"""An image made ready: finite, of a fitting size, without its background; and its noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Floats = npt.NDArray[np.float32]
AnyImage = npt.NDArray[np.generic]

GAUSS = 0.6745
"""Median of the absolute value of a standard normal variable."""


def as_plane(image: AnyImage) -> Floats:
    """`image` (height, width) as finite float32; what is not finite becomes the median of the rest.

    Values are shifted and scaled where float32 would not hold them apart. Raises ValueError where
    `image` is not two-dimensional.
    """
    if image.ndim != 2:
        raise ValueError(f"an image of {image.shape} is not one plane")
    if image.dtype in (np.uint8, np.uint16, np.bool_):
        return image.astype(np.float32)
    wide = image.astype(np.float64)
    finite = np.isfinite(wide)
    if not finite.all():
        wide[~finite] = np.median(wide[finite]) if finite.any() else 0.0
    if wide.size:
        # halves, so that the range of the largest numbers there are is a number too
        low, high = float(wide.min()) / 2, float(wide.max()) / 2
        span = high - low
        wide = (wide / 2 - low) / span * 65535 if span > 0 else np.zeros_like(wide)
    return wide.astype(np.float32)


def reduced(plane: Floats, factor: int) -> Floats:
    """Means over squares of `factor` pixels; the last ones are filled up with the edge."""
    if factor == 1:
        return plane
    height, width = (-(-side // factor) for side in plane.shape)
    rows = np.empty((height, plane.shape[1]), dtype=np.float32)
    small = np.empty((height, width), dtype=np.float32)
    _add_up(plane, factor, rows)
    _add_up(rows.T, factor, small.T)
    small /= factor * factor
    return small


def _add_up(plane: Floats, factor: int, sums: Floats) -> None:
    """Sums of every `factor` rows; the last row stands for those that are missing."""
    full = len(plane) // factor
    sums[:full] = plane[: full * factor : factor]
    for k in range(1, factor):
        sums[:full] += plane[k : full * factor : factor]
    if full < len(sums):
        last = np.minimum(np.arange(full * factor, (full + 1) * factor), len(plane) - 1)
        sums[full] = plane[last[0]]
        for row in last[1:]:
            sums[full] += plane[row]


def noise_of(plane: Floats) -> float:
    """Standard deviation of the pixel noise, from second differences along rows."""
    if plane.shape[1] < 3:
        return 0.0
    # some hundred rows tell it as well as all
    rows = plane[:: max(1, plane.size // 60_000)]
    bends = np.abs(rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:])
    return float(np.median(bends)) / GAUSS / 6**0.5


def smoothed(plane: Floats, sigma: float) -> Floats:
    """Gaussian blur, sigma in pixels."""
    blurred: Floats = ndimage.gaussian_filter(plane, sigma, truncate=3.0)
    return blurred


def height_around(plane: Floats, diameter: float) -> Floats:
    """The highest that a blurred `plane` comes to within a quarter of a `diameter` [px]."""
    highest: Floats = ndimage.maximum_filter(
        smoothed(plane, 0.15 * diameter), int(0.5 * diameter) | 1
    )
    return highest


def distance_from(ground: npt.NDArray[np.bool_]) -> Floats:
    """Distance [px] of every pixel from the nearest one of `ground`; infinite where there is none.

    The squares are whole numbers: half the work of `distance_transform_edt`'s own distances.
    """
    if not ground.any():
        return np.full(ground.shape, np.inf, dtype=np.float32)
    nearest = ndimage.distance_transform_edt(~ground, return_distances=False, return_indices=True)
    down, across = nearest
    down -= np.arange(ground.shape[0], dtype=down.dtype)[:, None]
    across -= np.arange(ground.shape[1], dtype=across.dtype)
    down *= down
    across *= across
    down += across
    distance: Floats = np.sqrt(down, dtype=np.float32)
    return distance


def background_of(plane: Floats, window: float) -> Floats:
    """What is wider than `window` pixels, by opening on a coarse grid; bright fibres stay in it."""
    factor = max(1, int(window / 16))
    small = reduced(plane, factor)
    size = round(window / factor) | 1
    opened = ndimage.grey_dilation(
        ndimage.grey_erosion(small, (size, size), mode="nearest"), (size, size), mode="nearest"
    )
    ground: Floats = np.minimum(ndimage.uniform_filter(opened, size, mode="nearest"), small)
    if factor == 1:
        return ground
    ground = ndimage.uniform_filter(ground, 3, mode="nearest")
    return enlarged(ground, factor)[: plane.shape[0], : plane.shape[1]]


def enlarged(plane: Floats, factor: int) -> Floats:
    """`plane` at `factor` times the size, linear between the middles of its pixels."""
    if factor == 1:
        return plane
    wide = enlarged_rows(plane, factor)
    tall = np.empty((len(plane), factor, wide.shape[1]), dtype=np.float32)
    for k in range(factor):
        tall[:, k] = between_rows(wide, k, factor)
    return tall.reshape(-1, wide.shape[1])


def enlarged_rows(plane: Floats, factor: int) -> Floats:
    """`plane` at `factor` times the width, linear between the middles of its pixels."""
    wide = np.empty((*plane.shape, factor), dtype=np.float32)
    for k in range(factor):
        wide[:, :, k] = between_rows(plane.T, k, factor).T
    return wide.reshape(len(plane), -1)


def between_rows(plane: Floats, k: int, factor: int) -> Floats:
    """Of `factor` rows that each row of `plane` becomes, the `k`-th, linear between neighbours."""
    # place of the k-th small pixel within the large one, from its middle
    place = (k + 0.5) / factor - 0.5
    if place == 0:
        return plane
    row: Floats = np.empty_like(plane)
    here, there = (np.s_[:-1], np.s_[1:]) if place > 0 else (np.s_[1:], np.s_[:-1])
    np.subtract(plane[there], plane[here], out=row[here])
    row[here] *= abs(place)
    row[here] += plane[here]
    edge = -1 if place > 0 else 0
    row[edge] = plane[edge]
    return row
