"""Single-cell files into a cell store, with a fate for every file and counts that add up."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import Field

from phenovae.base.errors import InputError
from phenovae.base.options import Options
from phenovae.base.progress import SILENT, Bar, Progress
from phenovae.cells.crop_files import (
    CropFile,
    CropHeader,
    RefusedFileError,
    find_files,
    name_of,
    probe,
    read_pixels,
    why_not,
)
from phenovae.cells.crop_table import CropTable, read_crop_table
from phenovae.cells.quality import QualityOptions
from phenovae.cells.refusals import Refusal
from phenovae.cells.store import DTYPES, CellStore
from phenovae.cells.writing import StoreWriter
from phenovae.screen.single_cells import SingleCellScreen

logger = logging.getLogger(__name__)

ORIGIN = "origin.csv"
_TABLE_ROW = "Table_Row"
STAGE = "import"
_BLOCK = 256
_EXAMPLES = 5


class ImportOptions(Options):
    """Which files to import and what is known of them."""

    crops: Path = Field(description="folder of <field>_<cell>.npy files, nested or flat")
    table: Path = Field(description="table of single cells or of fields (CSV)")
    moa: Path | None = Field(None, description="known mechanisms, with a table of fields")
    channels: tuple[str, ...] = Field(description="channels in the order of the last axis")
    pixel_size_um: float | None = Field(None, description="size of a pixel [µm]")
    quality: QualityOptions = Field(default_factory=lambda: QualityOptions())


@dataclass(frozen=True)
class ImportReport:
    """What became of every file: `found` = `imported` + the refused."""

    found: int
    imported: int
    flagged: dict[str, int]
    refused: tuple[Refusal, ...]
    joins: tuple[str, ...]
    rows_without_file: int
    examples_without_file: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The report as JSON, refusals counted by reason and listed."""
        return {
            "found": self.found,
            "imported": self.imported,
            "flagged": self.flagged,
            "refused": len(self.refused),
            "refused_by_reason": dict(Counter(each.reason for each in self.refused)),
            "refusals": [{"file": each.file, "reason": each.reason} for each in self.refused],
            "joins": list(self.joins),
            "rows_without_file": self.rows_without_file,
            "examples_without_file": list(self.examples_without_file),
        }


@dataclass(frozen=True)
class _Accepted:
    file: CropFile
    row: int


def import_crops(
    screen: SingleCellScreen, options: ImportOptions, out: Path, progress: Progress = SILENT
) -> ImportReport:
    """Import all single-cell files of a folder, as their screen names them, into a store at `out`.

    Raises InputError where nothing at all can be imported; a file that cannot be is listed in the
    report with its reason and stops nothing.
    """
    table = read_crop_table(screen, options.table, options.moa)
    paths = find_files(options.crops)
    refused: list[Refusal] = []
    named: set[tuple[str, int]] = set()
    with progress.bar("reading headers", len(paths)) as bar:
        headers = dict(_probe_all(paths, options.crops, table, named, refused, bar))
    wanted = _common_header(list(headers.values()), len(options.channels), options.crops)
    accepted = _accept(headers, wanted, table, options.crops, refused)
    if not accepted:
        raise InputError(
            f"none of {len(paths)} files can be imported; the first: {refused[0].file}: "
            f"{refused[0].reason}",
            where=options.crops,
            mend="check that the table belongs to these crops, and input.channels",
        )
    refused += _write(accepted, wanted, table, options, out, progress)
    store = CellStore.open(out)
    without = [key for key in table.by_cell if key not in named]
    fields = {key[0] for key in named}
    empty = [field for field in table.by_field if field not in fields]
    flags = Counter(flag for flag in store.table["Quality_Flag"] if flag)
    report = ImportReport(
        found=len(paths),
        imported=len(store),
        flagged=dict(sorted(flags.items())),
        refused=tuple(sorted(refused, key=lambda each: each.file)),
        joins=(_joined(len(paths), len(store), table, len(without) or len(empty), refused),),
        rows_without_file=len(without),
        examples_without_file=tuple(f"{field}_{cell}" for field, cell in without[:_EXAMPLES]),
    )
    for sentence in report.joins:
        logger.info("%s", sentence)
    return report


def _joined(
    files: int, imported: int, table: CropTable, without: int, refused: Sequence[Refusal]
) -> str:
    lost = sum(each.reason == _NO_METADATA for each in refused)
    rows, what = (len(table.by_cell), "cells") if table.by_cell else (len(table.by_field), "fields")
    return (
        f"{files:,} files and {rows:,} {what} in {table.source}: {imported:,} files imported, "
        f"{lost:,} without metadata, {len(refused) - lost:,} refused for other reasons; "
        f"{without:,} {what} without a file"
    )


