"""Averaging over explicit levels: cells to sites, wells, treatments; every member weighs alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.profiles.features import Matrix
from phenovae.profiles.levels import KEYS, WELL, Level
from phenovae.profiles.moments import grouped_sums
from phenovae.profiles.places import Codes
from phenovae.screen.sites import concentration_key

Average = Literal["mean", "median", "trimmed"]

COUNT = "Profile_Cells"
WELLS = "Profile_Wells"
TRIM = 0.1

_ONE_WELL = {
    "Metadata_Compound": "treatments",
    "Metadata_Concentration": "treatments",
    "Metadata_Role": "treatments",
    "Metadata_MoA": "mechanisms",
    "Metadata_Batch": "batches",
}

# What the rows of a group do not share, and a group therefore has not.
_LOST: dict[Level, tuple[str, ...]] = {
    "cell": (),
    "site": ("Metadata_Cell", "Metadata_File"),
    "well": ("Metadata_Cell", "Metadata_File", "Metadata_Site", "Metadata_Field"),
    "plate": (
        "Metadata_Cell", "Metadata_File", "Metadata_Site", "Metadata_Field", "Metadata_Well",
    ),
    "treatment": (
        "Metadata_Cell", "Metadata_File", "Metadata_Site", "Metadata_Field", *WELL,
        "Metadata_Replicate", "Metadata_Batch",
    ),
}  # fmt: skip

# What the rows of a group must share, and what a group has two of where they do not.
_SHARED: dict[Level, Mapping[str, str]] = {
    "cell": {},
    "site": _ONE_WELL,
    "well": _ONE_WELL,
    "plate": {"Metadata_MoA": "mechanisms", "Metadata_Batch": "batches"},
    "treatment": {"Metadata_MoA": "mechanisms"},
}


@dataclass(frozen=True)
class Grouping:
    """Which group each row is of, and what is known of the groups, sorted by their keys."""

    codes: Codes
    rows: pd.DataFrame

    def __len__(self) -> int:
        return len(self.rows)


def aggregate(
    metadata: pd.DataFrame, values: Matrix, level: Level, average: Average, trim: float = TRIM
) -> tuple[pd.DataFrame, Matrix]:
    """Average rows into the groups of a level, sorted by their keys.

    Each row weighs alike, whatever it is an average of; `trimmed` leaves out the share `trim` of
    the rows at either end, feature by feature. Means commute with linear transforms, but for
    rounding; medians and trimmed means do not, so there the order of a recipe decides. The
    metadata of a group are those that its rows share, and Profile_Cells, the cells behind it; from
    plates on also Profile_Wells, and for treatments Batches and Plates (frozensets). Rows of one
    treatment that differ in their role are groups of their own. Raises InputError where a key is
    not known, a well holds two treatments, or a treatment has two mechanisms.
    """
    if level == "cell":
        return _counted(metadata), values
    groups = group(metadata, level)
    return groups.rows, averages(values, groups, average, trim)


def group(metadata: pd.DataFrame, level: Level) -> Grouping:
    """Sort rows into the groups of a level. Raises as `aggregate` does."""
    keyed = _counted(metadata)
    keyed["Metadata_Concentration"] = _rounded(keyed["Metadata_Concentration"])
    keys = list(KEYS[level])
    codes = _codes(keyed, level, keys)
    count = int(codes.max()) + 1 if len(codes) else 0
    first = np.full(count, len(keyed), np.int64)
    np.minimum.at(first, codes, np.arange(len(keyed)))
    lost = _unshared(keyed, codes, first, level)
    rows = keyed.drop(columns=lost).iloc[first].reset_index(drop=True)
    for name in rows.columns[[isinstance(each, pd.CategoricalDtype) for each in rows.dtypes]]:
        rows[name] = rows[name].astype(rows[name].cat.categories.dtype)
    for name in (COUNT, *([WELLS] if WELLS in keyed else [])):
        total = np.bincount(codes, weights=keyed[name].to_numpy(float), minlength=count)
        rows[name] = total.astype(np.int64)
    if level == "treatment":
        for sets, name in (("Batches", "Metadata_Batch"), ("Plates", "Metadata_Plate")):
            if sets in keyed or name in keyed:
                found = _sets(keyed[sets if sets in keyed else name], codes, count)
                rows[sets] = pd.Series(found, dtype=object)
    if level in ("plate", "treatment") and WELLS not in keyed:
        rows[WELLS] = _wells(keyed, codes, count)
    known = [*keys, *(name for name in rows.columns if name not in keys)]
    return Grouping(codes, rows[known])


def averages(values: Matrix, groups: Grouping, average: Average, trim: float = TRIM) -> Matrix:
    """Averages (groups, features) of rows of features by their group."""
    if average == "mean":
        means: Matrix = sums([(0, values)], groups) / _sizes(groups)[:, None]
        return means
    order = np.argsort(groups.codes, kind="stable")
    ends = np.cumsum(_sizes(groups))
    found = np.zeros((len(groups), values.shape[1]))
    for number, rows in enumerate(np.split(order, ends[:-1]) if len(ends) else []):
        own = values[rows]
        found[number] = np.median(own, axis=0) if average == "median" else _trimmed(own, trim)
    return found


def sums(blocks: Iterable[tuple[int, Matrix]], groups: Grouping) -> Matrix:
    """Sums (groups, features) of blocks of rows, each with the number of its first row."""
    total: Matrix | None = None
    for start, values in blocks:
        codes = groups.codes[start : start + len(values)]
        if total is None:
            total = np.zeros((len(groups), values.shape[1]))
        present, own = np.unique(codes, return_inverse=True)
        total[present] += grouped_sums(values, own.reshape(-1), len(present))
    return total if total is not None else np.zeros((len(groups), 0))


def _sizes(groups: Grouping) -> Codes:
    return np.bincount(groups.codes, minlength=len(groups)).astype(np.int64)


def _trimmed(piece: Matrix, trim: float) -> npt.NDArray[np.float64]:
    left_out = int(trim * len(piece))
    inner: npt.NDArray[np.float64] = np.sort(piece, axis=0)[left_out : len(piece) - left_out].mean(
        axis=0
    )
    return inner


def _counted(metadata: pd.DataFrame) -> pd.DataFrame:
    keyed = metadata.reset_index(drop=True)
    return keyed.assign(**{COUNT: 1}) if COUNT not in keyed else keyed.copy(deep=False)


def _rounded(concentrations: pd.Series) -> pd.Series:
    known = {each: concentration_key(float(each)) for each in concentrations.unique()}
    return concentrations.map(known)


def _codes(keyed: pd.DataFrame, level: Level, keys: list[str]) -> Codes:
    """The number of each row's group. Rows of one treatment but other roles are kept apart."""
    by = [_sortable(keyed[name]) for name in keys]
    for name in keys:
        unknown = int(keyed[name].isna().sum())
        if unknown:
            raise InputError(
                f"{unknown} of {len(keyed)} rows have no {name.removeprefix('Metadata_')}, by "
                f"which they are averaged to {level}s",
                mend="name it, or leave these rows out",
            )
    if level in ("plate", "treatment"):
        by.append(_sortable(keyed["Metadata_Role"]))
    return keyed.groupby(by, sort=True, observed=True).ngroup().to_numpy().astype(np.int64)


