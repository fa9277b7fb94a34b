"""Single-cell files `<field>_<cell>.npy`: finding them, probing their headers, reading pixels.

A header is read before any pixel, so that a file is refused for what it says of itself; object
arrays, which only unpickling could read, never are.
"""

from __future__ import annotations

import math
import re
import stat
import tokenize
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phenovae.base.errors import InputError

_MAGIC_BYTES = 8
_LAST_CELL = 2**63 - 1
_CROP = re.compile(r"(?P<field>.+)_(?P<cell>\d+)", re.ASCII)


@dataclass(frozen=True)
class CropFile:
    """One file of one cell."""

    path: Path
    name: str
    field: str
    cell: int


@dataclass(frozen=True)
class CropHeader:
    """dtype and shape (height, width, channel) that a file claims."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]


class RefusedFileError(Exception):
    """A file cannot be imported; the message is the reason."""


def find_files(folder: Path) -> list[Path]:
    """All .npy files under a folder, sorted. Raises InputError where there are none."""
    if not folder.is_dir():
        raise InputError("there is no such folder of crops", where=folder, mend="check the path")
    found = sorted(folder.rglob("*.npy"))
    if not found:
        raise InputError(
            "the folder holds no .npy file", where=folder, mend="name the folder of the crops"
        )
    return found


def parse_crop(stem: str) -> tuple[str, int]:
    """Field and cell number of a crop's name `<field>_<cell>`, without its ending.

    Raises InputError where the name has no cell number.
    """
    match = _CROP.fullmatch(stem)
    if match is None:
        raise InputError(
            f"{stem!r} does not name a cell", mend="name crops <field>_<cell>.npy, as in …_12.npy"
        )
    return match["field"], int(match["cell"])


def name_of(path: Path) -> CropFile:
    """Field and cell of a file by its name. Raises RefusedFileError."""
    try:
        field, cell = parse_crop(path.stem)
    except InputError as error:
        raise RefusedFileError("the name does not end in the number of a cell") from error
    if cell > _LAST_CELL:
        raise RefusedFileError("the number of the cell is too large")
    return CropFile(path, path.name, field, cell)


def probe(path: Path) -> CropHeader:
    """Read a file's header and check its length. Raises RefusedFileError with the reason."""
    try:
        told = path.stat()
        if not stat.S_ISREG(told.st_mode):  # opening a pipe would wait for ever
            raise RefusedFileError("a folder or a device, no file")
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, fortran, dtype = read(file)
            start = file.tell()
    except OSError as error:
        raise RefusedFileError(f"cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError, SyntaxError, tokenize.TokenError, MemoryError) as error:
        short = told.st_size < _MAGIC_BYTES or str(error).startswith("EOF: reading array header")
        raise RefusedFileError("truncated" if short else "no .npy file: damaged header") from error
    if dtype.hasobject:
        raise RefusedFileError("an object array, which is never unpickled")
    if fortran and len(shape) > 1:
        raise RefusedFileError("axes in Fortran order; save it with np.ascontiguousarray")
    wanted = math.prod(shape) * dtype.itemsize
    if told.st_size - start < wanted:
        raise RefusedFileError("truncated")
    if told.st_size - start > wanted:
        raise RefusedFileError("longer than its header says")
    return CropHeader(dtype, shape)


def read_pixels(file: CropFile) -> npt.NDArray[np.generic]:
    """Pixels of a file, (height, width, channel). Raises RefusedFileError."""
    try:
        pixels: npt.NDArray[np.generic] = np.load(file.path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise RefusedFileError(f"cannot be read: {error}") from error
    return pixels


def why_not(path: Path, header: CropHeader, wanted: CropHeader) -> str | None:
    """Why a file does not fit the others: its shape or dtype, or NaN in it; None where it fits."""
    if header.shape != wanted.shape:
        return f"shape {_sides(header.shape)}, not {_sides(wanted.shape)}"
    if header.dtype == wanted.dtype:
        return None
    if np.issubdtype(header.dtype, np.floating):
        values = np.load(path, mmap_mode="r", allow_pickle=False)
        if not np.isfinite(values).all():
            return f"NaN or infinite values ({header.dtype}, not {wanted.dtype})"
    return f"dtype {header.dtype}, not {wanted.dtype}"


def _sides(shape: tuple[int, ...]) -> str:
    return " × ".join(str(side) for side in shape) or "scalar"
