"""Classes of cells for the weakly supervised track: numbered by what is trained on."""

from __future__ import annotations

import numpy as np

from phenovae.vae.data import Rows

NO_CLASS = -1


def learned_classes(groups: Rows, rows: Rows) -> tuple[Rows, int]:
    """The class of every image, and how many there are; of groups that only other images have, -1.

    `groups` number what each image was treated with, by row, -1 where that is not to be learned;
    `rows` are those that are trained on.
    """
    known = np.unique(groups[rows])
    known = known[known >= 0]
    places = np.searchsorted(known, groups)
    there = np.append(known, NO_CLASS)[places] == groups
    return np.where(there & (groups >= 0), places, NO_CLASS).astype(np.int64), len(known)
