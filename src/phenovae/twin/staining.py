"""Fluorescence of the three stains, from who covers which pixel and what each cell is like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from phenovae.twin.filaments import microtubules, stress_fibres
from phenovae.twin.outlines import Ground, Image
from phenovae.twin.phenotypes import Vector, phenotypes
from phenovae.twin.population import Cells, State

_TINY = 1e-6
_REFERENCE_CELL = 4000.0
_ROUND_BLUR = 2.2
_HALO = 0.035
_HALO_SCALE = 25.0
_TILE = 256
_DNA_BY_AREA = 0.35
_FILAMENT_WIDTH = 0.5
_FIBRE_WIDTH = 0.8


@dataclass(frozen=True)
class Levels:
    """Middle brightness of a stain in an untreated cell, before gain [12-bit counts]."""

    dapi: float = 128.0
    tubulin: float = 150.0
    actin: float = 300.0


LEVELS = Levels()


def stain(rng: np.random.Generator, cells: Cells, ground: Ground) -> dict[str, Image]:
    """The light that leaves the field, channel by channel, in 12-bit counts at gain 1."""
    layers = {
        "DAPI": _dapi(rng, cells, ground),
        "Tubulin": _tubulin(rng, cells, ground),
        "Actin": _actin(rng, cells, ground),
    }
    high = _lookup(cells.rounded.astype(np.float64), ground.cells)
    return {name: _out_of_plane(image, high) for name, image in layers.items()}


def _out_of_plane(image: Image, high: Image) -> Image:
    """Blur the cells that stand above the plane of focus, and add the glow around everything."""
    if high.any():
        image = image * (1 - high) + ndimage.gaussian_filter(image * high, _ROUND_BLUR)
    coarse = image[::8, ::8]
    glow = ndimage.gaussian_filter(coarse, _HALO_SCALE / 8)
    glow = np.repeat(np.repeat(glow, 8, axis=0), 8, axis=1)[: image.shape[0], : image.shape[1]]
    return np.asarray(image + _HALO * glow, dtype=np.float32)


def _lookup(values: Vector, labels: npt.NDArray[np.int32]) -> Image:
    """The value of the cell at every pixel, 0 where there is none."""
    table = np.concatenate([[0.0], values]).astype(np.float32)
    return np.asarray(table[labels])


def _noise(rng: np.random.Generator, size: tuple[int, int], scale: float) -> Image:
    """Smooth Gaussian noise of standard deviation 1 and a correlation length of `scale` px.

    One tile repeats over the field, further apart than cells are long.
    """
    tile = rng.standard_normal((_TILE, _TILE), dtype=np.float32)
    tile = ndimage.gaussian_filter(tile, scale, mode="wrap")
    tile *= np.float32(2 * np.sqrt(np.pi) * scale)
    repeats = [-(-side // _TILE) for side in size]
    return np.tile(tile, repeats)[: size[0], : size[1]]


def _shared(image: Image, labels: npt.NDArray[np.int32], cells: int) -> Image:
    """Scale each cell's part of an image so that it sums to 1."""
    sums = np.bincount(labels.ravel(), weights=image.ravel(), minlength=cells + 1)[1:]
    return np.asarray(image * _lookup(1 / np.maximum(sums, _TINY), labels), dtype=np.float32)


def _amount(cells: Cells, ground: Ground) -> Vector:
    """Protein in each cell, in cells of reference size: large cells hold more, but thinner."""
    area = np.bincount(ground.cells.ravel(), minlength=len(cells) + 1)[1:]
    size = np.maximum(area, 1) / _REFERENCE_CELL
    whole = size**0.65 * _REFERENCE_CELL * cells.amount
    whole = np.where(cells.rounded, 0.9 * whole, whole)
    return np.asarray(np.where(cells.state == State.DEAD, 0.8 * whole, whole))


def _dapi(rng: np.random.Generator, cells: Cells, ground: Ground) -> Image:
    size = ground.cells.shape
    labels = ground.nuclei
    contrast = _lookup(cells.values["chromatin_contrast"], labels)
    texture = 0.8 * _noise(rng, size, 1.2) + 0.6 * _noise(rng, size, 2.8)
    body = ground.dome**0.55 * np.clip(1 + contrast * texture, 0.3, 2.5)
    body = body * (1 - 0.33 * _nucleoli(rng, cells, ground))
    usual = phenotypes().parameters["nucleus_area"].base
    content = usual * cells.content * (cells.values["nucleus_area"] / usual) ** _DNA_BY_AREA
    bright = LEVELS.dapi * content * np.exp(0.12 * rng.standard_normal(len(cells)))
    return _shared(body.astype(np.float32), labels, len(cells)) * _lookup(bright, labels)


def _nucleoli(rng: np.random.Generator, cells: Cells, ground: Ground) -> Image:
    """Spots without DNA in the nuclei of cells in interphase: 1 in the middle of each."""
    size = ground.cells.shape
    still = ~cells.rounded
    number = np.where(still, rng.poisson(np.minimum(cells.values["nucleoli"], 8)), 0)
    cell = np.repeat(np.arange(len(cells)), number)
    radius = cells.nuclear_radius[cell]
    away = 0.6 * radius * np.sqrt(rng.random(len(cell)))
    turn = rng.uniform(0, 2 * np.pi, len(cell))
    return _spots(
        cells.row[cell] + away * np.sin(turn),
        cells.column[cell] + away * np.cos(turn),
        np.ones(len(cell)),
        size,
        2.3,
    )