def _sortable(column: pd.Series) -> pd.Series:
    """A column that sorts by its values, also where it is categorical."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.set_categories(column.cat.categories.sort_values())
    return column


def _unshared(keyed: pd.DataFrame, codes: Codes, first: Codes, level: Level) -> list[str]:
    """Columns whose values rows of a group do not share.

    Raises InputError where they must share them.
    """
    told = [COUNT, WELLS, "Batches", "Plates"]
    lost = []
    for name in keyed.columns:
        if name in KEYS[level] or name in told:
            continue
        if name in _LOST[level]:
            lost.append(name)
            continue
        values = pd.factorize(keyed[name])[0]
        other = np.flatnonzero(values != values[first][codes])
        if not len(other):
            continue
        if name in _SHARED[level]:
            row = keyed.iloc[int(other[0])]
            where = ", ".join(f"{key.removeprefix('Metadata_')} {row[key]}" for key in KEYS[level])
            raise InputError(
                f"{where} has two {_SHARED[level][name]}",
                mend="correct the metadata of its cells",
            )
        lost.append(name)
    return lost


def _sets(column: pd.Series, codes: Codes, count: int) -> list[frozenset[str]]:
    numbers, names = pd.factorize(column)
    most = len(names) + 1
    found: list[set[str]] = [set() for _ in range(count)]
    for pair in np.unique(codes * most + numbers).tolist():
        name = names[pair % most]
        found[pair // most] |= name if isinstance(name, frozenset) else {str(name)}
    return [frozenset(each) for each in found]


def _wells(keyed: pd.DataFrame, codes: Codes, count: int) -> Codes:
    if "Metadata_Well" not in keyed:
        return np.zeros(count, np.int64)
    wells = keyed.groupby(list(WELL), observed=True).ngroup().to_numpy().astype(np.int64)
    most = int(wells.max()) + 1 if len(wells) else 1
    pairs = np.unique(codes * most + wells)
    return np.bincount(pairs // most, minlength=count).astype(np.int64)
