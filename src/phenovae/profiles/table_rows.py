"""What each row of anybody's table is of, in our words: plate, well, site, treatment, and level."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError, UsageError
from phenovae.profiles.aggregate import COUNT
from phenovae.profiles.columns import Meaning, TableColumns
from phenovae.profiles.levels import LEVELS, Level
from phenovae.profiles.sources import Source
from phenovae.screen.columns import unit_in_name
from phenovae.screen.doses import read_dose
from phenovae.screen.roles import read_role
from phenovae.screen.wells import canonical_well

logger = logging.getLogger(__name__)

_SITE = re.compile(r"(?:s|site|f|field|fov)?[ _-]*0*([0-9]+)(?:\.0+)?", re.IGNORECASE)

PLACES: Mapping[Meaning, str] = {
    "plate": "Metadata_Plate",
    "well": "Metadata_Well",
    "site": "Metadata_Site",
    "field": "Metadata_Field",
}
ABOUT: Mapping[Meaning, str] = {
    "compound": "Metadata_Compound",
    "concentration": "Metadata_Concentration",
    "moa": "Metadata_MoA",
    "role": "Metadata_Role",
    "batch": "Metadata_Batch",
    "replicate": "Metadata_Replicate",
}
KEYS: Mapping[Level, tuple[str, ...]] = {
    "cell": ("Metadata_Plate", "Metadata_Well", "Metadata_Field", "Cell"),
    "site": ("Metadata_Plate", "Metadata_Well", "Metadata_Field"),
    "well": ("Metadata_Plate", "Metadata_Well"),
    "plate": ("Metadata_Plate", "Metadata_Compound", "Metadata_Concentration"),
    "treatment": ("Metadata_Compound", "Metadata_Concentration"),
}
"""What may be there but once at each level."""


def read_rows(source: Source, columns: TableColumns) -> pd.DataFrame:
    """What the table itself says of its rows, canonical, names as categories.

    Columns are those of `PLACES` and `ABOUT` that it has, Profile_Cells where it counts cells,
    and `Cell`, the number of the cell. Raises InputError naming the first value that is none.
    """
    rivals = [name for names in columns.rivals.values() for name in names]
    raw = source.metadata(list(dict.fromkeys([*columns.found.values(), *rivals])))
    rows = pd.DataFrame(index=pd.RangeIndex(len(source)))
    for meaning, name in {**PLACES, **ABOUT}.items():
        column = columns.found.get(meaning)
        if column is None:
            continue
        for rival in columns.rivals.get(meaning, ()):
            _check_same(raw[column], raw[rival], name, source)
        read, required = _READERS.get(meaning, (str, False))
        if meaning == "concentration":
            read_it = partial(read_dose, unit=unit_in_name(column))
            rows[name] = _numbers(raw[column], source.path, read_it)
        else:
            rows[name] = _names(raw[column], source.path, read, required=required)
    if "Metadata_Field" not in rows:
        field = _field(rows, raw, columns)
        if field is not None:
            rows["Metadata_Field"] = field
    if "cell" in columns.found:
        rows["Cell"] = pd.factorize(raw[columns.found["cell"]])[0]
    if "count" in columns.found:
        counts = _numbers(raw[columns.found["count"]], source.path, _count)
        rows[COUNT] = counts.astype(np.int64)
    return rows


def level_of(rows: pd.DataFrame, asked: Level | None, path: Path) -> Level:
    """What a row of the table is, told by its keys or asked for.

    Raises UsageError where the keys do not tell, or the table lacks those of the level asked for;
    InputError where two rows have the same keys.
    """
    level = asked or _recognised(rows, path)
    needed = [name for name in KEYS[level] if name not in ("Cell", "Metadata_Field")]
    missing = [name for name in needed if name not in rows]
    if missing and level not in ("plate", "treatment"):
        raise UsageError(
            f"a table of {level}s has {' and '.join(needed)}; {', '.join(missing)} is not there",
            where=path,
            mend="name the column: --column well=NAME",
        )
    if level in ("cell", "site") and "Metadata_Field" not in rows:
        if level == "site":
            raise UsageError(
                "a table of sites has a column for the site",
                where=path,
                mend="name the column: --column site=NAME",
            )
        logger.warning("the table names no sites: the cells of a well count as those of one site")
    return level


def check_once(rows: pd.DataFrame, level: Level, path: Path) -> None:
    """Raise InputError where two rows have the same keys, naming the first."""
    keys = [name for name in KEYS[level] if name in rows]
    if level in ("plate", "treatment") and "Metadata_Role" in rows:
        keys.append("Metadata_Role")  # a positive control is no treatment, though of the same dose
    if level == "cell" and "Cell" not in rows:
        return
    twice = rows.duplicated(keys).to_numpy()
    if twice.any():
        first = rows.iloc[int(np.flatnonzero(twice)[0])]
        place = " ".join(str(first[name]) for name in keys)
        raise InputError(
            f"{int(twice.sum())} rows repeat a {level}: {place}",
            where=path,
            mend=f"one row for each {level}, or say what a row is: --level {', '.join(LEVELS)}",
        )


def _recognised(rows: pd.DataFrame, path: Path) -> Level:
    has = {name for name in (*PLACES.values(), *ABOUT.values(), "Cell") if name in rows}
    if {"Metadata_Plate", "Metadata_Well"} <= has:
        if "Cell" in has:
            return "cell"
        keys = ["Metadata_Plate", "Metadata_Well"]
        if "Metadata_Field" in has:
            several = rows.duplicated([*keys, "Metadata_Field"]).any()
            return "cell" if several else "site"
        return "well"
    if "Metadata_Compound" in has:
        return "plate" if "Metadata_Plate" in has else "treatment"
    raise UsageError(
        "no column tells which plate and well, or which compound, a row is of",
        where=path,
        mend="name them: --column plate=NAME --column well=NAME",
    )


def _names(
    column: pd.Series, path: Path, read: Callable[[str], str], *, required: bool
) -> pd.Categorical:
    """A column of names as sorted categories, each read once."""
    codes, known = pd.factorize(column)
    if required and (codes < 0).any():
        raise _at(path, column, int(np.flatnonzero(codes < 0)[0]), "the value is missing", None)
    texts = [_text(value) for value in known]
    made: list[str] = []
    for number, text in enumerate(texts):
        try:
            made.append(read(text))
        except InputError as error:
            row = int(np.flatnonzero(codes == number)[0])
            raise _at(path, column, row, error.what, error.mend) from error
    names = sorted(set(made))
    place = {name: number for number, name in enumerate(names)}
    lookup = np.array([*(place[name] for name in made), -1], dtype=np.int64)
    return pd.Categorical.from_codes(lookup[codes], categories=pd.Index(names, dtype=object))


def _numbers(
    column: pd.Series, path: Path, read: Callable[[str], float]
) -> npt.NDArray[np.float64]:
    codes, known = pd.factorize(column)
    made: list[float] = []
    for number, value in enumerate(known):
        try:
            made.append(read(_text(value)))
        except InputError as error:
            row = int(np.flatnonzero(codes == number)[0])
            raise _at(path, column, row, error.what, error.mend) from error
    found: npt.NDArray[np.float64] = np.array([*made, 0.0], dtype=float)[codes]
    return found


def _check_same(column: pd.Series, other: pd.Series, name: str, source: Source) -> None:
    """Raise InputError where two columns of one meaning differ."""
    one, two = ([_text(value) for value in each.astype(object)] for each in (column, other))
    if one != two:
        first, second = sorted((str(column.name), str(other.name)), key=list(source.columns).index)
        raise InputError(
            f"the columns {first} and {second} both mean {name}, and differ",
            where=source.path,
            mend=f"remove one of them, or say which is meant: --column plate={first}",
        )


def _at(path: Path, column: pd.Series, row: int, what: str, mend: str | None) -> InputError:
    value = column.iloc[row]
    return InputError(
        what, where=f"{path}, column {column.name}, row {row + 1}: {value!r}", mend=mend
    )


def _text(value: object) -> str:
    # A number of a plate may have been read as a float on the way.
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _count(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise InputError("this is no number of cells", mend="write 0, 1, 2, …") from error
    if not (value >= 0 and value.is_integer()):
        raise InputError("this is no number of cells", mend="write 0, 1, 2, …")
    return value


def _site(text: str) -> str:
    match = _SITE.fullmatch(text)
    return match[1] if match is not None else text


def _role(text: str) -> str:
    return str(read_role(text))


_READERS: Mapping[Meaning, tuple[Callable[[str], str], bool]] = {
    "plate": (str, True),
    "well": (canonical_well, True),
    "site": (_site, True),
    "field": (str, True),
    "compound": (str, True),
    "role": (_role, False),
}


def _field(rows: pd.DataFrame, raw: pd.DataFrame, columns: TableColumns) -> pd.Categorical | None:
    """Names of the sites of a table that has none, from numbers of sites or of images."""
    if "Metadata_Well" not in rows or "Metadata_Plate" not in rows:
        return None
    if "Metadata_Site" in rows:
        parts = [rows["Metadata_Site"]]
        mark = "s"
    elif "image" in columns.found:
        named = [columns.found[each] for each in ("table", "image") if each in columns.found]
        parts = [raw[name].map(_text) for name in named]
        mark = "i"
    else:
        return None
    keys = [rows["Metadata_Plate"], rows["Metadata_Well"], *parts]
    groups = pd.DataFrame(dict(enumerate(keys))).groupby(
        list(range(len(keys))), sort=True, observed=True
    )
    codes = groups.ngroup().to_numpy()
    first = np.full(int(codes.max()) + 1 if len(codes) else 0, len(codes))
    np.minimum.at(first, codes, np.arange(len(codes)))
    known = [
        f"{plate}_{well}_{mark}" + "_".join(str(each) for each in rest)
        for plate, well, *rest in zip(*(key.iloc[first] for key in keys), strict=True)
    ]
    return pd.Categorical.from_codes(codes, categories=pd.Index(known, dtype=object))
