"""A feature table: rows with their metadata and numeric columns of any origin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.profiles.levels import Level

Matrix = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_TREATMENT = ("Metadata_Compound", "Metadata_Concentration", "Metadata_MoA", "Metadata_Role")
_WELL = ("Metadata_Plate", "Metadata_Well", "Metadata_Batch", *_TREATMENT)
_NEEDED: Mapping[Level, tuple[str, ...]] = {
    "cell": (*_WELL, "Metadata_Field"),
    "site": (*_WELL, "Metadata_Field"),
    "well": _WELL,
    "plate": ("Metadata_Plate", "Metadata_Batch", *_TREATMENT),
    "treatment": ("Batches", *_TREATMENT),
}
_SETS = ("Batches", "Plates")
"""Metadata that only rows of treatments have: frozensets of names."""


class Features(Protocol):
    """What scoring takes: metadata of all rows, and their values block by block.

    `name` is what scores call these features; `level` is what a row is an average of (`cell`: of
    nothing). Blocks come in the order of the rows: (first row, values float64 (rows, features)),
    all finite.
    """

    @property
    def name(self) -> str:
        """What scores call these features."""

    @property
    def metadata(self) -> pd.DataFrame:
        """`Metadata_*` of every row."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features."""

    @property
    def level(self) -> Level:
        """What a row is."""

    def blocks(self) -> Iterator[tuple[int, Matrix]]:
        """Values of all rows, a block of rows at a time."""

    def take(self, rows: Mask) -> Matrix:
        """Values of the rows that a mask marks (marked rows, features)."""


@dataclass(frozen=True)
class FeatureTable:
    """Features in memory: `metadata` and `values` (float64, rows × features) side by side."""

    name: str
    metadata: pd.DataFrame
    values: Matrix
    columns: tuple[str, ...]
    level: Level = "cell"

    def __len__(self) -> int:
        return len(self.metadata)

    def blocks(self) -> Iterator[tuple[int, Matrix]]:
        """All rows at once."""
        yield 0, self.values

    def take(self, rows: Mask) -> Matrix:
        """Values of the rows that a mask marks."""
        return self.values[rows]


def feature_table(
    name: str, frame: pd.DataFrame, columns: Sequence[str], level: Level = "cell"
) -> FeatureTable:
    """Take metadata and features out of a frame whose rows are of one level.

    Raises InputError where metadata or a feature is missing, a feature is not a finite number
    (naming well and feature), or a feature repeats the labels that are to be predicted.
    """
    check_columns(name, frame.columns, columns, level)
    try:
        values = frame[list(columns)].to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"a feature of {name} is no number: {error}") from error
    metadata = frame[[c for c in frame.columns if is_metadata(str(c))]]
    check_finite(values, metadata, columns)
    return FeatureTable(name, metadata.reset_index(drop=True), values, tuple(columns), level)


def is_metadata(column: str) -> bool:
    """Whether a column says what a row is, rather than being a feature of it."""
    return column.startswith(("Metadata_", "Profile_")) or column in _SETS


def check_columns(
    name: str, present: Sequence[str] | pd.Index, columns: Sequence[str], level: Level
) -> None:
    """Raise InputError where metadata or features are missing, or a feature is metadata."""
    there = {str(column) for column in present}
    missing = [column for column in _NEEDED[level] if column not in there]
    if missing:
        raise InputError(f"the features of {name} come without {', '.join(missing)}")
    labels = [column for column in columns if is_metadata(str(column))]
    if labels:
        raise InputError(f"{', '.join(labels)} describe the cells and may not be features")
    if not columns:
        raise InputError(f"{name} has no feature columns")
    absent = [str(column) for column in columns if str(column) not in there]
    if absent:
        raise InputError(f"the features of {name} lack {', '.join(absent)}")


def check_finite(values: Matrix, metadata: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise InputError naming well and feature of the first value that is no finite number."""
    if np.isfinite(values.sum()):
        return  # a sum takes no memory; only where it is not finite is each value looked at
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        told = metadata.iloc[int(row)]
        place = (
            f"plate {told['Metadata_Plate']}, well {told['Metadata_Well']}"
            if "Metadata_Well" in metadata
            else f"{told['Metadata_Compound']} {told['Metadata_Concentration']} µM"
        )
        raise InputError(
            f"feature {columns[int(column)]} of {place} is {values[row, column]}; {len(bad)} such "
            "values",
            mend="remove the rows or the features that hold NaN or infinity",
        )
