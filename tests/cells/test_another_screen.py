"""Single cells of a screen that names everything in its own way."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
from tests.cells.made import CHANNELS, cell_pixels, options, write_crop

from phenovae.cells.importing import import_crops
from phenovae.cells.store import CellStore
from phenovae.screen.roles import RoleRules
from phenovae.screen.single_cells import CropColumns, SingleCellScreen


def _no_table_of_fields(table: Path, more: Path | None) -> pd.DataFrame | None:
    del table, more
    return None


OTHER = SingleCellScreen(
    columns=CropColumns(
        file=("cell",),
        plate="barcode",
        well="position",
        plate_well="place",
        replicate="copy",
        compound="drug",
        concentration="micromolar",
        mechanism="target",
    ),
    roles=RoleRules(negative_controls=("water",)),
    channels=CHANNELS,
    field_id=str.lower,
    site_of=lambda field: int(field.rpartition("-")[2]),
    batch_of_plate=lambda plate: plate[:2],
    concentration=float,
    sites_of_table=_no_table_of_fields,
    tables="a table",
)


def test_crops_of_another_screen_are_imported_by_its_own_names(tmp_path: Path) -> None:
    for cell in (1, 2):
        write_crop(tmp_path / "crops", "Plate-A-7", cell, cell_pixels(cell), nested=False)
    with (tmp_path / "t.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [
                ["cell", "barcode", "position", "drug", "micromolar", "target", "copy"],
                ["plate-a-7_1.npy", "XY12", "c3", "water", "0", "none", "4"],
                ["PLATE-A-7_2.npy", "XY12", "c4", "salt", "0.5", "taste", "4"],
            ]
        )
    report = import_crops(
        OTHER, options(tmp_path / "crops", tmp_path / "t.csv"), tmp_path / "store"
    )
    assert (report.imported, report.refused) == (2, ())
    table = CellStore.open(tmp_path / "store").table.sort_values("Metadata_Cell")
    told = table[["Metadata_Batch", "Metadata_Well", "Metadata_Site", "Metadata_Replicate"]]
    assert told.to_numpy().tolist() == [["XY", "C03", 7, 4], ["XY", "C04", 7, 4]]
    assert table["Metadata_Role"].tolist() == ["negative_control", "treatment"]
    assert table["Metadata_Compound"].tolist() == ["water", "salt"]
