"""A table that the owner of single-cell files gives: a row a file, found by its name."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from phenovae.base.errors import Fault, FaultsError, InputError
from phenovae.cells.records import read_header, read_records
from phenovae.cells.refusals import Refusal
from phenovae.screen.sites import Role

logger = logging.getLogger(__name__)

FILE = "Metadata_File"
STAGE = "embed"
_PREFIX = "Metadata_"
_NEEDED = ("Metadata_Plate", "Metadata_Batch", "Metadata_Role")
_WIDEST = 64


def is_own_table(path: Path) -> bool:
    """Whether a table names files in `Metadata_File`. Raises InputError where it cannot be read."""
    return FILE in read_header(path)


def read_own_table(path: Path) -> pd.DataFrame:
    """The `Metadata_` columns of a table, as text. Raises InputError or FaultsError."""
    names = [name for name in read_header(path) if name.startswith(_PREFIX)]
    records = read_records(path, names, _WIDEST)
    table = records.cells[list(dict.fromkeys(names))]
    keys = table[FILE].str.strip().str.replace("\\", "/", regex=False)
    faults = [
        Fault("no file is named", str(path), records.lines[row], FILE)
        for row in np.flatnonzero(keys == "").tolist()
    ]
    faults += [
        Fault(
            "the file is there twice",
            str(path),
            records.lines[row],
            FILE,
            keys.iloc[row],
            "remove one of the rows",
        )
        for row in np.flatnonzero((keys.duplicated() & (keys != "")).to_numpy()).tolist()
    ]
    if "Metadata_Plate" in table:
        faults += [
            Fault("no plate is named", str(path), records.lines[row], "Metadata_Plate")
            for row in np.flatnonzero(table["Metadata_Plate"].str.strip() == "").tolist()
        ]
    if "Metadata_Role" in table:
        known = [str(role) for role in Role]
        faults += [
            Fault(
                "the role is none that is known",
                str(path),
                records.lines[row],
                "Metadata_Role",
                str(table["Metadata_Role"].iloc[row]),
                ", ".join(known),
            )
            for row in np.flatnonzero(~table["Metadata_Role"].isin(["", *known])).tolist()
        ]
    if faults:
        raise FaultsError(f"{path.name} is damaged", faults)
    if table.empty:
        raise InputError(f"{path.name} has no rows", where=path)
    return table.assign(**{FILE: keys})


def described(
    names: list[str], given: pd.DataFrame | None, table: Path | None, refused: list[Refusal]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A row for every file that is used, and the columns that the table gave."""
    if given is None:
        return _with_needed(pd.DataFrame({FILE: names})), ()
    columns = tuple(name for name in given.columns if name != FILE)
    rows = {str(name): row for row, name in enumerate(given[FILE])}
    short = Counter(name.rpartition("/")[2] for name in names)
    kept: list[str] = []
    found: list[int] = []
    for name in names:
        last = name.rpartition("/")[2]
        row = rows.get(name)
        if row is None and short[last] == 1:
            row = rows.get(last)
        if row is None:
            refused.append(Refusal(STAGE, name, "no row for its name in the table"))
        else:
            kept.append(name)
            found.append(row)
    if not kept:
        raise InputError(
            f"none of {len(names):,} files is named in {FILE}; the first file is {names[0]}, the "
            f"first row {given[FILE].iloc[0]}",
            where=table,
            mend="names are relative to the folder of crops, with .npy",
        )
    without = len(given) - len(set(found))
    if without:
        logger.warning("%d rows of the table have no file", without)
    described = given.iloc[found].reset_index(drop=True).assign(**{FILE: kept})
    return _with_needed(described), columns


def _with_needed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with all columns that a view asks for; what is not known is empty."""
    rows = rows.assign(Quality_Flag="")
    for name in _NEEDED:
        if name not in rows:
            rows[name] = str(Role.OTHER) if name == "Metadata_Role" else ""
    return rows
