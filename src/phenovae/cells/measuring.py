"""Measures of every cell of a field from its label images: shape, intensity, texture, neighbours.

All cells are measured at once, by sums over the labelled pixels. Lengths and areas are in µm where
the size of a pixel is known and in pixels where it is not, and their names say which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError, cKDTree

Labels = npt.NDArray[np.int32]
Plane = npt.NDArray[np.float32]
Vector = npt.NDArray[np.float64]

PREFIX = "Measure_"
NUCLEUS, CYTOPLASM, CELL = "Nucleus", "Cytoplasm", "Cell"
TEXTURE_SCALES = (1, 2, 4)
_CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))


@dataclass(frozen=True)
class Pixels:
    """Labelled pixels: their places in the flat image and whose they are, counted from 0."""

    place: npt.NDArray[np.int64]
    owner: npt.NDArray[np.int64]
    owners: int

    @classmethod
    def of(cls, labels: npt.NDArray[np.integer], owners: int) -> Pixels:
        """All pixels of a label image that belong to one of the labels 1 to `owners`."""
        place = np.flatnonzero(labels)
        return cls(place, labels.ravel()[place].astype(np.int64) - 1, owners)

    def sums(self, values: npt.NDArray[np.floating] | None = None) -> Vector:
        """Sum of a value a pixel over each owner, or the number of its pixels."""
        return np.bincount(self.owner, weights=values, minlength=self.owners).astype(np.float64)


def measure_cells(
    nuclei: Labels,
    bodies: Labels | None,
    field: npt.NDArray[np.generic],
    channels: Sequence[str],
    pixel_size_um: float | None = None,
) -> pd.DataFrame:
    """One row for each nucleus 1 to n of a field, in order, columns `Measure_…`, float64.

    `nuclei` and `bodies` (height, width) carry the same numbers; `field` is (channel, height,
    width) in grey levels. A nucleus counts as part of its cell. A measure that a cell has no pixels
    for is NaN.
    """
    if not nuclei.size:  # the names of the measures are wanted all the same
        nuclei = np.zeros((1, 1), np.int32)
        bodies = None if bodies is None else nuclei
        field = np.zeros((len(field), 1, 1), field.dtype)
    cells = int(nuclei.max(initial=0))
    size, unit = (pixel_size_um, "um") if pixel_size_um else (1.0, "px")
    found: dict[str, Vector] = {}
    nucleus = Pixels.of(nuclei, cells)
    _add_shape(found, NUCLEUS, nucleus, nuclei.shape, size, unit)
    found[f"{NUCLEUS}_Solidity"] = _ratio(nucleus.sums(), _hull_areas(nuclei, cells))
    whole = nuclei
    if bodies is not None:
        whole = np.where(nuclei > 0, nuclei, bodies)
        _add_shape(found, CELL, Pixels.of(whole, cells), nuclei.shape, size, unit)
    # Nucleus and cytoplasm of cell i are owners 2 i and 2 i + 1, so that one sum serves both.
    halves = np.where(nuclei > 0, 2 * nuclei - 1, 2 * whole)
    pyramid = [Pixels.of(halves[::scale, ::scale], 2 * cells) for scale in TEXTURE_SCALES]
    for name, plane in zip(channels, field, strict=True):
        _add_intensity(found, name, plane.astype(np.float32), pyramid, cytoplasm=bodies is not None)
    _add_neighbours(found, whole, centres(nuclei), cells, size, unit)
    return pd.DataFrame({f"{PREFIX}{name}": values for name, values in found.items()})


def centres(labels: Labels) -> npt.NDArray[np.float64]:
    """Row and column of the middle of labels 1 to n, (n, 2) [px]; NaN where one has no pixels."""
    pixels = Pixels.of(labels, int(labels.max(initial=0)))
    row, column = np.divmod(pixels.place, max(labels.shape[1], 1))
    area = pixels.sums()
    return np.stack(
        [
            _ratio(pixels.sums(row.astype(float)), area),
            _ratio(pixels.sums(column.astype(float)), area),
        ],
        axis=1,
    )


def _ratio(above: Vector, below: Vector) -> Vector:
    ratio: Vector = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return ratio


def _add_shape(
    found: dict[str, Vector],
    part: str,
    pixels: Pixels,
    shape: tuple[int, ...],
    size: float,
    unit: str,
) -> None:
    """Area, and axes and eccentricity of the ellipse of equal second moments."""
    area = pixels.sums()
    row, column = (each.astype(np.float64) for each in np.divmod(pixels.place, max(shape[1], 1)))
    row -= _ratio(pixels.sums(row), area)[pixels.owner]
    column -= _ratio(pixels.sums(column), area)[pixels.owner]
    # A pixel is a square, whose own second moment is 1/12.
    rows = _ratio(pixels.sums(row * row), area) + 1 / 12
    columns = _ratio(pixels.sums(column * column), area) + 1 / 12
    both = _ratio(pixels.sums(row * column), area)
    half, apart = (rows + columns) / 2, np.hypot((rows - columns) / 2, both)
    long, short = half + apart, np.maximum(half - apart, 0)
    found[f"{part}_Area_{unit}2"] = np.where(area > 0, area * size**2, np.nan)
    found[f"{part}_MajorAxis_{unit}"] = 4 * np.sqrt(long) * size
    found[f"{part}_MinorAxis_{unit}"] = 4 * np.sqrt(short) * size
    found[f"{part}_Eccentricity"] = np.sqrt(1 - _ratio(short, long))


def _hull_areas(labels: Labels, cells: int) -> Vector:
    """Area of the convex hull of each label's pixels, taken as squares [px]."""
    areas = np.full(cells, np.nan)
    if not cells:
        return areas
    for number, window in enumerate(ndimage.find_objects(labels, cells)):
        if window is None:
            continue
        corners = _outer_corners(labels[window] == number + 1)
        try:
            areas[number] = ConvexHull(corners).volume
        except QhullError:  # a hull that has no area is no hull
            continue
    return areas


