"""Planes of a TIFF: grey or colour, one page or many, each page a plane or planes in one page.

Packing that tifffile undoes by itself is left to it. LZW and PackBits, which it needs another
package for, are undone by Pillow's libtiff.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import tifffile

from phenovae.base.errors import InputError
from phenovae.images.headers import (
    DAMAGED,
    Image,
    ImageHeader,
    as_image,
    check_claim,
    check_dtype,
    chosen_plane,
)

_UNPACKED_BY_TIFFFILE = frozenset({1, 8, 32946, 34925})  # none, deflate (two numbers), LZMA
_UNPACKED_BY_PILLOW = frozenset({5, 32773})  # LZW, PackBits
_COLOURS = frozenset({0, 1, 2})  # white is 0, black is 0, RGB
_WHAT_AXES_MEAN = {"S": "colours", "C": "channels", "Z": "depths", "T": "times"}
_Page = tifffile.TiffPage | tifffile.TiffFrame


def probe_tiff(path: Path) -> ImageHeader:
    """The header of a TIFF's first image. Raises InputError where it cannot be read."""
    with _opened(path) as stack:
        return stack.header


def read_tiff(path: Path, planes: Sequence[int | None]) -> list[Image]:
    """The planes asked for, (height, width) each, the file opened once. Raises InputError."""
    with _opened(path) as stack:
        chosen = [chosen_plane(stack.header, plane, path) for plane in planes]
        cache: dict[int, npt.NDArray[np.generic]] = {}
        found: list[Image] = []
        for plane in chosen:
            page = 0 if stack.in_one_page else plane
            if page not in cache:
                cache = {page: stack.page(page)}
            pixels = np.take(cache[page], plane, stack.axis) if stack.in_one_page else cache[page]
            if pixels.shape != (stack.header.height, stack.header.width):
                raise InputError(
                    f"the image cannot be read: plane {plane} has {pixels.shape} pixels", where=path
                )
            found.append(as_image(pixels))
        return found


@dataclass(frozen=True)
class _Stack:
    """An open file. `axis`: where planes lie in a page that holds them all."""

    file: tifffile.TiffFile
    path: Path
    header: ImageHeader
    axis: int
    in_one_page: bool

    def page(self, index: int) -> npt.NDArray[np.generic]:
        series = self.file.series[0]
        page: _Page | None = series.keyframe
        if not self.in_one_page:
            page = series.pages[index]
        if page is None:
            raise InputError(f"the image has no page for plane {index}", where=self.path)
        if not _tifffile_can(series.keyframe):
            return _by_pillow(self.path, page, series.keyframe)
        # a stack of one page that describes them all is read as a whole
        whole = self.in_one_page and series.is_truncated
        return np.asarray(series.asarray() if whole else page.asarray())


@contextmanager
def _opened(path: Path) -> Iterator[_Stack]:
    try:
        # a file of an OME set is read for its own planes; the others may be anywhere
        with tifffile.TiffFile(path, _multifile=False) as file:
            yield _stack(file, path)
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError("there is no such image", where=path) from error
    except DAMAGED as error:
        raise InputError(
            f"the image cannot be read: {error}", where=path, mend="fetch the file anew"
        ) from error


