"""Which cells are shown where there are more than a page can hold: every treatment its share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phenovae.base.seeds import generator

Rows = npt.NDArray[np.int64]


def fair_shares(counts: npt.NDArray[np.int64], limit: int) -> npt.NDArray[np.int64]:
    """How many to take of each group so that small ones stay whole and large ones are cut alike.

    The sum is `limit`, or that of `counts` where it is smaller.
    """
    if int(counts.sum()) <= limit:
        return counts.copy()
    shares = np.zeros_like(counts)
    left, open_groups = limit, np.argsort(counts, kind="stable")
    for place, group in enumerate(open_groups):
        share = left // (len(open_groups) - place)
        shares[group] = min(int(counts[group]), share)
        left -= int(shares[group])
    return shares


def thinned(groups: npt.NDArray[np.int64], limit: int, seed: int) -> Rows:
    """Rows that are shown, in order: all, or `limit` of them, drawn evenly over the groups."""
    if len(groups) <= limit:
        return np.arange(len(groups), dtype=np.int64)
    names, counts = np.unique(groups, return_counts=True)
    shares = fair_shares(counts, limit)
    random = generator(seed, "explore", "cells")
    chosen = [
        random.choice(np.flatnonzero(groups == name), size=int(share), replace=False)
        for name, share in zip(names, shares, strict=True)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64)
