"""Reading one channel of one field, or all channels of a site.

What a file holds is told from its first bytes, never from the ending of its name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile

from phenovae.base.errors import InputError
from phenovae.images.headers import DAMAGED, LARGEST, Image, ImageHeader, as_image, chosen_plane
from phenovae.images.png_reading import SIGNATURE, probe_png, read_png
from phenovae.images.tiff_reading import probe_tiff, read_tiff
from phenovae.images.zarr_reading import is_zarr, probe_zarr, read_zarr

__all__ = ["Image", "ImageHeader", "probe_plane", "read_image", "read_plane", "read_site"]

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_OTHERS = {b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"BM": "BMP", b"PK\x03\x04": "a zip archive"}


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
    except DAMAGED as error:
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


def read_plane(path: Path, plane: int | None = None) -> Image:
    """One plane of an image file: (height, width), uint8 or uint16, the values as stored.

    TIFF (grey, RGB, several pages or planes), PNG, or the folder of one field of an OME-Zarr.
    `plane` counts from 0; None means the only one. Raises InputError where the file is missing,
    empty, damaged, of another kind, or has not that plane; MissingExtraError without zarr.
    """
    return _READERS[_kind(path)](path, [plane])[0]


def probe_plane(path: Path, plane: int | None = None) -> ImageHeader:
    """The header of an image, checked as `read_plane` would, without reading its pixels.

    Raises InputError where the header tells that reading the plane must fail.
    """
    header = _PROBES[_kind(path)](path)
    chosen_plane(header, plane, path)
    return header


def read_site(images: Path, files: Sequence[tuple[str, int | None]]) -> Image:
    """The channels of one site: (channel, height, width), each file opened once.

    `files` has the path of each channel's file, relative to `images`, and its plane. Where some
    channels have 8 bits and some 16, all become uint16, their values unchanged. Raises InputError
    where a file cannot be read or the channels differ in size.
    """
    planes: list[Image | None] = [None] * len(files)
    for name in dict.fromkeys(name for name, _ in files):
        places = [at for at, (other, _) in enumerate(files) if other == name]
        path = images / name
        found = _READERS[_kind(path)](path, [files[at][1] for at in places])
        for at, pixels in zip(places, found, strict=True):
            planes[at] = pixels
    read = [pixels for pixels in planes if pixels is not None]
    if not read:
        raise InputError("the site has no channels", where=images)
    if len({pixels.shape for pixels in read}) > 1:
        sizes = [
            f"{name} has {pixels.shape[1]} × {pixels.shape[0]}"
            for (name, _), pixels in zip(files, read, strict=True)
        ]
        raise InputError(
            f"the channels of a site differ in size: {', '.join(sizes)} pixels", where=images
        )
    return as_image(np.stack(read))


_READERS = {"tiff": read_tiff, "png": read_png, "zarr": read_zarr}
_PROBES = {"tiff": probe_tiff, "png": probe_png, "zarr": probe_zarr}


def _kind(path: Path) -> str:
    """Which reader a file is for, from its first bytes. Raises InputError where for none."""
    try:
        with path.open("rb") as file:
            start = file.read(len(SIGNATURE))
    except FileNotFoundError as error:
        raise InputError("there is no such image", where=path) from error
    except (IsADirectoryError, PermissionError) as error:
        if path.is_dir():
            if is_zarr(path):
                return "zarr"
            raise InputError("the image is a folder", where=path, mend="name a file") from error
        raise InputError(f"the image cannot be read: {error.strerror}", where=path) from error
    except (OSError, ValueError) as error:
        raise InputError(f"the image cannot be read: {error}", where=path) from error
    if start[:4] in _TIFF:
        return "tiff"
    if start == SIGNATURE:
        return "png"
    if not start:
        raise InputError("the image is empty: 0 bytes", where=path, mend="fetch the file anew")
    other = next((name for mark, name in _OTHERS.items() if start.startswith(mark)), None)
    raise InputError(
        f"the image is {other}" if other else "the image is neither TIFF nor PNG",
        where=path,
        mend="save it as TIFF, or as PNG",
    )


def _check_claims(series: tifffile.TiffPageSeries, path: Path) -> None:
    page = series.keyframe
    for what, shape in (("an image", series.shape), ("a tile", page.chunks)):
        claimed = math.prod(shape) * series.dtype.itemsize
        if claimed > LARGEST:
            raise InputError(
                f"the image cannot be read: it claims {what} of "
                f"{' × '.join(str(side) for side in shape)} values",
                where=path,
                mend="fetch the file anew",
            )
