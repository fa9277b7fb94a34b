"""How much of an image is noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_LEAST_SIDE = 3


def noise_level(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Standard deviation of pixel noise (Immerkær 1996) of images (…, height, width).

    Noise is strongest between neighbouring pixels, structure is not (Computer Vision and Image
    Understanding 64). In images below 3 px a side nothing but noise can be told: all their
    variance counts.
    """
    if min(images.shape[-2:]) < _LEAST_SIDE:
        spread: npt.NDArray[np.float64] = images.std((-1, -2), dtype=np.float64)
        return spread
    columns = images[..., :-2] + images[..., 2:]
    columns -= 2 * images[..., 1:-1]
    both = columns[..., :-2, :] + columns[..., 2:, :]
    both -= 2 * columns[..., 1:-1, :]
    level: npt.NDArray[np.float64] = np.sqrt(np.pi / 2) / 6 * np.abs(both, out=both).mean((-1, -2))
    return level.astype(np.float64)
