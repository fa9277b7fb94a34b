"""Nucleus images as they come: TIFF, PNG or JPEG, grey or colour that says one thing."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import PIL.Image

from phenovae.base.errors import InputError
from phenovae.images.headers import DAMAGED, Image, as_image, check_claim
from phenovae.images.reading import probe_plane, read_site

_JPEG = b"\xff\xd8\xff"
_COLOURS = 4
"""Planes of a colour image at most: three colours, and how opaque it is."""


def read_picture(path: Path) -> Image:
    """The one grey image in a file: (height, width), uint8 or uint16.

    A colour image counts as grey where its colours are equal or all but one are empty; opacity is
    left out. Raises InputError where the file is missing, damaged, too large, or holds more.
    """
    if path.is_dir():
        raise InputError("this is a folder", where=path, mend="name the images in it")
    if _starts_as_jpeg(path):
        return _one_of(_jpeg_planes(path), path)
    count = probe_plane(path, 0).planes
    if count > _COLOURS:
        raise InputError(
            f"the image has {count} planes",
            where=path,
            mend="save the nuclei's plane as a file of its own",
        )
    planes = read_site(path.parent, [(path.name, plane) for plane in range(count)])
    return _one_of(list(planes), path)


def _starts_as_jpeg(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_JPEG)) == _JPEG
    except FileNotFoundError as error:
        raise InputError("there is no such image", where=path) from error
    except OSError as error:
        raise InputError(f"the image cannot be read: {error.strerror}", where=path) from error


def _jpeg_planes(path: Path) -> list[Image]:
    try:
        # the size is checked here, so that Pillow need not warn of large ones
        with (
            warnings.catch_warnings(action="ignore"),
            PIL.Image.open(path, formats=["JPEG"]) as file,
        ):
            mode = file.mode
            check_claim("an image", (file.height, file.width, len(mode)), 1, path)
            pixels = np.asarray(file)
    except InputError:
        raise
    except (*DAMAGED, PIL.Image.DecompressionBombError) as error:
        raise InputError(f"the image cannot be read: {error}", where=path) from error
    if mode not in ("L", "RGB"):
        raise InputError(
            f"the image is neither grey nor RGB but {mode}",
            where=path,
            mend="save it grey, or as RGB",
        )
    return [as_image(plane) for plane in np.atleast_3d(pixels).transpose(2, 0, 1)]


def _one_of(planes: list[Image], path: Path) -> Image:
    # the second of two, or the fourth, is how opaque the image is
    colours = planes[: 1 if len(planes) == 2 else 3]
    first = colours[0]
    if len(planes) == 2 and not _even(planes[1]):
        raise InputError(
            "the image has 2 planes",
            where=path,
            mend="save the nuclei's plane as a file of its own",
        )
    if all(np.array_equal(first, other) for other in colours[1:]):
        return first
    lit = [plane for plane in colours if plane.any()]
    if len(lit) == 1:
        return lit[0]
    if _nearly_grey(colours):
        return first
    raise InputError(
        f"the image has colours that differ, {len(lit)} of them not empty",
        where=path,
        mend="save the nuclei's colour as a grey image",
    )


def _even(plane: Image) -> bool:
    return plane.size > 0 and bool((plane == plane.flat[0]).all())


def _nearly_grey(colours: list[Image]) -> bool:
    """Whether colours differ by rounding alone, as JPEG's do."""
    wide = [colour.astype(np.int32) for colour in colours]
    return all(int(np.abs(wide[0] - other).max()) <= 2 for other in wide[1:])
