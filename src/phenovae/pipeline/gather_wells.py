"""What became of every well: its cells, and how much of it quality control left out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from phenovae.base.tables import read_table
from phenovae.cells.nuclei import FIELDS
from phenovae.cells.store import CellStore
from phenovae.pipeline import paths
from phenovae.report.plate_maps import WELL_COLUMNS
from phenovae.screen.design import treatment_text
from phenovae.screen.sites import Role

_WELL = ["Metadata_Plate", "Metadata_Well"]


def gather_wells(run: Path, store: CellStore) -> pd.DataFrame:
    """One row a well: its treatment in words, cells, cells flagged, fields, fields flagged.

    Fields are counted where the run began with them, else they are missing.
    """
    cells = store.table
    good = cells["Quality_Flag"] == ""
    wells = cells.groupby(_WELL, sort=True).agg(
        Batch=("Metadata_Batch", "first"),
        Compound=("Metadata_Compound", "first"),
        Concentration=("Metadata_Concentration", "first"),
        Role=("Metadata_Role", "first"),
    )
    wells["Cells"] = cells.loc[good].groupby(_WELL).size()
    wells["Cells_Flagged"] = cells.loc[~good].groupby(_WELL).size()
    wells["Noise"] = cells.loc[good].groupby(_WELL)["Quality_Noise"].median()
    if (run / paths.FIELDS).exists():
        wells = _with_fields(wells, read_table(run / paths.FIELDS, FIELDS))
    else:
        wells["Fields"] = wells["Fields_Flagged"] = pd.NA
    counts = ["Cells", "Cells_Flagged"]
    wells[counts] = wells[counts].fillna(0).astype(int)
    wells["Treatment"] = [
        _treatment(str(compound), float(dose), str(role))
        for compound, dose, role in zip(
            *(wells[name] for name in ("Compound", "Concentration", "Role")), strict=True
        )
    ]
    return wells.reset_index()[list(WELL_COLUMNS)]


def _with_fields(wells: pd.DataFrame, fields: pd.DataFrame) -> pd.DataFrame:
    """Wells with their fields, and those of which no cell was kept as well."""
    flagged = fields.assign(Flagged=fields["Field_Flag"] != "")
    found = flagged.groupby(_WELL, sort=True).agg(
        Batch=("Metadata_Batch", "first"),
        Compound=("Metadata_Compound", "first"),
        Concentration=("Metadata_Concentration", "first"),
        Role=("Metadata_Role", "first"),
        Fields=("Metadata_Field", "size"),
        Fields_Flagged=("Flagged", "sum"),
    )
    told = found.join(wells[["Cells", "Cells_Flagged", "Noise"]], how="left")
    return told.sort_index()


def _treatment(compound: str, concentration: float, role: str) -> str:
    if role == str(Role.NEGATIVE_CONTROL):
        return f"{compound} (negative control)"
    return treatment_text(compound, concentration) if compound else "nothing that is known"
