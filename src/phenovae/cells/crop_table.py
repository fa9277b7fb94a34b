"""What is known of each single-cell crop, from whichever table the user has.

Three forms: the single-cell table (`Single_Cell_Image_Name`, ...), the origin's feature table
(`single_img_name`, `plate_well`, ...), and the official image table, a row a field. Rows are found
by the unique id in the DAPI file's name and the cell's number, never by their order.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from phenovae.base.errors import Fault, FaultsError, InputError
from phenovae.screen.bbbc021.knowledge import rules
from phenovae.screen.bbbc021.names import parse_crop, parse_field, unique_id
from phenovae.screen.bbbc021.tables import batch_of_plate, is_image_table, number, read_sites
from phenovae.screen.roles import assign_roles
from phenovae.screen.sites import METADATA, Role, concentration_key
from phenovae.screen.wells import canonical_well

NAME_COLUMNS = ("Single_Cell_Image_Name", "single_img_name")
_PLATE = "Image_Metadata_Plate_DAPI"
_WELL = "Image_Metadata_Well_DAPI"
_COMPOUND = "Image_Metadata_Compound"
_DOSE = "Image_Metadata_Concentration"
_MECHANISM = "moa"
_KEPT_COLUMNS = 64

Value = TypeVar("Value", str, float)


@dataclass(frozen=True)
class CropTable:
    """Metadata by cell, or by field where the table has no cells.

    `rows` has `METADATA` columns. `by_cell` and `by_field` give the row of a key; `origin` is the
    user's table as text, kept so that it can be given back.
    """

    source: str
    rows: pd.DataFrame
    by_cell: Mapping[tuple[str, int], int]
    by_field: Mapping[str, int]
    origin: pd.DataFrame | None

    def row_of(self, key: tuple[str, int]) -> int | None:
        """The row that describes a cell, or None."""
        return self.by_cell.get(key) if self.by_cell else self.by_field.get(key[0])


def read_crop_table(path: Path, moa: Path | None) -> CropTable:
    """Read the table that describes the crops, in any of its three forms.

    Raises InputError or FaultsError where it is none of them or is damaged.
    """
    if is_image_table(path):
        sites = read_sites(path, moa)
        fields = {unique_id(field): row for row, field in enumerate(sites["Metadata_Field"])}
        return CropTable(path.name, sites[list(METADATA)], {}, fields, None)
    text = _read_text(path)
    name = next((column for column in NAME_COLUMNS if column in text), None)
    wanted = [_PLATE, _WELL, _COMPOUND, _DOSE, _MECHANISM]
    missing = [column for column in wanted if column not in text]
    if name is None or missing:
        lacking = ", ".join(([] if name else [" or ".join(NAME_COLUMNS)]) + missing)
        raise InputError(
            f"{path.name} lacks columns: {lacking}",
            where=path,
            mend="give a single-cell table, or BBBC021_v1_image.csv with BBBC021_v1_moa.csv",
        )
    return _from_cells(path, text, name)


def _read_text(path: Path) -> pd.DataFrame:
    try:
        header = pd.read_csv(path, nrows=0, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        columns = list(header.columns)
        wide = len(columns) > _KEPT_COLUMNS
        known = {*NAME_COLUMNS, _PLATE, _WELL, _COMPOUND, _DOSE, _MECHANISM, "Replicate"}
        used = [column for column in columns if column in known] if wide else columns
        return pd.read_csv(
            path, dtype=str, keep_default_na=False, usecols=used, encoding="utf-8-sig"
        )
    except FileNotFoundError as error:
        raise InputError(f"there is no table {path.name}", where=path) from error
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read: {error}", where=path) from error


def _from_cells(path: Path, text: pd.DataFrame, name: str) -> CropTable:
    faults: list[Fault] = []
    keys: list[tuple[str, int] | None] = []
    sites: list[int] = []
    fields: list[str] = []
    for line, value in enumerate(text[name], start=2):
        try:
            field, cell = parse_crop(value.removesuffix(".npy"))
            parsed = parse_field(field)
        except InputError as error:
            faults.append(Fault(error.what, str(path), line, name, value, error.mend or ""))
            continue
        keys.append((unique_id(field), cell))
        fields.append(field)
        sites.append(parsed.site)
    wells = _converted(path, text[_WELL], _well, faults, "the well has no readable name")
    doses = _converted(path, text[_DOSE], _dose, faults, "the concentration is no number")
    batches = _converted(path, text[_PLATE], batch_of_plate, faults, "the plate is not known")
    if faults:
        raise FaultsError(f"{path.name} is damaged", faults)
    by_cell = {key: row for row, key in enumerate(keys) if key is not None}
    if len(by_cell) != len(text):
        again = text.loc[pd.Series(keys).duplicated().to_numpy(), name]
        raise FaultsError(
            f"{path.name} has cells twice",
            [
                Fault("the cell is there twice", str(path), int(row) + 2, name, value)
                for row, value in zip(again.index.to_numpy(), again, strict=True)
            ],
        )
    rows = pd.DataFrame(
        {
            "Metadata_Plate": text[_PLATE],
            "Metadata_Well": wells,
            "Metadata_Replicate": _replicates(text),
            "Metadata_Batch": batches,
            "Metadata_Compound": text[_COMPOUND],
            "Metadata_Concentration": doses,
            "Metadata_MoA": text[_MECHANISM].where(text[_MECHANISM] != "", None).astype("object"),
            "Metadata_Role": "",
            "Metadata_Site": sites,
            "Metadata_Field": fields,
        }
    )
    rows["Metadata_Role"] = assign_roles(rows, rules())
    controls = rows["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)
    rows["Metadata_MoA"] = rows["Metadata_MoA"].mask(controls, None)
    return CropTable(path.name, rows[list(METADATA)], by_cell, {}, text)


def _converted(
    path: Path,
    column: pd.Series,
    read: Callable[[str], Value | None],
    faults: list[Fault],
    what: str,
) -> list[Value]:
    known = {text: read(text) for text in column.unique()}
    bad = {text for text, value in known.items() if value is None}
    faults += [
        Fault(what, str(path), line, str(column.name), text)
        for line, text in enumerate(column, start=2)
        if text in bad
    ]
    return [value for text in column if (value := known[text]) is not None]


def _well(text: str) -> str | None:
    try:
        return canonical_well(text)
    except InputError:
        return None


def _dose(text: str) -> float | None:
    value = number(text)
    return None if value is None else concentration_key(value)


def _replicates(text: pd.DataFrame) -> pd.Series:
    if "Replicate" not in text:
        return pd.Series(pd.NA, index=text.index, dtype="Int64")
    return pd.to_numeric(text["Replicate"], errors="coerce").astype("Int64")


def write_origin(table: pd.DataFrame, path: Path) -> None:
    """Write a table of text as CSV, quoting no more than needed."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["" if str(c).startswith("Unnamed: ") else c for c in table.columns])
        writer.writerows(table.itertuples(index=False, name=None))
