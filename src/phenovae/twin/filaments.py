"""Microtubules and stress fibres: many walks of stiff filaments, all taken at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phenovae.twin.outlines import Ground, Image
from phenovae.twin.phenotypes import Vector
from phenovae.twin.population import Cells, State

_STEP = 2.0
_BUNDLE = 7
_OVER_NUCLEUS = 0.8
_TINY = 1e-6

Walks = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


def microtubules(rng: np.random.Generator, cells: Cells, ground: Ground) -> Image:
    """Tubulin in filaments: sums to 1 over each cell that has any room for them."""
    values = cells.values
    rounded = cells.rounded
    number = np.clip(np.rint(values["filaments"]), 4, 220).astype(np.int64)
    cell = np.repeat(np.arange(len(cells)), number)
    total = len(cell)
    first = np.concatenate([[0], np.cumsum(number)[:-1]])
    nth = np.arange(total) - first[cell]
    bundled = rng.random(total) < values["filament_bundling"][cell]
    leader = np.where(bundled, first[cell] + nth // _BUNDLE * _BUNDLE, np.arange(total))
    focused = (rng.random(total) < values["filament_focus"][cell]) | rounded[cell]
    focused = focused[leader]
    radius = cells.nuclear_radius
    pole = rng.uniform(0, 2 * np.pi, len(cells))
    pole = np.where(cells.state == State.METAPHASE, cells.angle + np.pi / 2, pole)
    away = np.where(rounded, 0.75 * radius, 1.05 * radius)
    away = np.where(cells.state == State.MONOASTER, 0.0, away)
    side = np.where((cells.state[cell] == State.METAPHASE) & (nth % 2 == 1), -1.0, 1.0)
    spread = np.sqrt(values["cell_area"] / np.pi)
    loose = 0.85 * radius[cell] + 0.75 * spread[cell] * rng.random(total) ** 1.6
    loose_turn = rng.uniform(0, 2 * np.pi, total)
    row = cells.row[cell] + np.where(
        focused, side * away[cell] * np.sin(pole[cell]), loose * np.sin(loose_turn)
    )
    column = cells.column[cell] + np.where(
        focused, side * away[cell] * np.cos(pole[cell]), loose * np.cos(loose_turn)
    )
    around = loose_turn + np.pi / 2 * rng.choice([-1, 1], total) + 0.6 * rng.standard_normal(total)
    heading = np.where(focused, rng.uniform(0, 2 * np.pi, total), around)
    blur = np.where(bundled | rounded[cell], 1.2, 5.0)
    row = row[leader] + blur * rng.standard_normal(total)
    column = column[leader] + blur * rng.standard_normal(total)
    heading = heading[leader] + np.where(bundled, 0.05, 0.0) * rng.standard_normal(total)
    curl = values["filament_curl"][cell] * np.where(rounded[cell], 0.3, 1.0)
    bend = (0.35 * curl * rng.standard_normal(total))[leader]
    length = values["filament_length"][cell] * rng.uniform(0.3, 1.35, total)
    length = np.where(rounded[cell], 0.35 * length, length)
    avoid = np.where(rounded, 0.0, radius)[cell]
    walk = _walk(rng, cells, cell, row, column, heading, bend, curl, length, avoid)
    return _deposit(*walk, cell, length, ground, _OVER_NUCLEUS)


def stress_fibres(rng: np.random.Generator, cells: Cells, ground: Ground) -> Image:
    """Actin in straight fibres along each cell: sums to 1 over a cell."""
    number = np.where(cells.rounded, 4, 16)
    cell = np.repeat(np.arange(len(cells)), number)
    total = len(cell)
    spread = np.sqrt(cells.values["cell_area"] / np.pi)[cell]
    turn = (cells.angle + 0.4 * rng.standard_normal(len(cells)))[cell]
    across = spread * rng.uniform(-0.9, 0.9, total)
    along = spread * rng.uniform(-1.1, 0.1, total)
    row = cells.row[cell] + along * np.sin(turn) + across * np.cos(turn)
    column = cells.column[cell] + along * np.cos(turn) - across * np.sin(turn)
    heading = turn + 0.12 * rng.standard_normal(total)
    curl = np.full(total, 0.012)
    length = spread * rng.uniform(0.7, 1.9, total)
    none = np.zeros(total)
    walk = _walk(rng, cells, cell, row, column, heading, none, curl, length, none)
    return _deposit(*walk, cell, length, ground, 1.0)


def _walk(
    rng: np.random.Generator,
    cells: Cells,
    cell: npt.NDArray[np.int64],
    row: Vector,
    column: Vector,
    heading: Vector,
    bend: Vector,
    curl: Vector,
    length: Vector,
    avoid: Vector,
) -> Walks:
    """Rows and columns of every step, (steps, filaments); filaments glide along the nucleus.

    `avoid` is the radius of the nucleus that a filament goes around, 0 for none [px].
    """
    steps = int(np.ceil(float(length.max()) / _STEP))
    y, x = row.astype(np.float32), column.astype(np.float32)
    angle, turn = heading.astype(np.float32), (bend * _STEP).astype(np.float32)
    jitter = (curl * np.sqrt(_STEP)).astype(np.float32)
    centre_y, centre_x = cells.row[cell].astype(np.float32), cells.column[cell].astype(np.float32)
    around = avoid.astype(np.float32)
    rows = np.empty((steps, len(cell)), dtype=np.float32)
    columns = np.empty_like(rows)
    for step in range(steps):
        angle += turn + jitter * rng.standard_normal(len(cell), dtype=np.float32)
        up, right = np.sin(angle), np.cos(angle)
        out_y, out_x = y - centre_y, x - centre_x
        distance = np.sqrt(out_y * out_y + out_x * out_x) + np.float32(_TINY)
        inward = (up * out_y + right * out_x) / distance
        push = np.where((distance < around) & (inward < 0), -0.7 * inward, 0).astype(np.float32)
        up += push * out_y / distance
        right += push * out_x / distance
        angle = np.where(push > 0, np.arctan2(up, right), angle)
        y += np.float32(_STEP) * up
        x += np.float32(_STEP) * right
        rows[step], columns[step] = y, x
    return rows, columns


def _deposit(
    rows: npt.NDArray[np.float32],
    columns: npt.NDArray[np.float32],
    cell: npt.NDArray[np.int64],
    length: Vector,
    ground: Ground,
    over_nucleus: float,
) -> Image:
    """Spread the steps that lie in their own cell over pixels, each cell's summing to 1."""
    height, width = ground.cells.shape
    steps = np.arange(len(rows), dtype=np.float32)[:, None]
    top, left = np.floor(rows).astype(np.int32), np.floor(columns).astype(np.int32)
    inside = (top >= 0) & (top < height - 1) & (left >= 0) & (left < width - 1)
    inside &= steps * np.float32(_STEP) < length[None, :]
    owner = np.broadcast_to(cell.astype(np.int32), rows.shape)[inside]
    down, across = (rows - top)[inside], (columns - left)[inside]
    place = top[inside] * width + left[inside]
    own = ground.cells.ravel()[place] == owner + 1
    place, owner, down, across = place[own], owner[own], down[own], across[own]
    weight = np.where(ground.nuclei.ravel()[place] > 0, np.float32(over_nucleus), np.float32(1))
    sums = np.bincount(owner, weights=weight, minlength=int(cell.max(initial=0)) + 1)
    weight = weight / np.maximum(sums, _TINY)[owner]
    image = np.zeros(height * width)
    for offset, share in (
        (0, (1 - down) * (1 - across)),
        (1, (1 - down) * across),
        (width, down * (1 - across)),
        (width + 1, down * across),
    ):
        image += np.bincount(place + offset, weights=weight * share, minlength=height * width)
    return image.reshape(height, width).astype(np.float32)
