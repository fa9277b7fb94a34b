"""Smooth surfaces over a field: sums of blocks, polynomials of low degree, and back to all pixels.

Light falls smoothly, so a field of a hundred blocks a side holds all there is to know of it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from numpy.polynomial import legendre
from scipy import interpolate

Floats = npt.NDArray[np.float64]
Surface = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


def block_side(shape: tuple[int, int], blocks: int) -> int:
    """Side [px] of the square blocks of which about `blocks` fill the longer side of a field."""
    return max(1, min(-(-max(shape) // blocks), min(shape)))


def block_sums(image: Pixels, side: int) -> npt.NDArray[np.uint32]:
    """Sums over squares of `side` px; rows and columns that fill no square are left out.

    Whole numbers, so that they are the same in whatever order fields come.
    """
    height, width = image.shape[0] // side, image.shape[1] // side
    cut = image[: height * side, : width * side]
    rows = cut[::side].astype(np.uint32)
    for row in range(1, side):
        rows += cut[row::side]
    # adding strided columns is several times as fast as a sum over a short last axis
    sums = rows[:, ::side].copy()
    for column in range(1, side):
        sums += rows[:, column::side]
    return sums


def surfaces(shape: tuple[int, int], degree: int) -> Floats:
    """Polynomials over a grid (height, width), (height * width, terms): total degree `degree`.

    The first is 1 everywhere; the others have mean 0 and root mean square 1, and any two are
    orthogonal. Fewer terms come back where the grid is too small to tell them apart.
    """
    y, x = (_middles(count) for count in shape)
    of_y, of_x = legendre.legvander(y, degree), legendre.legvander(x, degree)
    terms = [
        np.outer(of_y[:, total - power], of_x[:, power]).ravel()
        for total in range(degree + 1)
        for power in range(total + 1)
        if total - power < shape[0] and power < shape[1]
    ]
    orthogonal, triangle = np.linalg.qr(np.stack(terms, axis=1))
    found: Floats = orthogonal * (np.sqrt(shape[0] * shape[1]) * np.sign(np.diagonal(triangle)))
    return found


def _middles(count: int) -> Floats:
    """The middles of `count` blocks between -1 and 1."""
    return np.asarray((np.arange(count) + 0.5) / count * 2 - 1)


def tiles(shape: tuple[int, int], rows: int, columns: int) -> list[tuple[slice, slice]]:
    """Rectangles that cover a grid, `rows` by `columns` of them where it has as many places."""
    down, across = (
        [slice(int(low), int(high)) for low, high in pairwise(edges)]
        for edges in (
            np.linspace(0, shape[0], min(rows, shape[0]) + 1).round().astype(int),
            np.linspace(0, shape[1], min(columns, shape[1]) + 1).round().astype(int),
        )
    )
    return [(row, column) for row in down for column in across]


def expand(field: Surface, side: int, shape: tuple[int, int]) -> Surface:
    """A field of blocks (each `side` px) as all pixels of `shape`, by cubic splines.

    Beyond the middles of the outermost blocks the splines are continued.
    """
    down, across = (
        _spline(count, side, pixels) for count, pixels in zip(field.shape, shape, strict=True)
    )
    return np.asarray(down @ field @ across.T, dtype=np.float32)


def _spline(count: int, side: int, pixels: int) -> Surface:
    """The matrix (pixels, count) that takes values at the middles of blocks to pixels."""
    middles = (np.arange(count) + 0.5) * side - 0.5
    order = min(3, count - 1)
    if order == 0:
        return np.ones((pixels, 1), dtype=np.float32)
    spline = interpolate.make_interp_spline(middles, np.eye(count), k=order)
    return np.asarray(spline(np.arange(pixels)), dtype=np.float32)