def _spots(
    row: Vector, column: Vector, height: Vector, size: tuple[int, int], scale: float
) -> Image:
    """Gaussian spots of these heights, clipped to 1 where they pile up."""
    image = np.zeros(size, dtype=np.float32)
    y, x = np.rint(row).astype(np.int64), np.rint(column).astype(np.int64)
    inside = (y >= 0) & (y < size[0]) & (x >= 0) & (x < size[1])
    np.add.at(image, (y[inside], x[inside]), height[inside].astype(np.float32))
    image = ndimage.gaussian_filter(image, scale) * np.float32(2 * np.pi * scale**2)
    return np.asarray(np.minimum(image, 1), dtype=np.float32)


def _body(rng: np.random.Generator, ground: Ground, over_nucleus: float, steepness: float) -> Image:
    """Relative thickness of the cytoplasm with its own mottle.

    `steepness` is the power by which it rises from the edge of a cell to its middle.
    """
    thick = np.clip(ground.depth, 0, 1) ** steepness * 0.9 + 0.22
    size = ground.cells.shape
    mottle = 0.10 * _noise(rng, size, 1.2) + 0.08 * _noise(rng, size, 5.0)
    mottle = np.clip(1 + mottle, 0.4, 1.8)
    hollow = 1 - (1 - over_nucleus) * np.minimum(ground.dome * 1.4, 1)
    return np.asarray(thick * mottle * hollow * (ground.cells > 0), dtype=np.float32)


def _tubulin(rng: np.random.Generator, cells: Cells, ground: Ground) -> Image:
    values, labels, count = cells.values, ground.cells, len(cells)
    amount = LEVELS.tubulin * values["tubulin_amount"] * _amount(cells, ground)
    haze = values["tubulin_haze"]
    clump = np.where(cells.rounded, 0.0, values["aggregate"])
    rest = 1 - clump
    threads = ndimage.gaussian_filter(microtubules(rng, cells, ground), _FILAMENT_WIDTH)
    image = threads * _lookup(amount * rest * (1 - haze), labels)
    body = _shared(_body(rng, ground, 0.65, 0.5), labels, count)
    image += body * _lookup(amount * rest * haze, labels)
    image += _clumps(rng, cells, ground) * _lookup(amount * clump, labels)
    return np.asarray(image, dtype=np.float32)


def _clumps(rng: np.random.Generator, cells: Cells, ground: Ground) -> Image:
    """One soft clump beside each nucleus; sums to 1 over a cell."""
    radius = cells.nuclear_radius
    turn = rng.uniform(0, 2 * np.pi, len(cells))
    row = cells.row + 1.1 * radius * np.sin(turn)
    column = cells.column + 1.1 * radius * np.cos(turn)
    spots = _spots(row, column, np.ones(len(cells)), ground.cells.shape, 5.0)
    return _shared(spots * (ground.cells > 0), ground.cells, len(cells))


def _actin(rng: np.random.Generator, cells: Cells, ground: Ground) -> Image:
    values, labels, count = cells.values, ground.cells, len(cells)
    fibres, cortex = values["stress_fibres"], values["cortex"]
    puncta = values["actin_puncta"]
    cortex = np.where(cells.rounded, 1.5 * cortex, cortex)
    amount = LEVELS.actin * values["actin_amount"] * _amount(cells, ground)
    amount = amount / (1 + fibres + cortex + puncta)
    image = _shared(_body(rng, ground, 0.65, 0.75), labels, count) * _lookup(amount, labels)
    threads = ndimage.gaussian_filter(stress_fibres(rng, cells, ground), _FIBRE_WIDTH)
    image += threads * _lookup(amount * fibres, labels)
    rim = _shared(_rim(rng, ground), labels, count)
    image += rim * _lookup(amount * cortex, labels)
    image += _puncta(rng, cells, ground) * _lookup(amount * puncta, labels)
    return np.asarray(image, dtype=np.float32)


def _rim(rng: np.random.Generator, ground: Ground) -> Image:
    """The edge of every cell, uneven along its length."""
    labels = ground.cells
    edge = np.zeros(labels.shape, dtype=bool)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[1:, :] |= labels[1:, :] != labels[:-1, :]
    soft = ndimage.gaussian_filter(edge.astype(np.float32), 2.6)
    uneven = np.exp(0.7 * _noise(rng, labels.shape, 7.0))
    return np.asarray(soft * uneven * (labels > 0), dtype=np.float32)


def _puncta(rng: np.random.Generator, cells: Cells, ground: Ground) -> Image:
    """Small bright spots of actin anywhere in a cell; sums to 1 over a cell."""
    number = np.full(len(cells), 9)
    cell = np.repeat(np.arange(len(cells)), number)
    reach = np.sqrt(cells.values["cell_area"] / np.pi)[cell] * np.sqrt(rng.random(len(cell))) * 0.8
    turn = rng.uniform(0, 2 * np.pi, len(cell))
    spots = _spots(
        cells.row[cell] + reach * np.sin(turn),
        cells.column[cell] + reach * np.cos(turn),
        rng.uniform(0.4, 1.0, len(cell)),
        ground.cells.shape,
        1.6,
    )
    return _shared(spots * (ground.cells > 0), ground.cells, len(cells))
