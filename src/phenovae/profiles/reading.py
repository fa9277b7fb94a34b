"""Anybody's features: a table of cells, sites, wells or treatments, with columns of any origin.

Names of metadata columns are known in the habits of the field (CellProfiler, cytominer tools, our
own). Numbers that are no metadata are features; nothing is left out unless it is asked for.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from phenovae.base.errors import InputError
from phenovae.profiles.features import is_metadata
from phenovae.profiles.levels import Level
from phenovae.screen.sites import concentration_key
from phenovae.screen.wells import canonical_well

logger = logging.getLogger(__name__)

_NAMES: dict[str, tuple[str, ...]] = {
    "Metadata_Plate": ("metadata_plate", "image_metadata_plate", "metadata_plate_name", "plate"),
    "Metadata_Well": (
        "metadata_well", "image_metadata_well", "metadata_well_position", "well",
    ),
    "Metadata_Site": ("metadata_site", "image_metadata_site", "site"),
    "Metadata_Field": ("metadata_field",),
    "Metadata_Cell": ("metadata_cell", "metadata_objectnumber"),
    "Metadata_Batch": ("metadata_batch", "image_metadata_batch", "batch"),
    "Metadata_Compound": ("metadata_compound", "image_metadata_compound", "compound"),
    "Metadata_Concentration": (
        "metadata_concentration", "image_metadata_concentration", "concentration",
    ),
    "Metadata_MoA": ("metadata_moa", "moa"),
    "Metadata_Role": ("metadata_role", "role"),
}  # fmt: skip
_PLACES = re.compile(
    r"Location|Number|Parent|Children|Center|Orientation|TableNumber", re.IGNORECASE
)
_SHOWN = 6


@dataclass(frozen=True)
class Table:
    """A table as it was read: canonical `Metadata_*` names, and which columns are features."""

    path: Path
    frame: pd.DataFrame
    columns: tuple[str, ...]
    level: Level


def read_features(path: Path, *, level: Level | None = None, drop: Sequence[str] = ()) -> Table:
    """Read a table of features (Parquet, CSV, CSV.gz); `drop` are patterns of names to leave out.

    The level is told from the columns unless it is given: a cell's number, a field or a site, a
    well, else a treatment. Raises InputError where the file is no such table, two columns mean the
    same, or a well's name cannot be read.
    """
    frame = _canonical(_read(path), path)
    for name in ("Metadata_Plate", "Metadata_Compound", "Metadata_Batch"):
        if name in frame:
            frame[name] = frame[name].astype(str)
    if "Metadata_Well" in frame:
        frame["Metadata_Well"] = [_well(str(well), path) for well in frame["Metadata_Well"]]
    if "Metadata_Concentration" in frame:
        doses = pd.to_numeric(frame["Metadata_Concentration"], errors="coerce")
        frame["Metadata_Concentration"] = [concentration_key(float(each)) for each in doses]
    columns = _features(frame, path, drop)
    return Table(path, frame, columns, level or _level(frame, path))


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError("there is no such table of features", where=path)
    name = path.name.lower()
    try:
        if name.endswith(".parquet"):
            found: pd.DataFrame = pq.read_table(path).to_pandas()
            return found
        if name.endswith((".csv", ".csv.gz")):
            return pd.read_csv(path, encoding="utf-8")
    except (OSError, EOFError, ValueError, pa.ArrowException) as error:
        raise InputError(f"the table cannot be read: {error}", where=path) from error
    raise InputError(
        "this is no table of features", where=path, mend="give a .parquet, .csv or .csv.gz file"
    )


def _canonical(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    known = {alias: name for name, aliases in _NAMES.items() for alias in aliases}
    renamed: dict[str, str] = {}
    for column in frame.columns:
        name = known.get(str(column).lower())
        if name is None:
            continue
        if name in renamed.values():
            first = next(old for old, new in renamed.items() if new == name)
            raise InputError(
                f"the columns {first} and {column} both mean {name}", where=path, mend="drop one"
            )
        renamed[str(column)] = name
    return frame.rename(columns=renamed)


def _well(name: str, path: Path) -> str:
    try:
        return canonical_well(name)
    except InputError as error:
        raise InputError(error.what, where=path, mend=error.mend) from error


def _features(frame: pd.DataFrame, path: Path, drop: Sequence[str]) -> tuple[str, ...]:
    try:
        patterns = [re.compile(pattern) for pattern in drop]
    except re.error as error:
        raise InputError(f"a pattern of features to drop is not valid: {error}") from error
    numeric = [str(name) for name in frame.select_dtypes("number").columns]
    found = [
        name
        for name in numeric
        if not is_metadata(name) and not any(pattern.search(name) for pattern in patterns)
    ]
    if not found:
        raise InputError("the table has no feature columns", where=path)
    places = [name for name in found if _PLACES.search(name)]
    if places:
        shown = ", ".join(places[:_SHOWN]) + (", …" if len(places) > _SHOWN else "")
        logger.warning(
            "%d of %d features look like places, numbers or counts and are used all the same: %s",
            len(places),
            len(found),
            shown,
        )
    return tuple(found)


def _level(frame: pd.DataFrame, path: Path) -> Level:
    there = set(frame.columns)
    if "Metadata_Cell" in there:
        return "cell"
    if not {"Metadata_Plate", "Metadata_Well"} <= there:
        if {"Metadata_Compound", "Metadata_Concentration"} <= there:
            return "treatment"
        raise InputError(
            "the table names neither plate and well nor compound and concentration",
            where=path,
            mend="give columns Metadata_Plate and Metadata_Well",
        )
    place = next((name for name in ("Metadata_Field", "Metadata_Site") if name in there), None)
    if place is None:
        level: Level = "well"
        keys = ["Metadata_Plate", "Metadata_Well"]
    else:
        level, keys = "site", ["Metadata_Plate", "Metadata_Well", place]
    twice = frame.duplicated(keys)
    if twice.any():
        first = frame.loc[twice, keys].iloc[0]
        raise InputError(
            f"{int(twice.sum())} rows repeat a {level}: {' '.join(str(each) for each in first)}",
            where=path,
            mend=f"one row for each {level}, or --level cell where rows are cells",
        )
    return level
