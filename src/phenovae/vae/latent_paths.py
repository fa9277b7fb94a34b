"""Ways through a latent space: between two points, along a dimension, around a point."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Latents = npt.NDArray[np.float32]

_NO_PLANE = 1e-4
"""Radians: two directions that are closer than this, or to opposite ones, span no plane."""


def linear(start: Latents, end: Latents, steps: int) -> Latents:
    """Points (steps, latent) evenly spread on the line from `start` to `end` (latent,), both too.

    Raises ValueError for fewer steps than two.
    """
    shares = _shares(steps)[:, None]
    way: Latents = ((1 - shares) * start + shares * end).astype(np.float32)
    return way


def spherical(start: Latents, end: Latents, steps: int) -> Latents:
    """Points (steps, latent) on the arc about the origin from `start` to `end` (Shoemake 1985).

    Directions turn evenly, and lengths go evenly from one to the other, so that halfway between
    two draws of a Gaussian prior is as likely a draw (White 2016). Directions that are alike or
    opposite, and the origin, span no arc: there it is the line. Raises ValueError for fewer steps
    than two.
    """
    shares = _shares(steps)
    lengths = float(np.linalg.norm(start)), float(np.linalg.norm(end))
    if min(lengths) == 0:
        return linear(start, end, steps)
    one, other = start.astype(np.float64) / lengths[0], end.astype(np.float64) / lengths[1]
    # Of two unit vectors the half angle is exact where the cosine has lost its digits.
    angle = 2 * np.arctan2(np.linalg.norm(one - other), np.linalg.norm(one + other))
    if angle < _NO_PLANE or np.pi - angle < _NO_PLANE:
        return linear(start, end, steps)
    turned = (
        np.sin((1 - shares) * angle)[:, None] * one + np.sin(shares * angle)[:, None] * other
    ) / np.sin(angle)
    grown = (1 - shares) * lengths[0] + shares * lengths[1]
    way: Latents = (turned * grown[:, None]).astype(np.float32)
    return way


def traversal(point: Latents, dimension: int, values: npt.NDArray[np.floating]) -> Latents:
    """A point (latent,) with one of its dimensions set to each of some values (value, latent)."""
    points = np.repeat(point.astype(np.float32)[None], len(values), axis=0)
    points[:, dimension] = values
    return points


def surroundings(
    point: Latents,
    sizes: npt.NDArray[np.floating],
    spread: npt.NDArray[np.floating],
    directions: npt.NDArray[np.floating],
) -> Latents:
    """A point (latent,) moved in some directions by growing noise (direction, size, latent).

    `directions` (direction, latent) are standard normal; each is scaled by `spread` (latent,) and
    by each of `sizes`, so that a row keeps its direction.
    """
    steps = sizes[None, :, None] * (directions * spread)[:, None, :]
    moved: Latents = (point + steps).astype(np.float32)
    return moved


def _shares(steps: int) -> npt.NDArray[np.float64]:
    if steps < 2:
        raise ValueError("a way has two ends")
    return np.linspace(0.0, 1.0, steps)
