"""A folder of single-cell files of any name and from anywhere, read where it lies.

Nothing is known of the cells but what a table says, if there is one: a row a file, found by
`Metadata_File`, with any other `Metadata_` columns that its owner gave it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.base.files import sha256_of
from phenovae.base.progress import SILENT, Progress
from phenovae.base.tables import Column, OpenColumns, Schema
from phenovae.cells.crop_files import (
    CropFile,
    CropHeader,
    RefusedFileError,
    find_files,
    probe,
    read_pixels,
    why_not,
)
from phenovae.cells.own_table import FILE, STAGE, described, read_own_table
from phenovae.cells.refusals import Refusal
from phenovae.cells.store import DTYPES


@dataclass(frozen=True)
class WantedCrops:
    """What files must hold. None, and an empty dtype: whatever most of the files that fit have."""

    channels: tuple[str, ...]
    crop_size: tuple[int, int] | None = None
    dtype: str = ""


class CropFolder:
    """Crops of a folder, as a view reads them; `table` has `Metadata_File` and what is known."""

    def __init__(
        self,
        folder: Path,
        header: CropHeader,
        channels: tuple[str, ...],
        table: pd.DataFrame,
        columns: tuple[str, ...],
        refused: tuple[Refusal, ...],
    ) -> None:
        self._folder, self._header, self._channels = folder, header, channels
        self._table, self._columns = table, columns
        self.refused = refused

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return self._channels

    @property
    def crop_size(self) -> tuple[int, int]:
        """Height and width of a crop, in pixels."""
        return self._header.shape[0], self._header.shape[1]

    @property
    def dtype(self) -> str:
        """Kind of the pixels: `uint8` or `uint16`."""
        return str(self._header.dtype)

    @property
    def table(self) -> pd.DataFrame:
        """One row a crop, in the order of the names: what is known, and what a view asks for."""
        return self._table

    @property
    def knows_plates(self) -> bool:
        """Whether a table says of which plate each crop is."""
        return "Metadata_Plate" in self._columns

    @property
    def schema(self) -> Schema:
        """The table of an embedding of these crops."""
        return Schema(
            name="embeddings of crops",
            version=1,
            columns=(
                Column(FILE, "string", "file of the crop, relative to the folder of crops"),
                *(Column(name, "string", "as it was given", nullable=True)
                  for name in self._columns),
            ),
            open=(OpenColumns(r"z_\d{3,}", "float32", "a dimension of the embedding"),),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self._table)

    def read(self, rows: npt.ArrayLike) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
        """Raw crops (n, channel, height, width). Raises InputError where a file has changed."""
        height, width, channels = self._header.shape
        names = self._table[FILE].to_numpy(dtype=object)[np.asarray(rows, dtype=np.int64)]
        crops: npt.NDArray[np.uint16] = np.empty(
            (len(names), channels, height, width), self._header.dtype
        )
        for place, name in enumerate(names):
            path = self._folder / str(name)
            try:
                pixels = read_pixels(CropFile(path, path.name, "", 0))
            except RefusedFileError as error:
                raise InputError(str(error), where=path) from error
            if pixels.shape != self._header.shape or pixels.dtype != self._header.dtype:
                raise InputError("the file has changed while it was read", where=path)
            crops[place] = pixels.transpose(2, 0, 1)
        return crops

    def fingerprint(self) -> str:
        """What identifies the crops: names, sizes and times of their files, and their table."""
        told = [(self._folder / str(name)).stat() for name in self._table[FILE]]
        stamps = [(each.st_size, each.st_mtime_ns) for each in told]
        return sha256_of([self._table.astype("string").to_csv(index=False), stamps])


def open_crop_folder(
    folder: Path, wanted: WantedCrops, table: Path | None = None, progress: Progress = SILENT
) -> CropFolder:
    """Look at the header of every .npy file below a folder, and join the table to those that fit.

    A file that cannot be used is among `refused` with its reason, a pickle too: nothing is ever
    unpickled. Raises InputError where there is no file, none fits or none is in the table, and
    FaultsError where the table is damaged.
    """
    given = None if table is None else read_own_table(table)
    paths = find_files(folder)
    refused: list[Refusal] = []
    headers: dict[str, CropHeader] = {}
    with progress.bar("reading headers", len(paths)) as bar:
        for path in paths:
            name = path.relative_to(folder).as_posix()
            try:
                headers[name] = probe(path)
            except RefusedFileError as error:
                refused.append(Refusal(STAGE, name, str(error)))
            bar.advance()
    header = _wanted_header(headers.values(), wanted)
    fitting: list[str] = []
    for name, found in headers.items():
        reason = why_not(folder / name, found, header)
        if reason is None:
            fitting.append(name)
        else:
            refused.append(Refusal(STAGE, name, reason))
    if not fitting:
        raise _none_fits(folder, paths, refused, headers, header, wanted.channels)
    rows, columns = described(fitting, given, table, refused)
    return CropFolder(
        folder,
        header,
        wanted.channels,
        rows,
        columns,
        tuple(sorted(refused, key=lambda each: each.file)),
    )


def _wanted_header(headers: Collection[CropHeader], wanted: WantedCrops) -> CropHeader:
    channels = len(wanted.channels)
    seen = Counter(
        header
        for header in headers
        if len(header.shape) == 3
        and header.shape[2] == channels
        and min(header.shape) > 0
        and str(header.dtype) in (DTYPES if not wanted.dtype else (wanted.dtype,))
    )
    usual = seen.most_common(1)[0][0] if seen else None
    size = wanted.crop_size or (usual.shape[:2] if usual is not None else (0, 0))
    dtype = wanted.dtype or (str(usual.dtype) if usual is not None else DTYPES[-1])
    return CropHeader(np.dtype(dtype), (*size, channels))


def _none_fits(
    folder: Path,
    paths: Sequence[Path],
    refused: Sequence[Refusal],
    headers: Mapping[str, CropHeader],
    wanted: CropHeader,
    channels: tuple[str, ...],
) -> InputError:
    first = refused[0]
    reason, count = Counter(each.reason for each in refused).most_common(1)[0]
    example = next(each for each in refused if each.reason == reason)
    said = "; ".join(
        [f"{count:,} of {len(paths):,}: {reason}", *([] if len(paths) == 1 else [example.file])]
    )
    found = headers.get(example.file, headers.get(first.file))
    return InputError(
        f"no file can be used: {said}",
        where=folder / example.file,
        mend=_mend(found, wanted, channels),
    )


def _mend(found: CropHeader | None, wanted: CropHeader, channels: tuple[str, ...]) -> str:
    """What to do about files of another form than the model's."""
    form = f"height × width × channel ({', '.join(channels)})"
    if found is None:
        return f"write each crop with numpy.save as {wanted.dtype}, {form}"
    shape = found.shape
    if len(shape) == 3 and shape[0] == len(channels) != shape[2]:
        return f"axes are {form}: numpy.moveaxis(crop, 0, -1) puts the channels last"
    if len(shape) != 3 or shape[2] != len(channels):
        return f"the model wants {len(channels)} channels, axes {form}"
    if found.dtype != wanted.dtype:
        bits = 8 * wanted.dtype.itemsize
        return (
            f"the model was trained on {bits}-bit pixels: write the camera's own grey levels as "
            f"{wanted.dtype}, not stretched, scaled or divided"
        )
    return (
        "cut crops of the size that the model was trained on; --other-size resizes them, which is "
        "right where they are as many µm wide"
    )
