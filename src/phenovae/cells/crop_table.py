"""What is known of each single-cell crop, from whichever table the user has.

A table has a row a cell, in either of two forms (plate and well in two columns or in one), or a row
a field. What columns are called, and how fields and plates are, the screen says. Rows are found by
the field's id in that screen and the cell's number, never by their order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from phenovae.base.errors import Fault, FaultsError, InputError
from phenovae.cells.crop_files import parse_crop
from phenovae.cells.records import Origin, Records, read_header, read_records
from phenovae.screen.roles import assign_roles
from phenovae.screen.single_cells import SingleCellScreen
from phenovae.screen.sites import METADATA, Role
from phenovae.screen.wells import canonical_well

_KEPT_COLUMNS = 64

Value = TypeVar("Value", str, float)


@dataclass(frozen=True)
class CropTable:
    """Metadata by cell, or by field where the table has no cells.

    `rows` has `METADATA` columns. `by_cell` and `by_field` give the row of a key; `origin` is the
    user's table as it was written, kept so that it can be given back.
    """

    screen: SingleCellScreen
    source: str
    rows: pd.DataFrame
    by_cell: Mapping[tuple[str, int], int]
    by_field: Mapping[str, int]
    origin: Origin | None

    def key_of(self, field: str, cell: int) -> tuple[str, int]:
        """What identifies a cell in the whole screen: id of the field and number."""
        return self.screen.field_id(field), cell

    def row_of(self, key: tuple[str, int]) -> int | None:
        """The row that describes a cell, or None."""
        return self.by_cell.get(key) if self.by_cell else self.by_field.get(key[0])


def read_crop_table(screen: SingleCellScreen, path: Path, moa: Path | None) -> CropTable:
    """Read the table that describes the crops, in any of its forms.

    `moa` goes with a table of fields; the other forms name the mechanism in their rows. Of a table
    with more than 64 columns, features that is, only the known ones are kept. Raises InputError or
    FaultsError where it is none of them or is damaged.
    """
    header, columns = read_header(path), screen.columns
    name = next((column for column in columns.file if column in header), None)
    sites = screen.sites_of_table(path, moa) if name is None else None
    if sites is not None:
        fields = {screen.field_id(field): row for row, field in enumerate(sites["Metadata_Field"])}
        return CropTable(screen, path.name, sites[list(METADATA)], {}, fields, None)
    in_one = columns.plate_well in header and not {columns.plate, columns.well} <= set(header)
    places = [columns.plate_well] if in_one else [columns.plate, columns.well]
    wanted = [*places, columns.compound, columns.concentration, columns.mechanism]
    missing = [column for column in wanted if column not in header]
    if name is None or missing:
        lacking = ", ".join(([] if name else [" or ".join(columns.file)]) + missing)
        raise InputError(
            f"{path.name} lacks columns: {lacking}", where=path, mend=f"give {screen.tables}"
        )
    records = read_records(path, columns.known, _KEPT_COLUMNS)
    return _Reader(screen, path, records).table(name, places)


class _Reader:
    """Reads the rows of a table of cells, gathering every fault before it tells of any."""

    def __init__(self, screen: SingleCellScreen, path: Path, records: Records) -> None:
        self._screen = screen
        self._path, self._text, self._lines = path, records.cells, records.lines
        self._origin = records.origin
        self._faults: list[Fault] = []

    def table(self, name: str, places: list[str]) -> CropTable:
        if not len(self._text):
            raise InputError(
                f"{self._path.name} has no rows", where=self._path, mend="fetch it anew"
            )
        text, screen, columns = self._text, self._screen, self._screen.columns
        fields, sites, by_cell = self._cells(name)
        plates, wells = self._places(places)
        batches = self._converted(
            plates, screen.batch_of_plate, places[0], "the plate is not known"
        )
        wells = self._converted(wells, _well, places[-1], "the well has no readable name")
        dose, compound, mechanism = columns.concentration, columns.compound, columns.mechanism
        doses = self._converted(
            text[dose], screen.concentration, dose, "the concentration is no number"
        )
        compounds = self._converted(
            text[compound], lambda value: value.strip() or None, compound, "no compound is named"
        )
        if self._faults:
            faults = sorted(self._faults, key=lambda fault: fault.row or 0)
            raise FaultsError(f"{self._path.name} is damaged", faults)
        rows = pd.DataFrame(
            {
                "Metadata_Plate": plates,
                "Metadata_Well": wells,
                "Metadata_Replicate": _replicates(text, columns.replicate),
                "Metadata_Batch": batches,
                "Metadata_Compound": compounds,
                "Metadata_Concentration": doses,
                "Metadata_MoA": text[mechanism].where(text[mechanism] != "", None),
                "Metadata_Role": "",
                "Metadata_Site": sites,
                "Metadata_Field": fields,
            }
        )
        rows["Metadata_Role"] = assign_roles(rows, screen.roles)
        controls = rows["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)
        rows["Metadata_MoA"] = rows["Metadata_MoA"].astype("object").mask(controls, None)
        described = rows[list(METADATA)]
        return CropTable(screen, self._path.name, described, by_cell, {}, self._origin)

    def _cells(self, name: str) -> tuple[list[str], list[int], dict[tuple[str, int], int]]:
        fields: list[str] = []
        sites: list[int] = []
        by_cell: dict[tuple[str, int], int] = {}
        for row, value in enumerate(self._text[name]):
            # a path may stand before the name; where files lie is no part of what they are
            stem = value.replace("\\", "/").rpartition("/")[2].removesuffix(".npy")
            try:
                field, cell = parse_crop(stem)
                site = self._screen.site_of(field)
            except InputError as error:
                self._fault(row, name, value, error.what, error.mend or "")
                continue
            first = by_cell.setdefault((self._screen.field_id(field), cell), row)
            if first != row:
                mend = f"line {self._lines[first]} has it; remove one of the rows"
                self._fault(row, name, value, "the cell is there twice", mend)
            fields.append(field)
            sites.append(site)
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


def _replicates(text: pd.DataFrame, column: str) -> pd.Series:
    if column not in text:
        return pd.Series(pd.NA, index=text.index, dtype="Int64")
    given = [value.strip() for value in text[column]]
    read = [int(value) if value.isdecimal() else None for value in given]
    return pd.Series(read, index=text.index, dtype="Int64")
