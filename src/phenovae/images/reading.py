"""Reading one channel of one field."""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile

from phenovae.base.errors import InputError

# what tifffile lets through when tags or packed strips of a damaged file make no sense
_DAMAGED = (
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
)

_LARGEST = 1 << 30
"""Bytes that an image, or one tile of it, may claim: whatever is claimed is made room for."""

Image = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


def read_image(path: Path) -> Image:
    """One grey image, (height, width), uint8 or uint16.

    Raises InputError where the file is missing, damaged, or holds something else.
    """
    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            _check_claims(series, path)
            pixels = np.asarray(series.asarray())
    except FileNotFoundError as error:
        raise InputError("there is no such image", where=path) from error
    except _DAMAGED as error:
        raise InputError(f"the image cannot be read: {error}", where=path) from error
    if pixels.ndim != 2 or pixels.size == 0:
        raise InputError(
            f"the image is not one grey plane but {pixels.shape}",
            where=path,
            mend="give one file for each channel",
        )
    if pixels.dtype not in (np.uint8, np.uint16):
        raise InputError(f"the image holds {pixels.dtype}, not uint8 or uint16", where=path)
    return pixels


def _check_claims(series: tifffile.TiffPageSeries, path: Path) -> None:
    page = series.keyframe
    for what, shape in (("an image", series.shape), ("a tile", page.chunks)):
        claimed = math.prod(shape) * series.dtype.itemsize
        if claimed > _LARGEST:
            raise InputError(
                f"the image cannot be read: it claims {what} of "
                f"{' × '.join(str(side) for side in shape)} values",
                where=path,
                mend="fetch the file anew",
            )
