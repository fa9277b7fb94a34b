"""What anyone must beat: intensity statistics of the raw crop, and the number of cells left."""

from __future__ import annotations

import pandas as pd

from phenovae.base.errors import InputError
from phenovae.profiles.features import FeatureTable, feature_table

INTENSITY = "intensity"
CELL_COUNT = "cell_count"
BACKBONE = "backbone"


def intensity_features(cells: pd.DataFrame) -> FeatureTable:
    """The intensity statistics of a store's table that are not flagged, as features."""
    columns = [str(name) for name in cells.columns if str(name).startswith("Intensity_")]
    if not columns:
        raise InputError("the store has no intensity statistics", mend="import the cells anew")
    return feature_table(INTENSITY, unflagged(cells), columns)


def cell_count_features(cells: pd.DataFrame, fields: pd.DataFrame) -> FeatureTable:
    """One row a field: how many cells of a store's table it has, flagged or not; 0 where none.

    `fields` has the `METADATA` of every field that was looked at: a field whose image could not be
    read has no count, not a count of 0. Meaningful only where whole fields were cropped.
    """
    known = fields.sort_values("Metadata_Field", ignore_index=True)
    counted = cells.groupby("Metadata_Field").size()
    counts = known["Metadata_Field"].map(counted).fillna(0)
    return feature_table(CELL_COUNT, known.assign(Cells=counts.to_numpy()), ["Cells"])


def unflagged(cells: pd.DataFrame) -> pd.DataFrame:
    """The rows of a store's table whose crops are used."""
    return cells.loc[cells["Quality_Flag"] == ""]
