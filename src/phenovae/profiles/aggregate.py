"""Averaging over explicit levels: cells to sites, wells, treatments; every member weighs alike."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

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
COUNT = "Profile_Cells"


def aggregate(
    metadata: pd.DataFrame, values: Matrix, level: Level, average: Average
) -> tuple[pd.DataFrame, Matrix]:
    """Average rows into the groups of a level, sorted by their keys.

    Each row weighs alike, whatever it is an average of. The metadata of a group are those that its
    rows share, and Profile_Cells, the cells behind it; at the level of treatments also Batches, a
    frozenset, and Profile_Wells.
    """
    keyed = metadata.reset_index(drop=True)
    if COUNT not in keyed:
        keyed = keyed.assign(**{COUNT: 1})
    if level == "cell":
        return keyed, values
    keyed = keyed.assign(
        Metadata_Concentration=keyed["Metadata_Concentration"].map(concentration_key)
    )
    groups = keyed.groupby(_KEYS[level], sort=True)
    number = groups.ngroup().to_numpy()
    count = int(groups.ngroups)
    rows = groups.first().reset_index()
    rows[COUNT] = groups[COUNT].sum().to_numpy()
    if level == "treatment":
        rows["Batches"] = groups["Metadata_Batch"].agg(frozenset).to_list()
        wells = keyed[_WELL].astype(str).agg("|".join, axis=1)
        rows["Profile_Wells"] = wells.groupby(number).nunique().to_numpy()
        rows = rows.drop(columns=[c for c in ("Metadata_Site",) if c in rows])
    return rows, _averages(values, number, count, average)


def _averages(values: Matrix, number: np.ndarray, count: int, average: Average) -> Matrix:
    if average == "mean":
        sums = np.zeros((count, values.shape[1]))
        np.add.at(sums, number, values)
        means: Matrix = sums / np.bincount(number, minlength=count)[:, None]
        return means
    order = np.argsort(number, kind="stable")
    pieces = np.split(values[order], np.cumsum(np.bincount(number, minlength=count))[:-1])
    return np.array([np.median(piece, axis=0) for piece in pieces]).reshape(count, values.shape[1])