_NO_METADATA = "no metadata for its name"


def _probe_all(
    paths: Sequence[Path],
    folder: Path,
    table: CropTable,
    named: set[tuple[str, int]],
    refused: list[Refusal],
    bar: Bar,
) -> Iterator[tuple[CropFile, CropHeader]]:
    """The headers of all files that have one; `named` gets the cells of those that have not too."""
    for path in paths:
        try:
            file = name_of(path)
            named.add(table.key_of(file.field, file.cell))
            yield file, probe(path)
        except RefusedFileError as error:
            refused.append(Refusal(STAGE, path.relative_to(folder).as_posix(), str(error)))
        bar.advance()


def _common_header(headers: list[CropHeader], channels: int, folder: Path) -> CropHeader:
    fitting = Counter(
        header
        for header in headers
        if len(header.shape) == 3
        and header.shape[2] == channels
        and min(header.shape) > 0
        and str(header.dtype) in DTYPES
    )
    if not fitting:
        seen = Counter(f"{header.dtype} {header.shape}" for header in headers).most_common(1)
        raise InputError(
            f"no file holds height × width × {channels} pixels of {' or '.join(DTYPES)}"
            + (f"; most hold {seen[0][0]}" if seen else ""),
            where=folder,
            mend="name as many input.channels as the files have",
        )
    return fitting.most_common(1)[0][0]


def _accept(
    headers: dict[CropFile, CropHeader],
    wanted: CropHeader,
    table: CropTable,
    folder: Path,
    refused: list[Refusal],
) -> list[_Accepted]:
    accepted: list[_Accepted] = []
    taken: dict[tuple[str, int], CropFile] = {}
    for file, header in headers.items():
        name = file.path.relative_to(folder).as_posix()
        reason = why_not(file.path, header, wanted)
        key = table.key_of(file.field, file.cell)
        row = table.row_of(key)
        if reason is None and row is None:
            reason = _NO_METADATA
        if reason is None and key in taken:
            first = taken[key].path.relative_to(folder).as_posix()
            reason = f"the same cell as {first}"
        if reason is not None or row is None:
            refused.append(Refusal(STAGE, name, reason or _NO_METADATA))
            continue
        taken[key] = file
        accepted.append(_Accepted(file, row))
    return accepted


def _write(
    accepted: list[_Accepted],
    wanted: CropHeader,
    table: CropTable,
    options: ImportOptions,
    out: Path,
    progress: Progress,
) -> list[Refusal]:
    rows = table.rows.iloc[[each.row for each in accepted]].reset_index(drop=True)
    rows["Metadata_Cell"] = [each.file.cell for each in accepted]
    rows["Metadata_File"] = [each.file.name for each in accepted]
    rows[_TABLE_ROW] = [each.row for each in accepted]
    order = rows.sort_values(["Metadata_Plate", "Metadata_Field", "Metadata_Cell"]).index
    refused: list[Refusal] = []
    height, width = wanted.shape[:2]
    kept: list[int] = []
    with (
        StoreWriter(
            out,
            options.channels,
            (height, width),
            dtype=str(wanted.dtype),
            pixel_size_um=options.pixel_size_um,
            source=f"single-cell files described by {table.source}",
            options=options.quality,
        ) as writer,
        progress.bar("importing crops", len(accepted)) as bar,
    ):
        for plate, here in rows.loc[order].groupby("Metadata_Plate", sort=True):
            for start in range(0, len(here), _BLOCK):
                block = here.iloc[start : start + _BLOCK]
                crops, fine = _read_block(
                    [accepted[row].file for row in block.index], options.crops, refused
                )
                writer.add(str(plate), crops, block[fine])
                kept += block.loc[fine, _TABLE_ROW].tolist()
                bar.advance(len(block))
        if table.origin is not None:
            table.origin.write(kept, writer.side_file(ORIGIN))
        writer.finish()
    return refused


def _read_block(
    files: list[CropFile], folder: Path, refused: list[Refusal]
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_]]:
    crops: list[npt.NDArray[np.generic]] = []
    fine = np.zeros(len(files), bool)
    for number, file in enumerate(files):
        try:
            crops.append(read_pixels(file).transpose(2, 0, 1))
            fine[number] = True
        except RefusedFileError as error:
            refused.append(Refusal(STAGE, file.path.relative_to(folder).as_posix(), str(error)))
    return (np.stack(crops) if crops else np.zeros((0,), np.uint16)), fine
