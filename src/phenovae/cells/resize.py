"""Antialiased resampling as two small matrices, one an axis."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt


@lru_cache(maxsize=32)
def resampling_matrix(source: int, target: int) -> npt.NDArray[np.float32]:
    """Weights (target, source) of linear resampling; every row sums to 1.

    When shrinking, the triangle is widened to the size of a target pixel, so that no detail finer
    than that is folded into the picture.
    """
    scale = source / target
    reach = max(scale, 1.0)
    centres = (np.arange(target) + 0.5) * scale
    pixels = np.arange(source) + 0.5
    weights = np.maximum(0.0, 1.0 - np.abs(pixels[None, :] - centres[:, None]) / reach)
    weights /= weights.sum(axis=1, keepdims=True)
    matrix: npt.NDArray[np.float32] = weights.astype(np.float32)
    matrix.setflags(write=False)
    return matrix


def resize(images: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    """Images (…, height, width) as (…, size, size), float32."""
    height, width = images.shape[-2:]
    if (height, width) == (size, size):
        return images
    rows, columns = resampling_matrix(height, size), resampling_matrix(width, size)
    return (rows @ images @ columns.T).astype(np.float32, copy=False)
