"""What a caller asks of label images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def touching_border(labels: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """The labels with a pixel in the outermost rows or columns, rising."""
    sides = [labels[:1], labels[-1:], labels[:, :1], labels[:, -1:]]
    found = np.unique(np.concatenate([side.ravel() for side in sides])).astype(np.int64)
    return found[found > 0]