def _outer_corners(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Corners of the first and the last pixel of every row: no other can be on the hull."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([rows, first], 1), np.stack([rows, last], 1)])
    return np.concatenate([ends + corner for corner in _CORNERS]).astype(np.float64)


def _add_intensity(
    found: dict[str, Vector],
    channel: str,
    plane: Plane,
    pyramid: Sequence[Pixels],
    *,
    cytoplasm: bool,
) -> None:
    """Mean, sum, spread and texture of a channel in each part of a cell."""
    pixels = pyramid[0]
    values = plane.ravel()[pixels.place].astype(np.float64)
    area, total, power = pixels.sums(), pixels.sums(values), pixels.sums(values * values)
    textures = [_texture(level, each) for level, each in zip(_levels(plane), pyramid, strict=True)]
    parts = {NUCLEUS: slice(0, None, 2)}
    if cytoplasm:
        parts[CYTOPLASM] = slice(1, None, 2)
    for part, mine in parts.items():
        mean = _ratio(total[mine], area[mine])
        spread = np.sqrt(np.maximum(_ratio(power[mine], area[mine]) - mean**2, 0))
        found[f"{part}_{channel}_Mean"] = mean
        found[f"{part}_{channel}_Sum"] = np.where(area[mine] > 0, total[mine], np.nan)
        found[f"{part}_{channel}_Std"] = spread
        for scale, texture in zip(TEXTURE_SCALES, textures, strict=True):
            found[f"{part}_{channel}_Texture{scale}"] = texture[mine]
    if cytoplasm:
        sums = total[0::2] + total[1::2]
        found[f"{CELL}_{channel}_Mean"] = _ratio(sums, area[0::2] + area[1::2])
        found[f"{CELL}_{channel}_Sum"] = sums


def _levels(plane: Plane) -> list[Plane]:
    """The channel at full size, and as means of blocks as wide as the other scales."""
    levels = [plane]
    for _ in TEXTURE_SCALES[1:]:
        last = levels[-1]
        even = np.pad(last, [(0, side % 2) for side in last.shape], mode="edge")
        rows = even[0::2] + even[1::2]
        levels.append(((rows[:, 0::2] + rows[:, 1::2]) / 4).astype(np.float32, copy=False))
    return levels


def _texture(plane: Plane, pixels: Pixels) -> Vector:
    """Root mean square of the difference from the four neighbours' mean, over the mean."""
    around = np.zeros_like(plane)
    padded = np.pad(plane, 1, mode="edge")
    around += padded[:-2, 1:-1]
    around += padded[2:, 1:-1]
    around += padded[1:-1, :-2]
    around += padded[1:-1, 2:]
    values = plane.ravel()[pixels.place].astype(np.float64)
    detail = values - around.ravel()[pixels.place] / 4
    area = pixels.sums()
    mean = _ratio(pixels.sums(values), area)
    return _ratio(np.sqrt(_ratio(pixels.sums(detail * detail), area)), mean)


def _add_neighbours(
    found: dict[str, Vector],
    labels: npt.NDArray[np.integer],
    centre: npt.NDArray[np.float64],
    cells: int,
    size: float,
    unit: str,
) -> None:
    """How many cells each touches, and how far the next nucleus is."""
    met = []
    for one, other in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        touching = (one != other) & (one > 0) & (other > 0)
        here, there = one[touching].astype(np.int64), other[touching].astype(np.int64)
        met.append(np.unique(np.minimum(here, there) * (cells + 1) + np.maximum(here, there)))
    low, high = np.divmod(np.unique(np.concatenate(met)), cells + 1)
    ends = np.concatenate([low, high]) - 1
    found["Neighbours_Touching"] = np.bincount(ends, minlength=cells).astype(np.float64)
    nearest = np.full(cells, np.nan)
    seen = np.isfinite(centre).all(axis=1)
    if seen.sum() > 1:
        distance, _ = cKDTree(centre[seen]).query(centre[seen], k=2)
        nearest[seen] = distance[:, 1] * size
    found[f"Neighbours_Nearest_{unit}"] = nearest
