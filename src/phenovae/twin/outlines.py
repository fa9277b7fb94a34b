"""Outlines of nuclei and cells, and the label images that they fill.

An outline is a radius for each of `ANGLES` directions around a centre. Cells that meet share the
ground by whose outline is relatively nearer, which gives the territories of a confluent island and
leaves concave, spiky edges where a cell is alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phenovae.twin.phenotypes import Vector
from phenovae.twin.population import Cells, State

ANGLES = 256
_LARGEST = 110
_ROUND_AREA = 1680.0
_THETA = np.arange(ANGLES) * (2 * np.pi / ANGLES)

Image = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]


def _polar_grid() -> tuple[Image, npt.NDArray[np.uint8]]:
    side = np.arange(-_LARGEST, _LARGEST + 1, dtype=np.float32)
    radius = np.hypot(side[:, None], side[None, :])
    angle = np.arctan2(side[:, None], side[None, :]) % (2 * np.pi)
    steps = np.rint(angle * (ANGLES / (2 * np.pi))).astype(np.int64) % ANGLES
    return radius.astype(np.float32), steps.astype(np.uint8)


_RADIUS, _STEP = _polar_grid()


@dataclass(frozen=True)
class Blobs:
    """Pieces of nuclei: one for most cells, several for some.

    `outline` (pieces, ANGLES) [px]; `cell` counts cells from 0; `share` is the piece's share of the
    cell's DNA.
    """

    row: Vector
    column: Vector
    outline: Image
    cell: npt.NDArray[np.int64]
    share: Vector


@dataclass(frozen=True)
class Ground:
    """Who covers which pixel, over field and margin.

    `cells` and `nuclei` hold the number of the cell from 1, 0 for none; `depth` is 1 at a cell's
    centre and 0 at its outline; `dome` the relative thickness of the nucleus.
    """

    cells: Labels
    nuclei: Labels
    depth: Image
    dome: Image


def _ellipses(area: Vector, elongation: Vector, angle: Vector) -> Vector:
    """Radius of ellipses of these areas in every direction, (n, ANGLES)."""
    long = np.sqrt(area * elongation / np.pi)[:, None]
    short = np.sqrt(area / elongation / np.pi)[:, None]
    turned = _THETA[None, :] - angle[:, None]
    return np.asarray(long * short / np.hypot(short * np.cos(turned), long * np.sin(turned)))


def _waves(rng: np.random.Generator, amplitude: Vector, orders: range) -> Vector:
    """A smooth irregularity around 1 in every direction, (n, ANGLES)."""
    waves = np.ones((len(amplitude), ANGLES))
    for order in orders:
        size = amplitude * rng.standard_normal(len(amplitude)) * (2 / order) ** 0.5
        phase = rng.uniform(0, 2 * np.pi, len(amplitude))
        waves += size[:, None] * np.cos(order * _THETA[None, :] + phase[:, None])
    return np.clip(waves, 0.35, 1.8)


def cell_outlines(rng: np.random.Generator, cells: Cells) -> Image:
    """Radius of every cell in every direction, (cells, ANGLES) [px]."""
    values = cells.values
    count = len(cells)
    rounded = cells.rounded
    area = np.where(rounded, _ROUND_AREA * np.sqrt(cells.content / 1.4), values["cell_area"])
    area = np.where(cells.state == State.DEAD, 0.45 * area, area)
    area = np.where(cells.state == State.MULTINUCLEATE, 1.25 * area, area)
    elongation = np.where(rounded, 1.05, values["cell_elongation"])
    turn = cells.angle + 0.35 * rng.standard_normal(count)
    outline = _ellipses(area, elongation, turn) * _waves(
        rng, np.where(rounded, 0.02, 0.09), range(1, 4)
    )
    number = np.where(rounded, 0, np.clip(np.rint(values["spike_number"]), 0, 14)).astype(int)
    spikes = np.zeros_like(outline)
    along = turn[:, None] + np.where(rng.random((count, 2)) < 0.5, 0.0, np.pi)
    for spike in range(int(number.max(initial=0))):
        centre = rng.uniform(0, 2 * np.pi, count)
        if spike < 2:
            centre = along[:, spike] + 0.25 * rng.standard_normal(count)
        length = values["spike_length"] * rng.uniform(0.25, 1.4, count) * (spike < number)
        width = rng.uniform(0.12, 0.45, count)
        away = np.abs((_THETA[None, :] - centre[:, None] + np.pi) % (2 * np.pi) - np.pi)
        spikes = np.maximum(spikes, length[:, None] * np.exp(-away / width[:, None]))
    fine = _waves(rng, np.where(rounded, 0.005, 0.02), range(9, 24))
    outline = outline * (0.82 + spikes) * fine
    return np.clip(outline, 4, _LARGEST - 2).astype(np.float32)


def nuclear_blobs(rng: np.random.Generator, cells: Cells) -> Blobs:
    """The pieces of every nucleus by what its cell is doing."""
    values = cells.values
    pieces = np.ones(len(cells), dtype=np.int64)
    several = np.clip(np.rint(values["fragments"]), 2, 12).astype(np.int64)
    pieces = np.where(cells.state == State.MULTINUCLEATE, several, pieces)
    pieces = np.where(cells.state == State.MONOASTER, 9, pieces)
    pieces = np.where(cells.state == State.DEAD, rng.integers(1, 5, len(cells)), pieces)
    cell = np.repeat(np.arange(len(cells)), pieces)
    first = np.concatenate([[0], np.cumsum(pieces)[:-1]])
    nth = np.arange(len(cell)) - first[cell]
    state, count = cells.state[cell], pieces[cell]
    whole = cells.nuclear_area[cell]
    size = np.where(count > 1, np.exp(0.35 * rng.standard_normal(len(cell))), 1.0)
    share = size / np.bincount(cell, weights=size, minlength=len(cells))[cell]
    squeeze = np.select(
        [state == State.METAPHASE, state == State.MONOASTER, state == State.DEAD],
        [0.38, 0.42, 0.26],
        1.0,
    )
    area = np.maximum(whole * share * squeeze, 9.0)
    elongation = values["nucleus_elongation"][cell]
    elongation = np.where(count > 1, 1 + 0.6 * (elongation - 1), elongation)
    elongation = np.where(state == State.METAPHASE, 2.9, elongation)
    angle = cells.angle[cell]
    turn = angle[first][cell] + 2 * np.pi * (nth + 0.25 * rng.random(len(cell))) / count
    ring = np.sqrt(whole * squeeze / np.pi) * np.where(state == State.MONOASTER, 1.15, 0.62)
    away = np.where(count == 1, 0.0, ring * np.where(count == 2, 0.85, 1.0))
    away = away * np.where((count > 4) & (nth == 0) & (state != State.MONOASTER), 0.0, 1.0)
    roughness = values["nucleus_roughness"][cell] * np.where(state == State.METAPHASE, 3.0, 1.0)
    outline = _ellipses(area, elongation, np.where(count > 1, turn, angle))
    outline = outline * _waves(rng, roughness, range(2, 6))
    return Blobs(
        row=cells.row[cell] + away * np.sin(turn),
        column=cells.column[cell] + away * np.cos(turn),
        outline=np.clip(outline, 1.5, _LARGEST - 2).astype(np.float32),
        cell=cell,
        share=share,
    )


def cover(cells: Cells, outlines: Image, blobs: Blobs, size: tuple[int, int]) -> Ground:
    """Give every pixel of a canvas of `size` (height, width) to a cell, a nucleus or neither."""
    depth = np.zeros(size, dtype=np.float32)
    owner = np.zeros(size, dtype=np.int32)
    dome = np.zeros(size, dtype=np.float32)
    nuclei = np.zeros(size, dtype=np.int32)
    for number in range(len(cells)):
        window, nearness = _nearness(
            cells.row[number], cells.column[number], outlines[number], size
        )
        mine = nearness > depth[window]
        depth[window][mine] = nearness[mine]
        owner[window][mine] = number + 1
    for piece in range(len(blobs.cell)):
        window, nearness = _nearness(
            blobs.row[piece], blobs.column[piece], blobs.outline[piece], size
        )
        label = int(blobs.cell[piece]) + 1
        there = nuclei[window]
        mine = (nearness > 0) & ((there == 0) | (there == label))
        height = np.sqrt(1 - (1 - nearness[mine]) ** 2)
        dome[window][mine] = np.maximum(dome[window][mine], height)
        nuclei[window][mine] = label
    inside = nuclei > 0
    owner[inside] = nuclei[inside]
    depth[inside] = np.maximum(depth[inside], 0.3)
    return Ground(cells=owner, nuclei=nuclei, depth=depth, dome=dome)


def _nearness(
    row: float, column: float, outline: Image, size: tuple[int, int]
) -> tuple[tuple[slice, slice], Image]:
    """1 at the centre of an outline, 0 at it and beyond, over the window that holds it."""
    reach = int(np.ceil(outline.max())) + 1
    top, left = round(float(row)), round(float(column))
    rows = slice(max(top - reach, 0), max(min(top + reach + 1, size[0]), 0))
    columns = slice(max(left - reach, 0), max(min(left + reach + 1, size[1]), 0))
    grid = (
        slice(rows.start - top + _LARGEST, rows.stop - top + _LARGEST),
        slice(columns.start - left + _LARGEST, columns.stop - left + _LARGEST),
    )
    nearness = 1 - _RADIUS[grid] / outline[_STEP[grid]]
    return (rows, columns), np.maximum(nearness, 0).astype(np.float32, copy=False)
