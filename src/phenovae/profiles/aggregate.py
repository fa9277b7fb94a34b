"""Averaging over explicit levels: cells to sites, wells, treatments; every member weighs alike."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.profiles.features import Matrix
from phenovae.screen.sites import concentration_key

Level = Literal["cell", "site", "well", "treatment"]
Average = Literal["mean", "median"]

LEVELS: tuple[Level, ...] = ("cell", "site", "well", "treatment")

_WELL = ["Metadata_Plate", "Metadata_Well"]
_KEYS: dict[Level, list[str]] = {
    "cell": [],
    "site": [*_WELL, "Metadata_Field"],
    "well": _WELL,
    "treatment": ["Metadata_Compound", "Metadata_Concentration"],
}
# What the rows of a group do not share, and a group therefore has not.
_LOST: dict[Level, list[str]] = {
    "cell": [],
    "site": ["Metadata_Cell", "Metadata_File"],
    "well": ["Metadata_Cell", "Metadata_File", "Metadata_Site", "Metadata_Field"],
    "treatment": [
        "Metadata_Cell", "Metadata_File", "Metadata_Site", "Metadata_Field", *_WELL,
        "Metadata_Replicate", "Metadata_Batch",
    ],
}  # fmt: skip
COUNT = "Profile_Cells"


def aggregate(
    metadata: pd.DataFrame, values: Matrix, level: Level, average: Average
) -> tuple[pd.DataFrame, Matrix]:
    """Average rows into the groups of a level, sorted by their keys.

    Each row weighs alike, whatever it is an average of. The metadata of a group are those that its
    rows share, and Profile_Cells, the cells behind it; at the level of treatments also Batches, a
    frozenset, and Profile_Wells. Raises InputError where a well holds two treatments or a treatment
    has two mechanisms.
    """
    keyed = metadata.reset_index(drop=True)
    if COUNT not in keyed:
        keyed = keyed.assign(**{COUNT: 1})
    if level == "cell":
        return keyed, values
    keyed = keyed.assign(
        Metadata_Concentration=keyed["Metadata_Concentration"].map(concentration_key)
    )
    _check_one_treatment(keyed, level)
    groups = keyed.groupby(_KEYS[level], sort=True)
    number = groups.ngroup().to_numpy()
    count = int(groups.ngroups)
    rows = groups.first().reset_index()
    rows[COUNT] = groups[COUNT].sum().to_numpy()
    if level == "treatment":
        rows["Batches"] = groups["Metadata_Batch"].agg(frozenset).to_list()
        well = keyed.groupby(_WELL).ngroup()
        rows["Profile_Wells"] = well.groupby(number).nunique().to_numpy()
    rows = rows.drop(columns=_LOST[level], errors="ignore")
    return rows, _averages(values, number, count, average)


def _check_one_treatment(keyed: pd.DataFrame, level: Level) -> None:
    told = [*_KEYS["treatment"], "Metadata_Role"] if level != "treatment" else ["Metadata_MoA"]
    kinds = keyed[[*_KEYS[level], *told]].drop_duplicates()
    mixed = kinds.loc[kinds.duplicated(_KEYS[level])]
    if len(mixed):
        first = mixed.iloc[0]
        where = ", ".join(
            f"{name.removeprefix('Metadata_')} {first[name]}" for name in _KEYS[level]
        )
        what = "two mechanisms" if level == "treatment" else "two treatments"
        raise InputError(f"{where} has {what}", mend="correct the metadata of its cells")


def _averages(values: Matrix, number: np.ndarray, count: int, average: Average) -> Matrix:
    if average == "mean":
        sums = np.zeros((count, values.shape[1]))
        np.add.at(sums, number, values)
        means: Matrix = sums / np.bincount(number, minlength=count)[:, None]
        return means
    if not count:
        return np.zeros((0, values.shape[1]))
    order = np.argsort(number, kind="stable")
    pieces = np.split(values[order], np.cumsum(np.bincount(number, minlength=count))[:-1])
    return np.array([np.median(piece, axis=0) for piece in pieces]).reshape(count, values.shape[1])
