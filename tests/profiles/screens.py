"""Small screens made by hand: rows of cells, and feature tables of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.profiles.features import FeatureTable, feature_table

Row = dict[str, object]


def cells(
    compound: str,
    dose: float,
    count: int = 1,
    *,
    moa: str | None = None,
    plate: str = "P1",
    well: str = "B02",
    site: int = 1,
    batch: str = "Week1",
    role: str = "treatment",
) -> list[Row]:
    """Rows of `count` cells in one field."""
    field = f"{plate}_{well}_s{site}"
    return [
        {
            "Metadata_Plate": plate,
            "Metadata_Well": well,
            "Metadata_Replicate": 1,
            "Metadata_Batch": batch,
            "Metadata_Compound": compound,
            "Metadata_Concentration": dose,
            "Metadata_MoA": moa,
            "Metadata_Role": role,
            "Metadata_Site": site,
            "Metadata_Field": field,
            "Metadata_Cell": number,
            "Metadata_File": f"{field}_{number}.npy",
        }
        for number in range(count)
    ]


def controls(
    count: int = 1, *, plate: str = "P1", well: str = "A01", site: int = 1, batch: str = "Week1"
) -> list[Row]:
    """Rows of DMSO cells in one field."""
    return cells(
        "DMSO", 0.0, count, plate=plate, well=well, site=site, batch=batch, role="negative_control"
    )


def table(
    rows: Sequence[Row], values: npt.ArrayLike | Sequence[Sequence[float]], name: str = "toy"
) -> FeatureTable:
    """A feature table of these rows; `values` has one row a cell, or one number a cell."""
    matrix = np.asarray(values, dtype=np.float64).reshape(len(rows), -1)
    columns = [f"x{number}" for number in range(matrix.shape[1])]
    frame = pd.concat([pd.DataFrame(rows), pd.DataFrame(matrix, columns=columns)], axis=1)
    return feature_table(name, frame, columns)
