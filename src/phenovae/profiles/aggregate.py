"""Averaging over explicit levels: cells to sites, wells, treatments; every member weighs alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix

from phenovae.base.errors import InputError
from phenovae.profiles.features import Matrix
from phenovae.profiles.levels import KEYS, TREATMENT, WELL, Level
from phenovae.screen.sites import concentration_key

Average = Literal["mean", "median", "trimmed"]
Codes = npt.NDArray[np.int64]

COUNT = "Profile_Cells"
TRIM = 0.1

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
    the rows at either end, feature by feature. The metadata of a group are those that its rows
    share, and Profile_Cells, the cells behind it; at the level of treatments also Batches and
    Plates (frozensets) and Profile_Wells. Raises InputError where a well holds two treatments or a
    treatment has two mechanisms.
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
    codes = keyed.groupby(keys, sort=True, observed=True).ngroup().to_numpy().astype(np.int64)
    count = int(codes.max()) + 1 if len(codes) else 0
    _check_one_treatment(keyed, codes, level)
    first = np.full(count, len(keyed), np.int64)
    np.minimum.at(first, codes, np.arange(len(keyed)))
    lost = [name for name in _LOST[level] if name in keyed and name not in keys]
    rows = keyed.iloc[first].drop(columns=lost).reset_index(drop=True)
    # Groups are few, and categories would refuse a name that is not among their own.
    rows = rows.astype(dict.fromkeys(rows.columns[rows.dtypes == "category"], object))
    rows[COUNT] = np.bincount(codes, weights=keyed[COUNT].to_numpy(float), minlength=count).astype(
        np.int64
    )
    if level == "treatment":
        for sets, name in (("Batches", "Metadata_Batch"), ("Plates", "Metadata_Plate")):
            if sets in keyed or name in keyed:
                found = _sets(keyed[sets if sets in keyed else name], codes, count)
                rows[sets] = pd.Series(found, dtype=object)
        rows["Profile_Wells"] = _wells(keyed, codes, count)
    known = [*keys, *(name for name in rows.columns if name not in keys)]
    return Grouping(codes, rows[known])


def averages(values: Matrix, groups: Grouping, average: Average, trim: float = TRIM) -> Matrix:
    """Averages (groups, features) of rows of features by their group."""
    count = len(groups)
    if average == "mean":
        means: Matrix = sums([(0, values)], groups) / _sizes(groups)[:, None]
        return means
    if not count:
        return np.zeros((0, values.shape[1]))
    order = np.argsort(groups.codes, kind="stable")
    sizes = _sizes(groups)
    pieces = np.split(values[order], np.cumsum(sizes)[:-1])
    if average == "median":
        found = [np.median(piece, axis=0) for piece in pieces]
    else:
        found = [_trimmed(piece, trim) for piece in pieces]
    return np.array(found).reshape(count, values.shape[1])


def sums(blocks: Iterable[tuple[int, Matrix]], groups: Grouping) -> Matrix:
    """Sums (groups, features) of blocks of rows, each with the number of its first row."""
    total: Matrix | None = None
    for start, values in blocks:
        codes = groups.codes[start : start + len(values)]
        ones = np.ones(len(codes))
        places = csr_matrix((ones, (codes, np.arange(len(codes)))), shape=(len(groups), len(codes)))
        part: Matrix = places @ values
        total = part if total is None else total + part
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


def _sets(column: pd.Series, codes: Codes, count: int) -> list[frozenset[str]]:
    pairs = pd.DataFrame({"code": codes, "name": column.to_numpy()}).drop_duplicates()
    found: list[set[str]] = [set() for _ in range(count)]
    for code, name in zip(pairs["code"], pairs["name"], strict=True):
        found[code] |= name if isinstance(name, frozenset) else {str(name)}
    return [frozenset(each) for each in found]


def _wells(keyed: pd.DataFrame, codes: Codes, count: int) -> Codes:
    if "Metadata_Well" not in keyed:
        return np.zeros(count, np.int64)
    wells = keyed.groupby(list(WELL), observed=True).ngroup().to_numpy()
    pairs = np.unique(np.column_stack([codes, wells]), axis=0)
    return np.bincount(pairs[:, 0], minlength=count).astype(np.int64)


def _check_one_treatment(keyed: pd.DataFrame, codes: Codes, level: Level) -> None:
    told = ["Metadata_MoA"] if level in ("treatment", "plate") else [*TREATMENT, "Metadata_Role"]
    kinds = keyed[told].assign(code=codes).drop_duplicates()
    mixed = kinds.loc[kinds.duplicated("code"), "code"]
    if len(mixed):
        first = keyed.iloc[int(np.flatnonzero(codes == mixed.iloc[0])[0])]
        where = ", ".join(f"{name.removeprefix('Metadata_')} {first[name]}" for name in KEYS[level])
        what = "two mechanisms" if "Metadata_MoA" in told else "two treatments"
        raise InputError(f"{where} has {what}", mend="correct the metadata of its cells")
