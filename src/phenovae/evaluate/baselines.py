"""What anyone must beat: intensity statistics of the raw crop, and the number of cells left."""

from __future__ import annotations

import pandas as pd

from phenovae.base.errors import InputError
from phenovae.profiles.features import FeatureTable, feature_table

INTENSITY = "intensity"
CELL_COUNT = "cell_count"


def intensity_features(cells: pd.DataFrame) -> FeatureTable:
    """The intensity statistics of a store's table that are not flagged, as features."""
    columns = [str(name) for name in cells.columns if str(name).startswith("Intensity_")]
    if not columns:
        raise InputError("the store has no intensity statistics", mend="import the cells anew")
    return feature_table(INTENSITY, unflagged(cells), columns)


def cell_count_features(cells: pd.DataFrame) -> FeatureTable:
    """One row a field: how many cells it has. Meaningful only where whole fields were cropped.

    A field without any cell is in no table of cells, and so is left out rather than counted as 0.
    """
    groups = cells.groupby("Metadata_Field", sort=True)
    fields = groups.first().reset_index()
    fields["Cells"] = groups.size().to_numpy()
    return feature_table(CELL_COUNT, fields, ["Cells"])


def unflagged(cells: pd.DataFrame) -> pd.DataFrame:
    """The rows of a store's table whose crops are used."""
    return cells.loc[cells["Quality_Flag"] == ""]
