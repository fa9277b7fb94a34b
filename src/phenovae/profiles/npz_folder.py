"""Features of single cells as DeepProfiler leaves them: one `.npz` file for each site.

`<plate>/<well>/<site>.npz` or `<plate>/<well>-<site>.npz`, with an array `features` (cells,
features). Plate, well and site are read from the names; nothing is ever unpickled.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.lib.format as npy
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.profiles.features import Mask, Matrix

_ARRAY = "features"
_WELL_AND_SITE = re.compile(r"(?P<well>[A-Za-z]{1,2}[0-9]{1,3})[-_](?P<site>.+)")


@dataclass(frozen=True)
class NpzFolder:
    """A folder of features, one file for each site, read a file at a time."""

    path: Path
    files: tuple[Path, ...]
    places: pd.DataFrame
    cells: npt.NDArray[np.int64]
    width: int
    note: str = ""

    @property
    def columns(self) -> Mapping[str, bool]:
        """Plate, well, site and number of the cell, and `feature_000` and so on."""
        return {
            "Metadata_Plate": False,
            "Metadata_Well": False,
            "Metadata_Site": False,
            "Metadata_ObjectNumber": True,
            **dict.fromkeys(self._names, True),
        }

    @property
    def _names(self) -> list[str]:
        digits = max(len(str(self.width - 1)), 3)
        return [f"feature_{number:0{digits}d}" for number in range(self.width)]

    def __len__(self) -> int:
        return int(self.cells.sum())

    def metadata(self, columns: Sequence[str]) -> pd.DataFrame:
        """Columns that describe the rows, of all rows."""
        places = np.repeat(np.arange(len(self.files)), self.cells)
        found: dict[str, object] = {
            name: pd.Categorical(self.places[name]).take(places)
            for name in self.places.columns
            if name in columns
        }
        if "Metadata_ObjectNumber" in columns:
            firsts = np.repeat(np.cumsum(self.cells) - self.cells, self.cells)
            found["Metadata_ObjectNumber"] = np.arange(len(places)) - firsts
        return pd.DataFrame(found)[list(columns)]

    def blocks(self, columns: Sequence[str], wanted: Mask) -> Iterator[tuple[int, Matrix]]:
        """Values of a file at a time, files without a wanted row left unread."""
        place = {name: number for number, name in enumerate(self._names)}
        chosen = [place[name] for name in columns]
        start = 0
        for file, count in zip(self.files, self.cells.tolist(), strict=True):
            if wanted[start : start + count].any():
                values = _features(file)
                if values.shape != (count, self.width):
                    raise InputError("the file has changed while it was read", where=file)
                yield start, values[:, chosen].astype(np.float64)
            start += count


def read_npz_folder(folder: Path) -> NpzFolder:
    """A folder of features as a source; only the heads of its files are read.

    Raises InputError where it holds no such file, a file's place is not told by its name, or its
    features are no plain array of numbers, all of one width.
    """
    files = sorted(folder.rglob("*.npz"))
    if not files:
        raise InputError(
            "the folder has no .npz file", where=folder, mend="name them <plate>/<well>/<site>.npz"
        )
    places = pd.DataFrame(
        [_place(file.relative_to(folder)) for file in files],
        columns=["Metadata_Plate", "Metadata_Well", "Metadata_Site"],
        dtype=object,
    )
    shapes = [_shape(file) for file in files]
    # DeepProfiler leaves a site without cells as an array of any width.
    widths = {shape[1]: file for shape, file in zip(shapes, files, strict=True) if shape[0]}
    if len(widths) > 1:
        (one, _), (other, odd) = list(widths.items())[:2]
        raise InputError(f"features are {one} wide in some files and {other} in others", where=odd)
    cells = np.array([shape[0] for shape in shapes], dtype=np.int64)
    return NpzFolder(folder, tuple(files), places, cells, next(iter(widths), 0))


def _place(file: Path) -> tuple[str, str, str]:
    parts = file.with_suffix("").parts
    joined = _WELL_AND_SITE.fullmatch(parts[-1])
    if joined is not None and len(parts) >= 2:
        return parts[-2], joined["well"], joined["site"]
    if joined is None and len(parts) >= 3:
        return parts[-3], parts[-2], parts[-1]
    raise InputError(
        "the name of the file does not tell plate, well and site",
        where=file,
        mend="name it <plate>/<well>/<site>.npz, or <plate>/<well>-<site>.npz",
    )


def _shape(file: Path) -> tuple[int, int]:
    """Shape of the array of features, from its head alone."""
    try:
        with zipfile.ZipFile(file) as archive, archive.open(f"{_ARRAY}.npy") as raw:
            major, _ = npy.read_magic(raw)
            read = npy.read_array_header_1_0 if major == 1 else npy.read_array_header_2_0
            shape, _, kind = read(raw)
    except KeyError as error:
        raise InputError(
            f"the file has no array {_ARRAY}", where=file, mend="save it under that name"
        ) from error
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"the file cannot be read: {error}", where=file) from error
    if kind.hasobject:
        raise InputError(
            f"the array {_ARRAY} is pickled, and is not read: to unpickle runs what is in the file",
            where=file,
            mend="save it as a plain array of float32",
        )
    if len(shape) != 2 or kind.kind not in "fiu":
        raise InputError(
            f"the array {_ARRAY} is {kind} of shape {shape}, not numbers (cells, features)",
            where=file,
        )
    return int(shape[0]), int(shape[1])


def _features(file: Path) -> npt.NDArray[np.generic]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            found: npt.NDArray[np.generic] = arrays[_ARRAY]
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"the file cannot be read: {error}", where=file) from error
    return found
