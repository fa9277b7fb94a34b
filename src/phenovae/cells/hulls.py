"""Areas of the convex hulls of all labels of an image at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phenovae.images.stretches import Stretches

Counts = npt.NDArray[np.int64]


def hull_areas(
    stretches: Stretches, chosen: npt.NDArray[np.bool_], owners: int
) -> npt.NDArray[np.float64]:
    """Area of the convex hull of each owner's pixels, taken as squares [px]; NaN without any.

    Only the `chosen` stretches count. A hull lies between two chains of corners, the left one and
    the right one. A corner that is not in front of the line between its neighbours is no part of
    it, whatever those are; so all such corners are taken out at once, until none is left.
    """
    areas = np.full(owners, np.nan)
    if not chosen.any():
        return areas
    owner, y, left, right = _corners(stretches, chosen)
    chain = np.concatenate([2 * owner, 2 * owner + 1])
    order = np.argsort(chain, kind="stable")
    chain, y, x = chain[order], np.concatenate([y, y])[order], np.concatenate([left, -right])[order]
    while True:
        down, along = np.diff(y), np.diff(x)
        inner = (chain[2:] == chain[:-2]) & (along[:-1] * down[1:] >= along[1:] * down[:-1])
        if not inner.any():
            break
        kept = np.concatenate([[True], ~inner, [True]])
        chain, y, x = chain[kept], y[kept], x[kept]
    same = chain[1:] == chain[:-1]
    doubled = np.where(same, (x[1:] + x[:-1]) * (y[1:] - y[:-1]), 0)
    found = -np.bincount(chain[1:] // 2, doubled, owners) / 2
    areas[owner] = found[owner]
    return areas


def _corners(
    stretches: Stretches, chosen: npt.NDArray[np.bool_]
) -> tuple[Counts, Counts, Counts, Counts]:
    """Owner, height, leftmost and rightmost corner at every height that an owner's pixels touch.

    Rising by owner, then by height.
    """
    lines = stretches.height + 1
    place = stretches.owner[chosen] * lines + stretches.row[chosen]
    # every pixel has corners above and below
    place = np.concatenate([place, place + 1])
    order = np.argsort(place, kind="stable")
    place = place[order]
    left, right = (
        np.concatenate([side[chosen], side[chosen]])[order]
        for side in (stretches.left, stretches.right)
    )
    first = np.flatnonzero(np.diff(place, prepend=-1))
    owner, y = np.divmod(place[first], lines)
    return owner, y, np.minimum.reduceat(left, first), np.maximum.reduceat(right, first)
