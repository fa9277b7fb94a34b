"""The official tables of BBBC021 as one sites table, every fault told at once.

`BBBC021_v1_image.csv` has a row for each field of view with its three files, plate, well, compound
and concentration (µM); `BBBC021_v1_moa.csv` has the known mechanism of 103 treatments, and a row
for DMSO, which is none.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from phenovae.base.errors import Fault, FaultsError, InputError
from phenovae.screen.bbbc021.knowledge import facts
from phenovae.screen.bbbc021.names import parse_field
from phenovae.screen.roles import assign_roles
from phenovae.screen.sites import METADATA, Role, concentration_key
from phenovae.screen.wells import canonical_well

_PLATE = "Image_Metadata_Plate_DAPI"
_WELL = "Image_Metadata_Well_DAPI"
_COMPOUND = "Image_Metadata_Compound"
_DOSE = "Image_Metadata_Concentration"
_PLATE_NAME = re.compile(r"(Week\d+)_\d{5}")
_WELL_KEY = ["Metadata_Plate", "Metadata_Well"]
_MOA_COLUMNS = ("compound", "concentration", "moa")


def file_columns() -> dict[str, tuple[str, str]]:
    """For each channel, the columns of its file name and of its folder."""
    return {name: (f"Image_FileName_{name}", f"Image_PathName_{name}") for name in facts().channels}


def is_image_table(path: Path) -> bool:
    """Whether a CSV is the official image table, with no row for single cells."""
    header, _ = read_rows(path, limit=0)
    return "Image_FileName_DAPI" in header and "Single_Cell_Image_Name" not in header


def read_rows(path: Path, limit: int | None = None) -> tuple[list[str], list[dict[str, str]]]:
    """Header and rows of a CSV, plain or gzip, as text. Raises InputError where unreadable."""
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"there is no table {path.name}", where=path) from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path.name} cannot be unpacked or read: {error}", where=path, mend="fetch it anew"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name} is not UTF-8 text: {error}", where=path, mend="save it as UTF-8"
        ) from error
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="", restkey="")
    header = list(reader.fieldnames or [])
    if not header:
        raise InputError(f"{path.name} is empty", where=path, mend="fetch it anew")
    if limit == 0:
        return header, []
    return header, list(reader)


def read_sites(images: Path, moa: Path | None) -> pd.DataFrame:
    """The sites table of the official tables: one row a field of view, as `SITES` declares.

    Raises FaultsError with all faults of both tables at once: file, line, column, value, mend.
    """
    faults: list[Fault] = []
    sites = _read_images(images, faults)
    mechanisms = _read_mechanisms(moa, faults) if moa is not None else {}
    if not faults:
        keys = list(zip(sites["Metadata_Compound"], sites["Metadata_Concentration"], strict=True))
        sites["Metadata_Role"] = assign_roles(sites, facts().roles)
        controls = sites["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)
        known = pd.Series([mechanisms.get(key) for key in keys], dtype="object")
        sites["Metadata_MoA"] = known.mask(controls.to_numpy(), None)
        missing = sorted(set(mechanisms) - set(keys))
        faults += [
            Fault(
                "a treatment of the mechanism table is on no plate",
                str(moa),
                column="compound, concentration",
                value=f"{compound}, {dose:g}",
                mend="check name and dose against the image table",
            )
            for compound, dose in missing
        ]
    if faults:
        raise FaultsError("the official tables are damaged", faults)
    return sites[[*METADATA, *(f"File_{name}" for name in file_columns())]]


def _missing(header: list[str], wanted: list[str], path: Path) -> list[Fault]:
    return [
        Fault("a column is missing", str(path), 1, name, mend="restore the official header")
        for name in wanted
        if name not in header
    ]


def _read_images(path: Path, faults: list[Fault]) -> pd.DataFrame:
    columns = file_columns()
    header, rows = read_rows(path)
    wanted = [name for pair in columns.values() for name in pair]
    lacking = _missing(header, [*wanted, _PLATE, _WELL, "Replicate", _COMPOUND, _DOSE], path)
    if lacking:
        raise FaultsError("the official tables are damaged", lacking)
    if not rows:
        raise InputError(f"{path.name} has no rows", where=path, mend="fetch it anew")

    def at(line: int, column: str, value: str, what: str, mend: str) -> None:
        faults.append(Fault(what, str(path), line, column, value, mend))

    records = [_site(row, line, columns, at) for line, row in enumerate(rows, start=2)]
    sites = pd.DataFrame([record for record in records if record is not None])
    if not faults:
        _check_unique(sites, path, faults)
    return sites


def _site(
    row: dict[str, str],
    line: int,
    columns: dict[str, tuple[str, str]],
    at: Callable[[int, str, str, str, str], None],
) -> dict[str, object] | None:
    plate = row[_PLATE].strip()
    batch = batch_of_plate(plate)
    if batch is None:
        at(line, _PLATE, plate, "the plate is not known", "plates are named WeekN_NNNNN")
        return None
    try:
        well = canonical_well(row[_WELL])
    except InputError as error:
        at(line, _WELL, row[_WELL], error.what, error.mend or "")
        return None
    dose = number(row[_DOSE])
    if dose is None:
        at(line, _DOSE, row[_DOSE], "the concentration is no number", "write it in µM, as in 0.3")
        return None
    if not row[_COMPOUND].strip():
        at(line, _COMPOUND, "", "the compound is missing", "name it, or write DMSO")
        return None
    record: dict[str, object] = {
        "Metadata_Plate": plate,
        "Metadata_Well": well,
        "Metadata_Replicate": int(row["Replicate"]) if row["Replicate"].strip().isdigit() else None,
        "Metadata_Batch": batch,
        "Metadata_Compound": row[_COMPOUND].strip(),
        "Metadata_Concentration": concentration_key(dose),
        "Line": line,
    }
    tags = facts().channels
    for channel, (name_column, folder_column) in columns.items():
        name, folder = row[name_column].strip(), row[folder_column].strip()
        stem = name.rpartition(".")[0]
        try:
            parsed = parse_field(stem)
        except InputError as error:
            at(line, name_column, name, error.what, error.mend or "")
            return None
        if parsed.well != well or parsed.tag != tags[channel]:
            at(
                line, name_column, name,
                f"the file name does not carry well {well} and channel w{tags[channel]}",
                "correct the well or the file",
            )  # fmt: skip
            return None
        if folder.rpartition("/")[2] != plate:
            at(line, folder_column, folder, f"the folder is not of plate {plate}", "correct one")
            return None
        record[f"File_{channel}"] = f"{folder}/{name}"
        if channel == next(iter(columns)):
            record["Metadata_Site"] = parsed.site
            record["Metadata_Field"] = stem
        elif parsed.site != record["Metadata_Site"]:
            at(line, name_column, name, "the channels are of different sites", "correct the file")
            return None
    return record


def batch_of_plate(plate: str) -> str | None:
    """The batch of a plate, the week in its name; None where the name is not of this screen."""
    match = _PLATE_NAME.fullmatch(plate)
    return match[1] if match else None


def number(text: str) -> float | None:
    """A concentration in a table: finite and not negative, else None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _check_unique(sites: pd.DataFrame, path: Path, faults: list[Fault]) -> None:
    for columns, what in (
        (["Metadata_Plate", "Metadata_Well", "Metadata_Site"], "the site is there twice"),
        (["Metadata_Field"], "the file is there twice"),
    ):
        for _, row in sites.loc[sites.duplicated(columns)].iterrows():
            value = " ".join(str(row[column]) for column in columns)
            at = int(row["Line"])
            faults.append(
                Fault(what, str(path), at, ", ".join(columns), value, "remove one of the rows")
            )
    well, treatment = _WELL_KEY, ["Metadata_Compound", "Metadata_Concentration"]
    kinds = sites.drop_duplicates([*well, *treatment])
    for _, row in kinds.loc[kinds.duplicated(well)].iterrows():
        where = f"{row['Metadata_Plate']} {row['Metadata_Well']}"
        mend = "correct the rows of the well"
        what = "a well holds two treatments"
        faults.append(Fault(what, str(path), int(row["Line"]), _COMPOUND, where, mend))


def _read_mechanisms(path: Path, faults: list[Fault]) -> dict[tuple[str, float], str]:
    header, rows = read_rows(path)
    lacking = _missing(header, list(_MOA_COLUMNS), path)
    if lacking:
        faults += lacking
        return {}
    controls = facts().roles.negative_controls
    known: dict[tuple[str, float], str] = {}
    for line, row in enumerate(rows, start=2):
        compound, text, mechanism = (row[name].strip() for name in _MOA_COLUMNS)
        dose = number(text)
        if dose is None:
            what, mend = "the concentration is no number", "write it in µM, as in 0.3"
            faults.append(Fault(what, str(path), line, "concentration", text, mend))
            continue
        if compound in controls:
            continue
        key = (compound, concentration_key(dose))
        if known.setdefault(key, mechanism) != mechanism:
            what, mend = "a treatment has two mechanisms", f"it has {known[key]!r} above"
            value = f"{compound} {dose:g}: {mechanism}"
            faults.append(Fault(what, str(path), line, "moa", value, mend))
    return known
