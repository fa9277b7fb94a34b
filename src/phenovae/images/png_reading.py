"""Planes of a PNG: grey or RGB, with or without transparency, of 8 or 16 bits."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.PngImagePlugin

from phenovae.base.errors import InputError
from phenovae.images.headers import (
    DAMAGED,
    Image,
    ImageHeader,
    as_image,
    check_claim,
    chosen_plane,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PLANES = {0: 1, 2: 3, 4: 2, 6: 4}
"""Planes of each colour type (PNG specification, table 11.1): the last of 2 and 4 is alpha."""
_PALETTE = 3


def probe_png(path: Path) -> ImageHeader:
    """The header of a PNG whose pieces are all there. Raises InputError."""
    try:
        with path.open("rb") as file:
            start = file.read(33)
            header = _header(start, path)
            _check_whole(file, path)
            return header
    except FileNotFoundError as error:
        raise InputError("there is no such image", where=path) from error
    except OSError as error:
        raise InputError(f"the image cannot be read: {error}", where=path) from error


def read_png(path: Path, planes: Sequence[int | None]) -> list[Image]:
    """The planes asked for, (height, width) each, the file decoded once. Raises InputError."""
    header = probe_png(path)
    chosen = [chosen_plane(header, plane, path) for plane in planes]
    try:
        pixels = _decode(path, header)
    except (*DAMAGED, PIL.Image.DecompressionBombError) as error:
        raise InputError(
            f"the image cannot be read: {error}", where=path, mend="fetch the file anew"
        ) from error
    return [as_image(pixels[..., plane]) for plane in chosen]


def _header(start: bytes, path: Path) -> ImageHeader:
    if len(start) < 33 or start[12:16] != b"IHDR":
        raise InputError(
            "the image cannot be read: it has no header", where=path, mend="fetch the file anew"
        )
    width, height, bits, colours = struct.unpack(">IIBB", start[16:26])
    if colours == _PALETTE:
        raise InputError(
            "the image has a palette: its values are names of colours, no intensities",
            where=path,
            mend="save it grey or RGB",
        )
    if colours not in _PLANES or bits not in (8, 16):
        raise InputError(
            f"the image has {bits} bits of colour type {colours}, not 8 or 16 of grey or RGB",
            where=path,
            mend="save it grey or RGB, of 8 or 16 bits",
        )
    planes = _PLANES[colours]
    if planes == 2 and bits == 16:
        raise InputError(
            "the image is grey of 16 bits with transparency",
            where=path,
            mend="save it without transparency",
        )
    check_claim("an image", (height, width, planes), bits // 8, path)
    return ImageHeader(height, width, f"uint{bits}", planes)


def _check_whole(file: BinaryIO, path: Path) -> None:
    """Raise InputError unless the pieces of the file, one after the other, end with IEND."""
    size = file.seek(0, 2)
    place, name = len(SIGNATURE), b""
    while name != b"IEND":
        file.seek(place)
        piece = file.read(8)
        if len(piece) < 8:
            break
        length, name = struct.unpack(">I4s", piece)
        place += 12 + length
    if name != b"IEND" or place > size:
        raise InputError(
            f"the image cannot be read: it is cut short at {size} bytes",
            where=path,
            mend="fetch the file anew",
        )


def _decode(path: Path, header: ImageHeader) -> npt.NDArray[np.generic]:
    """All planes, (height, width, plane)."""
    deep = header.dtype == "uint16"
    with PIL.Image.open(path, formats=["PNG"]) as image:
        pixels = np.asarray(image)
    if header.planes == 1:
        dtype = np.uint16 if deep else np.uint8
        return np.asarray(pixels, dtype).reshape(header.height, header.width, 1)
    if not deep:
        return np.asarray(pixels, np.uint8).reshape(header.height, header.width, header.planes)
    # Pillow keeps the upper byte of 16-bit colours; read as little-endian, it keeps the lower one.
    with PIL.Image.open(path, formats=["PNG"]) as image:
        if not isinstance(image, PIL.PngImagePlugin.PngImageFile):
            raise InputError("the image cannot be read: it is no PNG", where=path)
        image.tile = [tile._replace(args=f"{image.mode};16L") for tile in image.tile]
        lower = np.asarray(image)
    both: npt.NDArray[np.uint16] = (pixels.astype(np.uint16) << 8) | lower
    return both
