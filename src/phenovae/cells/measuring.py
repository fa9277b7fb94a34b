"""Measures of every cell of a field from its label images: shape, intensity, texture, neighbours.

All cells are measured at once, by sums over the labelled pixels. Lengths and areas are in µm where
the size of a pixel is known and in pixels where it is not, and their names say which.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError, cKDTree

Labels = npt.NDArray[np.int32]
Plane = npt.NDArray[np.float32]
Vector = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Number = TypeVar("Number", np.float64, np.int64)

PREFIX = "Measure_"
NUCLEUS, CYTOPLASM, CELL = "Nucleus", "Cytoplasm", "Cell"
TEXTURE_SCALES = (1, 2, 4)
_CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))


class Pixels:
    """Labelled pixels, each owner's together: where they are in the flat image.

    Owners are counted from 0. Sums go over stretches of pixels, which is several times as fast as
    looking up the owner of each.
    """

    def __init__(self, labels: npt.NDArray[np.integer], owners: int) -> None:
        place = np.flatnonzero(labels)
        # Numbers of 16 bits are sorted in two passes over them.
        small = np.uint16 if owners < np.iinfo(np.uint16).max else np.int64
        owner = labels.ravel()[place].astype(small)
        order = np.argsort(owner, kind="stable")
        self.place = place[order]
        counts = np.bincount(owner, minlength=owners + 1)[1 : owners + 1]
        self._present = np.flatnonzero(counts)
        self._starts = np.concatenate([[0], np.cumsum(counts[self._present])])[:-1]
        self.area: Counts = counts.astype(np.int64)

    def sums(self, values: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """Sum over each owner's pixels of a value a pixel, given in the order of `place`."""
        found = np.zeros(len(self.area), values.dtype)
        if len(self._present):
            found[self._present] = np.add.reduceat(values, self._starts)
        return found


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
    whole = nuclei if bodies is None else np.where(nuclei > 0, nuclei, bodies)
    # Nucleus and cytoplasm of cell i are owners 2 i and 2 i + 1, so that one sum serves both.
    halves = np.where(nuclei > 0, 2 * nuclei - 1, 2 * whole)
    pyramid = [Pixels(halves[::scale, ::scale], 2 * cells) for scale in TEXTURE_SCALES]
    moments = _moments(pyramid[0], nuclei.shape[1])
    of_nucleus = moments[:, 0::2]
    _add_shape(found, NUCLEUS, of_nucleus, size, unit)
    found[f"{NUCLEUS}_Solidity"] = _ratio(of_nucleus[0], _hull_areas(nuclei, cells))
    if bodies is not None:
        _add_shape(found, CELL, of_nucleus + moments[:, 1::2], size, unit)
    for name, plane in zip(channels, field, strict=True):
        _add_intensity(found, name, plane.astype(np.float32), pyramid, cytoplasm=bodies is not None)
    _add_neighbours(found, whole, _centres(of_nucleus), cells, size, unit)
    return pd.DataFrame({f"{PREFIX}{name}": values for name, values in found.items()})


def centres(labels: Labels) -> npt.NDArray[np.float64]:
    """Row and column of the middle of labels 1 to n, (n, 2) [px]; NaN where one has no pixels."""
    return _centres(_moments(Pixels(labels, int(labels.max(initial=0))), max(labels.shape[1], 1)))


def _centres(moments: Counts) -> npt.NDArray[np.float64]:
    return np.stack([_ratio(moments[1], moments[0]), _ratio(moments[2], moments[0])], axis=1)


def _moments(pixels: Pixels, width: int) -> Counts:
    """Number, sums of row and column, of their squares and of their product; exact, (6, owners)."""
    row, column = np.divmod(pixels.place, width)
    values = (row, column, row * row, column * column, row * column)
    return np.stack([pixels.area, *(pixels.sums(each) for each in values)])


def _ratio(above: npt.NDArray[np.number], below: npt.NDArray[np.number]) -> npt.NDArray[np.float64]:
    ratio: Vector = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return ratio


def _add_shape(
    found: dict[str, Vector], part: str, moments: Counts, size: float, unit: str
) -> None:
    """Area, and axes and eccentricity of the ellipse of equal second moments."""
    area, row, column, row_row, column_column, row_column = moments
    square = area * area
    # A pixel is a square, whose own second moment is 1/12.
    rows = _ratio(area * row_row - row * row, square) + 1 / 12
    columns = _ratio(area * column_column - column * column, square) + 1 / 12
    both = _ratio(area * row_column - row * column, square)
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
    area, total, power = pixels.area, pixels.sums(values), pixels.sums(values * values)
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
    mean = _ratio(pixels.sums(values), pixels.area)
    return _ratio(np.sqrt(_ratio(pixels.sums(detail * detail), pixels.area)), mean)


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
