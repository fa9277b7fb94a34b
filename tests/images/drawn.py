"""Drawn nuclei with a known truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Labels = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


def discs(shape: tuple[int, int], places: Sequence[tuple[float, float, float]]) -> Labels:
    """Labels of discs (row, column, radius); later ones do not cover earlier ones."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    labels = np.zeros(shape, np.int32)
    for number, (row, column, radius) in enumerate(places, 1):
        inside = (y - row) ** 2 + (x - column) ** 2 <= radius**2
        labels[inside & (labels == 0)] = number
    return labels


def scattered(shape: tuple[int, int], diameter: float, count: int, seed: int = 0) -> Labels:
    """Labels of `count` discs or fewer, apart by an eighth of their diameter or more."""
    rng = np.random.default_rng(seed)
    places: list[tuple[float, float, float]] = []
    for _ in range(count * 50):
        radius = diameter / 2 * rng.uniform(0.85, 1.15)
        row, column = rng.uniform(radius, shape[0] - radius), rng.uniform(radius, shape[1] - radius)
        near = (
            (row - r) ** 2 + (column - c) ** 2 < (1.12 * (radius + q)) ** 2 for r, c, q in places
        )
        if not any(near):
            places.append((row, column, radius))
        if len(places) == count:
            break
    return discs(shape, places)


def lit(
    labels: Labels,
    *,
    height: float = 1000,
    ground: float = 200,
    noise: float = 10,
    blur: float = 1,
    seed: int = 0,
) -> Floats:
    """An image of labels: blurred, on an even ground, with noise."""
    rng = np.random.default_rng(seed)
    clean = ndimage.gaussian_filter((labels > 0) * float(height), blur) + ground
    return np.asarray(clean + rng.normal(0, noise, labels.shape))


def counts(image: Floats) -> npt.NDArray[np.uint16]:
    """An image as a 16-bit camera has it."""
    return np.clip(np.round(image), 0, 65535).astype(np.uint16)
