"""Measures of every cell of a field from its label images: shape, intensity, texture, neighbours.

All cells are measured at once, by sums over stretches of labelled pixels. Lengths and areas are in
µm where the size of a pixel is known and in pixels where it is not, and their names say which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from phenovae.cells.hulls import hull_areas
from phenovae.images.stretches import Stretches, strips

Labels = npt.NDArray[np.int32]
Plane = npt.NDArray[np.float32]
Vector = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

PREFIX = "Measure_"
NUCLEUS, CYTOPLASM, CELL = "Nucleus", "Cytoplasm", "Cell"
TEXTURE_SCALES = (1, 2, 4)


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
    return measured_nuclei(nuclei, bodies, field, channels, pixel_size_um).measures


@dataclass(frozen=True)
class MeasuredNuclei:
    """Of nuclei 1 to n their middle, (n, 2) [px], their pixels, (n,), and their measures."""

    centre: npt.NDArray[np.float64]
    area: Counts
    measures: pd.DataFrame


def measured_nuclei(
    nuclei: Labels,
    bodies: Labels | None,
    field: npt.NDArray[np.generic],
    channels: Sequence[str],
    pixel_size_um: float | None = None,
) -> MeasuredNuclei:
    """What `measure_cells` gives, and where nuclei are; NaN where one has no pixels."""
    if not nuclei.size:  # the names of the measures are wanted all the same
        nuclei = np.zeros((1, 1), np.int32)
        bodies = None if bodies is None else nuclei
        field = np.zeros((len(field), 1, 1), field.dtype)
    cells = int(nuclei.max(initial=0))
    size, unit = (pixel_size_um, "um") if pixel_size_um else (1.0, "px")
    found: dict[str, Vector] = {}
    # Nucleus and cytoplasm of cell i are owners 2 i and 2 i + 1, so that one sum serves both.
    halves = _halves(nuclei, bodies, cells)
    pyramid = [Stretches(halves[::scale, ::scale], 2 * cells) for scale in TEXTURE_SCALES]
    moments = pyramid[0].moments()
    of_nucleus = moments[:, 0::2]
    _add_shape(found, NUCLEUS, of_nucleus, size, unit)
    hulls = hull_areas(pyramid[0], pyramid[0].owner % 2 == 0, 2 * cells)[0::2]
    found[f"{NUCLEUS}_Solidity"] = _ratio(of_nucleus[0], hulls)
    if bodies is not None:
        _add_shape(found, CELL, of_nucleus + moments[:, 1::2], size, unit)
    areas = [moments[0], *(level.moments()[0] for level in pyramid[1:])]
    for name, plane in zip(channels, field, strict=True):
        _add_intensity(found, name, plane, pyramid, areas, cytoplasm=bodies is not None)
    centre = _centres(of_nucleus)
    _add_neighbours(found, _whole(halves), centre, cells, size, unit)
    measures = pd.DataFrame({f"{PREFIX}{name}": values for name, values in found.items()})
    return MeasuredNuclei(centre, of_nucleus[0], measures)


def centres(labels: Labels) -> npt.NDArray[np.float64]:
    """Row and column of the middle of labels 1 to n, (n, 2) [px]; NaN where one has no pixels."""
    return _centres(Stretches(labels, int(labels.max(initial=0))).moments())


def _halves(nuclei: Labels, bodies: Labels | None, cells: int) -> npt.NDArray[np.integer]:
    """2 i - 1 in nucleus i, 2 i in the rest of its cell; in 16 bits where that holds them."""
    small = 2 * cells <= np.iinfo(np.uint16).max
    inner: npt.NDArray[np.integer] = nuclei.astype(np.uint16 if small else np.int64)
    outer = np.zeros_like(inner) if bodies is None else bodies.astype(inner.dtype)
    inside = inner > 0
    outer *= 2
    inner *= 2
    inner -= 1
    np.copyto(outer, inner, where=inside)
    return outer


def _whole(halves: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    whole = halves + 1
    whole >>= 1
    return whole


def _centres(moments: Counts) -> npt.NDArray[np.float64]:
    return np.stack([_ratio(moments[1], moments[0]), _ratio(moments[2], moments[0])], axis=1)


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


def _add_intensity(
    found: dict[str, Vector],
    channel: str,
    plane: npt.NDArray[np.generic],
    pyramid: Sequence[Stretches],
    areas: Sequence[Counts],
    *,
    cytoplasm: bool,
) -> None:
    """Mean, sum, spread and texture of a channel in each part of a cell."""
    total, power, rough = _sums(plane, pyramid[0])
    area = areas[0]
    textures = [_texture(total, rough, area)]
    for level, each, coarse_area in zip(_levels(plane), pyramid[1:], areas[1:], strict=True):
        coarse, _, rough = _sums(level, each)
        textures.append(_texture(coarse, rough, coarse_area))
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


def _levels(plane: npt.NDArray[np.generic]) -> list[Plane]:
    """The channel as means of blocks as wide as the scales beyond the first."""
    levels = [_halved(plane)]
    for _ in TEXTURE_SCALES[2:]:
        levels.append(_halved(levels[-1]))
    return levels


def _halved(plane: npt.NDArray[np.generic]) -> Plane:
    """Means of blocks of 2 x 2 pixels; a last odd row or column is taken twice."""
    if any(side % 2 for side in plane.shape):
        plane = np.pad(plane, [(0, side % 2) for side in plane.shape], mode="edge")
    half: Plane = np.empty((plane.shape[0] // 2, plane.shape[1] // 2), np.float32)
    for rows in strips(plane.shape, 2):
        block = plane[rows].astype(np.float32)
        pairs = block[0::2] + block[1::2]
        mean = np.add(pairs[:, 0::2], pairs[:, 1::2], out=half[rows.start // 2 : rows.stop // 2])
        mean /= 4
    return half


def _sums(plane: npt.NDArray[np.generic], stretches: Stretches) -> tuple[Vector, Vector, Vector]:
    """Of each owner the sums of values, of their squares, and of squared local differences.

    A local difference is that from the mean of the four neighbours; beyond the edge the edge goes
    on.
    """
    values: list[Vector] = []
    squares: list[Vector] = []
    details: list[Vector] = []
    for rows in strips(plane.shape):
        framed = _framed(plane, rows)
        inner = framed[1:-1, 1:-1]
        around = framed[:-2, 1:-1] + framed[2:, 1:-1]
        around += framed[1:-1, :-2]
        around += framed[1:-1, 2:]
        around /= 4
        detail = np.subtract(inner, around, out=around).astype(np.float64)
        detail *= detail
        details.append(stretches.sums_of_strip(detail, rows))
        value = inner.astype(np.float64)
        values.append(stretches.sums_of_strip(value, rows))
        value *= value
        squares.append(stretches.sums_of_strip(value, rows))
    total, power, rough = (stretches.of_owners(each) for each in (values, squares, details))
    return total, power, rough


def _framed(plane: npt.NDArray[np.generic], rows: slice) -> Plane:
    """Some rows with a pixel more on every side, the edge again beyond the edge."""
    framed: Plane = np.empty((rows.stop - rows.start + 2, plane.shape[1] + 2), np.float32)
    framed[1:-1, 1:-1] = plane[rows]
    framed[0, 1:-1] = plane[max(rows.start - 1, 0)]
    framed[-1, 1:-1] = plane[min(rows.stop, len(plane) - 1)]
    framed[:, 0], framed[:, -1] = framed[:, 1], framed[:, -2]
    return framed


def _texture(total: Vector, rough: Vector, area: Counts) -> Vector:
    """Root mean square of the difference from the four neighbours' mean, over the mean."""
    return _ratio(np.sqrt(_ratio(rough, area)), _ratio(total, area))


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
    flat, width = labels.ravel(), labels.shape[1]
    for step in (1, width):
        border = np.flatnonzero(flat[:-step] != flat[step:])
        if step == 1:  # the end of a row has nothing to do with the start of the next
            border = border[border % width < width - 1]
        here, there = flat[border].astype(np.int64), flat[border + step].astype(np.int64)
        low, high = np.minimum(here, there), np.maximum(here, there)
        met.append(np.unique((low * (cells + 1) + high)[low > 0]))
    low, high = np.divmod(np.unique(np.concatenate(met)), cells + 1)
    ends = np.concatenate([low, high]) - 1
    found["Neighbours_Touching"] = np.bincount(ends, minlength=cells).astype(np.float64)
    nearest = np.full(cells, np.nan)
    seen = np.isfinite(centre).all(axis=1)
    if seen.sum() > 1:
        distance, _ = cKDTree(centre[seen]).query(centre[seen], k=2)
        nearest[seen] = distance[:, 1] * size
    found[f"Neighbours_Nearest_{unit}"] = nearest
