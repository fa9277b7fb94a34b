"""What an image file says of itself before its pixels are read, and which plane of it is meant."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phenovae.base.errors import InputError

Image = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

LARGEST = 1 << 30
"""Bytes that an image, or one tile of it, may claim: whatever is claimed is made room for."""

# what readers of images let through when the tags or packed pieces of a damaged file make no sense
DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    MemoryError,
    SyntaxError,
    struct.error,
    zlib.error,
)

_MENDS = {
    "f": "save the camera's counts as unsigned 16-bit, without a scale of each image's own",
    "i": "save it as unsigned 16-bit, with the same offset added to all if some are negative",
    "u": "save it as unsigned 16-bit; divide all images by the same number if they do not fit",
    "b": "give the microscope's image, not a mask",
}


@dataclass(frozen=True)
class ImageHeader:
    """Size in pixels, dtype (`uint8` or `uint16`) and how many planes the file has."""

    height: int
    width: int
    dtype: str
    planes: int


def as_image(pixels: npt.NDArray[np.generic]) -> Image:
    """Pixels of 8 or 16 bits, contiguous, writeable and in the machine's order of bytes."""
    if pixels.dtype.itemsize == 1:
        return np.require(pixels, np.uint8, ["C", "W"])
    return np.require(pixels, np.uint16, ["C", "W"])


def check_dtype(dtype: np.dtype[np.generic], path: Path) -> None:
    """Raise InputError unless values are unsigned integers of 8 or 16 bits."""
    if dtype.newbyteorder("=") in (np.dtype(np.uint8), np.dtype(np.uint16)):
        return
    raise InputError(
        f"the image holds {dtype.name}, not uint8 or uint16",
        where=path,
        mend=_MENDS.get(dtype.kind),
    )


def check_claim(what: str, shape: Sequence[int], itemsize: int, path: Path) -> None:
    """Raise InputError where an array of this shape is empty or larger than any image may be."""
    sides = " × ".join(str(side) for side in shape)
    if 0 in shape:
        raise InputError(f"the image is empty: {sides} pixels", where=path)
    if math.prod(shape) * itemsize > LARGEST:
        raise InputError(
            f"the image cannot be read: it claims {what} of {sides} values",
            where=path,
            mend="fetch the file anew",
        )


def chosen_plane(header: ImageHeader, plane: int | None, path: Path) -> int:
    """The plane that is meant, from 0; None means the only one. Raises InputError."""
    if plane is None and header.planes > 1:
        raise InputError(
            f"the image has {header.planes} planes and none is chosen",
            where=path,
            mend=f"say which plane each channel is, 0 to {header.planes - 1}",
        )
    if plane is not None and not 0 <= plane < header.planes:
        have = "1 plane" if header.planes == 1 else f"{header.planes} planes"
        raise InputError(
            f"the image has {have}; plane {plane} is not among them",
            where=path,
            mend="planes count from 0",
        )
    return plane or 0
