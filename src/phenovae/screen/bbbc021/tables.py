"""The official tables of BBBC021 as one sites table, every fault told at once.

`BBBC021_v1_image.csv` has a row for each field of view with its three files, plate, well, compound
and concentration (µM); `BBBC021_v1_moa.csv` has the known mechanism of 103 treatments, and a row
for DMSO, which is none.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pandas as pd

from phenovae.base.errors import FaultsError, InputError
from phenovae.screen.bbbc021.knowledge import facts
from phenovae.screen.bbbc021.names import FieldName, parse_field
from phenovae.screen.bbbc021.rows import Row, TextTable, read_header, read_rows
from phenovae.screen.roles import assign_roles
from phenovae.screen.sites import METADATA, concentration_key, dose_text
from phenovae.screen.wells import canonical_well

logger = logging.getLogger(__name__)

_PLATE = "Image_Metadata_Plate_DAPI"
_WELL = "Image_Metadata_Well_DAPI"
_REPLICATE = "Replicate"
_COMPOUND = "Image_Metadata_Compound"
_DOSE = "Image_Metadata_Concentration"
_MOA_COLUMNS = ("compound", "concentration", "moa")
_PLATE_NAME = re.compile(r"(Week[1-9][0-9]*)_[0-9]{5}")
_NUMBER = re.compile(r"\s*\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")

Value = TypeVar("Value")
Treatment = tuple[str, float]


def file_columns() -> dict[str, tuple[str, str]]:
    """For each channel, the columns of its file name and of its folder."""
    return {name: (f"Image_FileName_{name}", f"Image_PathName_{name}") for name in facts().channels}


def is_image_table(path: Path) -> bool:
    """Whether a CSV is the official image table, with no row for single cells."""
    header = read_header(path)
    return "Image_FileName_DAPI" in header and "Single_Cell_Image_Name" not in header


def batch_of_plate(plate: str) -> str | None:
    """The batch of a plate, the week in its name; None where the name is not of this screen."""
    match = _PLATE_NAME.fullmatch(plate)
    return match[1] if match else None


def number(text: str) -> float | None:
    """A concentration in a table: decimal digits, finite and not negative, else None."""
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


@dataclass
class _Site:
    """What a row of the image table says; None where it cannot be read or is in doubt."""

    line: int
    plate: str | None = None
    well: str | None = None
    replicate: int | None = None
    compound: str | None = None
    dose: float | None = None
    site: int | None = None
    stem: str | None = None
    files: dict[str, str] = field(default_factory=dict)

    @property
    def treatment(self) -> Treatment | None:
        """Compound and concentration, where both are known."""
        if self.compound is None or self.dose is None:
            return None
        return self.compound, self.dose


def read_sites(images: Path, moa: Path | None) -> pd.DataFrame:
    """The sites table of the official tables: one row a field of view, as `SITES` declares.

    Raises FaultsError with all faults of both tables at once: file, line, column, value, mend.
    """
    columns = file_columns()
    wanted = [name for pair in columns.values() for name in pair]
    table = read_rows(images, [*wanted, _PLATE, _WELL, _REPLICATE, _COMPOUND, _DOSE])
    rows = [_read_site(row, table) for row in table.rows]
    _check_unique(rows, table)
    faults = table.sorted_faults()
    mechanisms: dict[Treatment, str] = {}
    if moa is not None:
        told = read_rows(moa, _MOA_COLUMNS)
        on_plates = {row.treatment for row in rows if row.treatment is not None}
        mechanisms = _read_mechanisms(told, on_plates)
        faults += told.sorted_faults()
    if faults:
        raise FaultsError("the official tables are damaged", faults)
    sites = _as_table(rows)
    sites["Metadata_Role"] = assign_roles(sites, facts().roles)
    known = [mechanisms.get(row.treatment) if row.treatment else None for row in rows]
    sites["Metadata_MoA"] = pd.Series(known, dtype="object")
    return sites[[*METADATA, *(f"File_{name}" for name in columns)]]


def _as_table(rows: list[_Site]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Metadata_Plate": [row.plate for row in rows],
            "Metadata_Well": [row.well for row in rows],
            "Metadata_Replicate": [row.replicate for row in rows],
            "Metadata_Batch": [batch_of_plate(row.plate or "") for row in rows],
            "Metadata_Compound": [row.compound for row in rows],
            "Metadata_Concentration": [row.dose for row in rows],
            "Metadata_Site": [row.site for row in rows],
            "Metadata_Field": [row.stem for row in rows],
            **{f"File_{name}": [row.files[name] for row in rows] for name in file_columns()},
        }
    )


def _read_site(row: Row, table: TextTable) -> _Site:
    """Read every value of a row, each on its own, so that one fault hides no other."""
    site = _Site(
        line=row.line,
        plate=_read(row, _PLATE, _plate, table),
        well=_read(row, _WELL, canonical_well, table),
        replicate=_read(row, _REPLICATE, _replicate, table),
        compound=_read(row, _COMPOUND, _compound, table),
        dose=_read(row, _DOSE, _dose, table),
    )
    wells: dict[str, str] = {}
    folders: dict[str, str] = {}
    for channel, (name_column, folder_column) in file_columns().items():
        image = _read(row, name_column, _image, table)
        folder = row.values.get(folder_column)
        if folder is not None:
            folders[folder_column] = folder.rpartition("/")[2]
        if image is None:
            continue
        name = row.values[name_column]
        wells[name_column] = image.well
        site.files[channel] = f"{folder}/{name}"
        if channel == "DAPI":
            site.stem = name.rpartition(".")[0]
        if image.tag != facts().channels[channel]:
            what = f"the file name is not of channel w{facts().channels[channel]}, {channel}"
            table.add(what, row.line, name_column, name, "correct the file")
        site.site = image.site if site.site is None else site.site
        if image.site != site.site:
            what = "the channels are of different sites"
            table.add(what, row.line, name_column, name, "correct the file")
    # A row whose files are of elsewhere may be of either place; it is compared with no other row.
    if not _agree(row, _WELL, site.well, wells, "well", table):
        site.well = None
    if not _agree(row, _PLATE, site.plate, folders, "plate", table):
        site.plate = None
    return site


def _read(row: Row, column: str, read: Callable[[str], Value], table: TextTable) -> Value | None:
    if column not in row.values:
        return None
    try:
        return read(row.values[column])
    except InputError as error:
        table.add(error.what, row.line, column, row.values[column], error.mend or "")
        return None


def _agree(
    row: Row, column: str, said: str | None, files: dict[str, str], kind: str, table: TextTable
) -> bool:
    """Whether the files are of the well or plate said; where all differ alike, one fault is told.

    `files` has what each column of files says.
    """
    odd = {name: found for name, found in files.items() if said is not None and found != said}
    if len(odd) > 1 and len(odd) == len(files) and len(set(odd.values())) == 1:
        what = f"the {kind} is not that of its files, {next(iter(odd.values()))}"
        table.add(what, row.line, column, row.values[column], "correct one of them")
    else:
        for name in odd:
            what = f"the file is not of {kind} {said}"
            table.add(what, row.line, name, row.values[name], f"correct the {kind} or the file")
    return not odd


def _plate(text: str) -> str:
    if batch_of_plate(text) is None:
        raise InputError("the plate is not known", mend="plates are named WeekN_NNNNN")
    return text


def _replicate(text: str) -> int | None:
    value = number(text) if text else None
    if text and (value is None or value != int(value)):
        raise InputError("the replicate is no whole number", mend="write 1, 2, …, or nothing")
    return None if value is None else int(value)


def _compound(text: str) -> str:
    if not text:
        raise InputError("the compound is missing", mend="name it, or write DMSO")
    return text


def _dose(text: str) -> float:
    value = number(text)
    if value is None:
        what = "the concentration is no number" if text else "the concentration is missing"
        raise InputError(what, mend="write it in µM, as in 0.3")
    return concentration_key(value)


def _mechanism(text: str) -> str:
    if not text:
        raise InputError("the mechanism is missing", mend="name it, or remove the row")
    return text


def _image(name: str) -> FieldName:
    try:
        return parse_field(name.rpartition(".")[0])
    except InputError as error:
        raise InputError("this is no name of a BBBC021 image", mend=error.mend) from error


def _check_unique(rows: list[_Site], table: TextTable) -> None:
    """Add faults of sites and files that are there twice, and of wells with two treatments."""
    sites: dict[tuple[str, str, int], int] = {}
    files: dict[str, int] = {}
    wells: dict[tuple[str, str], dict[Treatment, int]] = {}
    for row in rows:
        placed = row.plate is not None and row.well is not None
        well = (row.plate or "", row.well or "")
        if placed and row.treatment is not None:
            held = wells.setdefault(well, {})
            if row.treatment not in held:
                held[row.treatment] = row.line
        site_line = row.line
        if placed and row.site is not None:
            site_line = sites.setdefault((*well, row.site), row.line)
        file_line = files.setdefault(row.stem, row.line) if row.stem else row.line
        if site_line != row.line:
            columns, value = f"{_PLATE}, {_WELL}", f"{' '.join(well)} s{row.site}"
            mend = f"remove one of the rows; the first is line {site_line}"
            table.add("the site is there twice", row.line, columns, value, mend)
        elif file_line != row.line:
            mend = f"remove one of the rows; the first is line {file_line}"
            column = file_columns()["DAPI"][0]
            table.add("the file is there twice", row.line, column, row.stem or "", mend)
    for well, held in wells.items():
        (usual, first), *others = held.items()
        for treatment, line in others:
            what = f"the well {' '.join(well)} holds two treatments"
            mend = f"correct the rows of the well; line {first} has {_text(usual)}"
            table.add(what, line, f"{_COMPOUND}, {_DOSE}", _text(treatment), mend)


def _text(treatment: Treatment) -> str:
    return f"{treatment[0]} {dose_text(treatment[1])}"


def _read_mechanisms(table: TextTable, on_plates: set[Treatment]) -> dict[Treatment, str]:
    """Mechanisms of treatments, without controls.

    `on_plates` are the treatments of the image table, if it told any. Compounds that are on no
    plate are warned of, since a part of the plates is no damage; a dose that no plate has of a
    compound that is there is a fault, and so is a table of which nothing joins.
    """
    compounds = {compound for compound, _ in on_plates}
    absent: list[tuple[int, Treatment]] = []
    control_rows = 0
    controls = facts().roles.negative_controls
    known: dict[Treatment, str] = {}
    for row in table.rows:
        compound = _read(row, "compound", _compound, table)
        dose = _read(row, "concentration", _dose, table)
        mechanism = _read(row, "moa", _mechanism, table)
        control_rows += compound in controls
        if compound is None or dose is None or compound in controls:
            continue
        key = (compound, dose)
        if on_plates and key not in on_plates and key not in known:
            absent.append((row.line, key))
        if mechanism is not None and known.setdefault(key, mechanism) != mechanism:
            what, mend = "a treatment has two mechanisms", f"it has {known[key]!r} above"
            table.add(what, row.line, "moa", f"{_text(key)}: {mechanism}", mend)
    joined = len(known.keys() & on_plates)
    left = [key for _, key in absent if joined and key[0] not in compounds]
    for line, key in absent:
        if key not in left:
            what = "a treatment of the mechanism table is on no plate"
            mend = "check name and dose against the image table"
            table.add(what, line, "compound, concentration", _text(key), mend)
    logger.info(
        "%d rows in %s: %d of controls, %d treatments joined, %d on no plate, %d treatments of the "
        "plates without a mechanism",
        len(table.rows), table.path.name, control_rows, joined, len(absent),
        len(on_plates - known.keys()),
    )  # fmt: skip
    if left:
        names = sorted({compound for compound, _ in left})
        logger.warning(
            "%d treatments of the mechanism table are on no plate, of %d compounds: %s",
            len(left), len(names), ", ".join(names),
        )  # fmt: skip
    return known