def _stack(file: tifffile.TiffFile, path: Path) -> _Stack:
    series = file.series[0]
    page = series.keyframe
    shape = tuple(int(side) for side in series.shape)
    axes = str(series.axes)
    dtype = np.dtype(series.dtype)
    if len(axes) != len(shape) or "Y" not in axes or "X" not in axes:
        raise InputError(f"the image is no field of view but {shape}", where=path)
    height, width = shape[axes.index("Y")], shape[axes.index("X")]
    check_claim("an image", (height, width), dtype.itemsize, path)
    check_claim("a tile", tuple(int(side) for side in page.chunks), dtype.itemsize, path)
    check_dtype(dtype, path)
    _check_colours(page, path)
    if not _tifffile_can(page) and not _pillow_can(page):
        raise _needs_codecs(page, path)
    deep = [place for place, name in enumerate(axes) if name not in "YX" and shape[place] > 1]
    if len(deep) > 1:
        named = [f"{shape[at]} {_WHAT_AXES_MEAN.get(axes[at], 'pages')}" for at in deep]
        raise InputError(
            f"the image has {' × '.join(named)}, so that a plane has no one number",
            where=path,
            mend="save one depth and one time, with the channels as pages or colours",
        )
    planes = shape[deep[0]] if deep else 1
    in_one_page = bool(deep) and len(series.pages) != planes
    axis = 0
    if in_one_page:
        check_claim("an image", (planes, height, width), dtype.itemsize, path)
        kept = axes if series.is_truncated else str(page.axes)
        axis = kept.index(axes[deep[0]])
    _check_whole(file, page if in_one_page or not deep else series.pages[planes - 1], path)
    return _Stack(file, path, ImageHeader(height, width, dtype.name, planes), axis, in_one_page)


def _check_colours(page: tifffile.TiffPage, path: Path) -> None:
    if int(page.photometric) not in _COLOURS:
        raise InputError(
            f"the image is neither grey nor RGB but {_name(page.photometric)}",
            where=path,
            mend="save it grey, or as RGB",
        )


def _check_whole(file: tifffile.TiffFile, page: _Page | None, path: Path) -> None:
    """Raise InputError where the last page's pixels lie beyond the end of the file."""
    if page is None:
        return
    pieces = zip(page.dataoffsets, page.databytecounts, strict=False)
    end = max((int(start) + int(count) for start, count in pieces), default=0)
    if end > file.filehandle.size:
        raise InputError(
            f"the image cannot be read: it is cut short, {file.filehandle.size} of {end} bytes",
            where=path,
            mend="fetch the file anew",
        )


def _name(code: int) -> str:
    return str(getattr(code, "name", code))


def _tifffile_can(page: tifffile.TiffPage) -> bool:
    if int(page.compression) in _UNPACKED_BY_TIFFFILE and int(page.bitspersample) in (8, 16):
        return True
    return importlib.util.find_spec("imagecodecs") is not None


def _pillow_can(page: tifffile.TiffPage) -> bool:
    """Whether Pillow gives back the stored values: grey of 8 or 16 bits, or RGB(A) of 8."""
    if int(page.compression) not in _UNPACKED_BY_PILLOW:
        return False
    bits, samples = int(page.bitspersample), int(page.samplesperpixel)
    grey = samples == 1 and int(page.photometric) == 1
    colour = samples in (3, 4) and int(page.photometric) == 2 and int(page.planarconfig) == 1
    return (grey and bits in (8, 16)) or (colour and bits == 8)


def _by_pillow(path: Path, page: _Page, keyframe: tifffile.TiffPage) -> npt.NDArray[np.generic]:
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # of tags; the pixels are checked below
            PIL.Image.open(path, formats=["TIFF"]) as image,
        ):
            image.seek(int(page.index))
            pixels = np.asarray(image)
    except PIL.Image.DecompressionBombError as error:
        raise InputError(f"the image cannot be read: {error}", where=path) from error
    wanted = np.dtype(page.dtype).newbyteorder("=")
    if pixels.shape != tuple(page.shape) or pixels.dtype.newbyteorder("=") != wanted:
        raise _needs_codecs(keyframe, path)
    return pixels


def _needs_codecs(page: tifffile.TiffPage, path: Path) -> InputError:
    bits, packing = int(page.bitspersample), _name(page.compression)
    how = f"by {packing}" if int(page.compression) != 1 else f"with {bits} bits a value"
    return InputError(
        f"the image is packed {how}: reading it needs the package imagecodecs",
        where=path,
        mend="pip install imagecodecs, or save the images unpacked or by deflate",
    )
