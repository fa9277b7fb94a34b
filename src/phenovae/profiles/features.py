"""A feature table: cells with their metadata and numeric columns of any origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError

Matrix = npt.NDArray[np.float64]

_NEEDED = (
    "Metadata_Plate", "Metadata_Well", "Metadata_Field", "Metadata_Batch", "Metadata_Compound",
    "Metadata_Concentration", "Metadata_MoA", "Metadata_Role",
)  # fmt: skip


@dataclass(frozen=True)
class FeatureTable:
    """Rows of cells: `metadata` and `values` (float64, rows × features) side by side.

    `name` is what scores call these features.
    """

    name: str
    metadata: pd.DataFrame
    values: Matrix
    columns: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.metadata)


def feature_table(name: str, frame: pd.DataFrame, columns: Sequence[str]) -> FeatureTable:
    """Take metadata and features out of a frame.

    Raises InputError where metadata or a feature is missing, a feature is not a finite number
    (naming well and feature), or a feature repeats the labels that are to be predicted.
    """
    missing = [column for column in _NEEDED if column not in frame]
    if missing:
        raise InputError(f"the features of {name} come without {', '.join(missing)}")
    labels = [column for column in columns if str(column).startswith("Metadata_")]
    if labels:
        raise InputError(f"{', '.join(labels)} describe the cells and may not be features")
    if not columns:
        raise InputError(f"{name} has no feature columns")
    absent = [str(column) for column in columns if column not in frame]
    if absent:
        raise InputError(f"the features of {name} lack {', '.join(absent)}")
    try:
        values = frame[list(columns)].to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"a feature of {name} is no number: {error}") from error
    metadata = frame[[c for c in frame.columns if str(c).startswith("Metadata_")]]
    check_finite(values, metadata, columns)
    return FeatureTable(name, metadata.reset_index(drop=True), values, tuple(columns))


def check_finite(values: Matrix, metadata: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise InputError naming well and feature of the first value that is no finite number."""
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        where = metadata.iloc[int(row)]
        raise InputError(
            f"feature {columns[int(column)]} of a cell in plate {where['Metadata_Plate']}, well "
            f"{where['Metadata_Well']} is {values[row, column]}; {len(bad)} such values",
            mend="remove the cells or the features that hold NaN or infinity",
        )
