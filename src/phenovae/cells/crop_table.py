"""What is known of each single-cell crop, from whichever table the user has.

Three forms: the single-cell table (`Single_Cell_Image_Name`, ...), the origin's feature table
(`single_img_name`, `plate_well`, ...), and the official image table, a row a field. Rows are found
by the unique id in the DAPI file's name and the cell's number, never by their order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from phenovae.base.errors import Fault, FaultsError, InputError
from phenovae.cells.records import Origin, Records, read_header, read_records
from phenovae.screen.bbbc021.image_rows import is_image_table
from phenovae.screen.bbbc021.knowledge import rules
from phenovae.screen.bbbc021.names import parse_crop, parse_field, unique_id
from phenovae.screen.bbbc021.tables import read_sites
from phenovae.screen.bbbc021.values import batch_of_plate, number
from phenovae.screen.roles import assign_roles
from phenovae.screen.sites import METADATA, Role, concentration_key
from phenovae.screen.wells import canonical_well

NAME_COLUMNS = ("Single_Cell_Image_Name", "single_img_name")
_PLATE = "Image_Metadata_Plate_DAPI"
_WELL = "Image_Metadata_Well_DAPI"
_PLATE_WELL = "plate_well"
_COMPOUND = "Image_Metadata_Compound"
_DOSE = "Image_Metadata_Concentration"
_MECHANISM = "moa"
_REPLICATE = "Replicate"
_KNOWN = (*NAME_COLUMNS, _PLATE, _WELL, _PLATE_WELL, _COMPOUND, _DOSE, _MECHANISM, _REPLICATE)
_KEPT_COLUMNS = 64

Value = TypeVar("Value", str, float)


@dataclass(frozen=True)
class CropTable:
    """Metadata by cell, or by field where the table has no cells.

    `rows` has `METADATA` columns. `by_cell` and `by_field` give the row of a key; `origin` is the
    user's table as it was written, kept so that it can be given back.
    """

    source: str
    rows: pd.DataFrame
    by_cell: Mapping[tuple[str, int], int]
    by_field: Mapping[str, int]
    origin: Origin | None

    def row_of(self, key: tuple[str, int]) -> int | None:
        """The row that describes a cell, or None."""
        return self.by_cell.get(key) if self.by_cell else self.by_field.get(key[0])


def read_crop_table(path: Path, moa: Path | None) -> CropTable:
    """Read the table that describes the crops, in any of its three forms.

    `moa` goes with the official image table; the other forms name the mechanism in their rows. Of
    a table with more than 64 columns, features that is, only the known ones are kept. Raises
    InputError or FaultsError where it is none of them or is damaged.
    """
    header = read_header(path)
    name = next((column for column in NAME_COLUMNS if column in header), None)
    if name is None and is_image_table(path):
        sites = read_sites(path, moa)
        fields = {unique_id(field): row for row, field in enumerate(sites["Metadata_Field"])}
        return CropTable(path.name, sites[list(METADATA)], {}, fields, None)
    in_one = _PLATE_WELL in header and not {_PLATE, _WELL} <= set(header)
    places = [_PLATE_WELL] if in_one else [_PLATE, _WELL]
    wanted = [*places, _COMPOUND, _DOSE, _MECHANISM]
    missing = [column for column in wanted if column not in header]
    if name is None or missing:
        lacking = ", ".join(([] if name else [" or ".join(NAME_COLUMNS)]) + missing)
        raise InputError(
            f"{path.name} lacks columns: {lacking}",
            where=path,
            mend="give a single-cell table, or BBBC021_v1_image.csv with BBBC021_v1_moa.csv",
        )
    return _Reader(path, read_records(path, _KNOWN, _KEPT_COLUMNS)).table(name, places)


class _Reader:
    """Reads the rows of a table of cells, gathering every fault before it tells of any."""

    def __init__(self, path: Path, records: Records) -> None:
        self._path, self._text, self._lines = path, records.cells, records.lines
        self._origin = records.origin
        self._faults: list[Fault] = []

    def table(self, name: str, places: list[str]) -> CropTable:
        if not len(self._text):
            raise InputError(
                f"{self._path.name} has no rows", where=self._path, mend="fetch it anew"
            )
        text = self._text
        fields, sites, by_cell = self._cells(name)
        plates, wells = self._places(places)
        batches = self._converted(plates, batch_of_plate, places[0], "the plate is not known")
        wells = self._converted(wells, _well, places[-1], "the well has no readable name")
        doses = self._converted(text[_DOSE], _dose, _DOSE, "the concentration is no number")
        compounds = self._converted(
            text[_COMPOUND], lambda value: value.strip() or None, _COMPOUND, "no compound is named"
        )
        if self._faults:
            faults = sorted(self._faults, key=lambda fault: fault.row or 0)
            raise FaultsError(f"{self._path.name} is damaged", faults)
        rows = pd.DataFrame(
            {
                "Metadata_Plate": plates,
                "Metadata_Well": wells,
                "Metadata_Replicate": _replicates(text),
                "Metadata_Batch": batches,
                "Metadata_Compound": compounds,
                "Metadata_Concentration": doses,
                "Metadata_MoA": text[_MECHANISM].where(text[_MECHANISM] != "", None),
                "Metadata_Role": "",
                "Metadata_Site": sites,
                "Metadata_Field": fields,
            }
        )
        rows["Metadata_Role"] = assign_roles(rows, rules())
        controls = rows["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)
        rows["Metadata_MoA"] = rows["Metadata_MoA"].astype("object").mask(controls, None)
        return CropTable(self._path.name, rows[list(METADATA)], by_cell, {}, self._origin)

    def _cells(self, name: str) -> tuple[list[str], list[int], dict[tuple[str, int], int]]:
        fields: list[str] = []
        sites: list[int] = []
        by_cell: dict[tuple[str, int], int] = {}
        for row, value in enumerate(self._text[name]):
            # a path may stand before the name; where files lie is no part of what they are
            stem = value.replace("\\", "/").rpartition("/")[2].removesuffix(".npy")
            try:
                field, cell = parse_crop(stem)
                parsed = parse_field(field)
            except InputError as error:
                self._fault(row, name, value, error.what, error.mend or "")
                continue
            first = by_cell.setdefault((unique_id(field), cell), row)
            if first != row:
                mend = f"line {self._lines[first]} has it; remove one of the rows"
                self._fault(row, name, value, "the cell is there twice", mend)
            fields.append(field)
            sites.append(parsed.site)
        return fields, sites, by_cell

    def _places(self, columns: list[str]) -> tuple[list[str], list[str]]:
        """Plates and wells, from two columns or from one that has `<plate>_<well>`."""
        if len(columns) == 2:
            plates, wells = (self._text[column].str.strip().tolist() for column in columns)
            return plates, wells
        parts = [value.strip().rpartition("_") for value in self._text[columns[0]]]
        return [part[0] for part in parts], [part[2] for part in parts]

    def _converted(
        self,
        values: list[str] | pd.Series,
        read: Callable[[str], Value | None],
        column: str,
        what: str,
    ) -> list[Value]:
        known = {text: read(text) for text in set(values)}
        for row, text in enumerate(values):
            if known[text] is None:
                self._fault(row, column, self._text[column].iloc[row], what, "")
        return [value for text in values if (value := known[text]) is not None]

    def _fault(self, row: int, column: str, value: str, what: str, mend: str) -> None:
        self._faults.append(Fault(what, str(self._path), self._lines[row], column, value, mend))


def _well(text: str) -> str | None:
    try:
        return canonical_well(text)
    except InputError:
        return None


def _dose(text: str) -> float | None:
    value = number(text)
    return None if value is None else concentration_key(value)


def _replicates(text: pd.DataFrame) -> pd.Series:
    if _REPLICATE not in text:
        return pd.Series(pd.NA, index=text.index, dtype="Int64")
    given = [value.strip() for value in text[_REPLICATE]]
    read = [int(value) if value.isdecimal() else None for value in given]
    return pd.Series(read, index=text.index, dtype="Int64")
