"""The official tables of BBBC021 as one sites table, every fault told at once.

`BBBC021_v1_image.csv` has a row for each field of view with its three files, plate, well, compound
and concentration (µM); `BBBC021_v1_moa.csv` has the known mechanism of 103 treatments, and a row
for DMSO, which is none.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from phenovae.base.errors import FaultsError
from phenovae.screen.bbbc021.image_rows import (
    COMPOUND,
    DOSE,
    PLATE,
    WELL,
    ImageRow,
    file_columns,
    image_columns,
    read_image_row,
)
from phenovae.screen.bbbc021.knowledge import facts
from phenovae.screen.bbbc021.mechanisms import MECHANISM_COLUMNS, read_mechanisms
from phenovae.screen.bbbc021.values import Treatment, batch_of_plate, treatment_text
from phenovae.screen.roles import assign_roles
from phenovae.screen.sites import METADATA
from phenovae.screen.text_table import TextTable, read_columns


def read_sites(images: Path, moa: Path | None) -> pd.DataFrame:
    """The sites table of the official tables: one row a field of view, as `SITES` declares.

    Raises FaultsError with all faults of both tables at once: file, line, column, value, mend.
    """
    table = read_columns(images, image_columns())
    rows = [read_image_row(row, table) for row in table.rows]
    _check_unique(rows, table)
    faults = table.sorted_faults()
    mechanisms: dict[Treatment, str] = {}
    if moa is not None:
        told = read_columns(moa, MECHANISM_COLUMNS)
        on_plates = {row.treatment for row in rows if row.treatment is not None}
        mechanisms = read_mechanisms(told, on_plates)
        faults += told.sorted_faults()
    if faults:
        raise FaultsError("the official tables are damaged", faults)
    sites = _as_table(rows)
    sites["Metadata_Role"] = assign_roles(sites, facts().roles)
    known = [mechanisms.get(row.treatment) if row.treatment else None for row in rows]
    sites["Metadata_MoA"] = pd.Series(known, dtype="object")
    return sites[[*METADATA, *(f"File_{name}" for name in file_columns())]]


def _as_table(rows: list[ImageRow]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Metadata_Plate": [row.plate for row in rows],
            "Metadata_Well": [row.well for row in rows],
            "Metadata_Replicate": [row.replicate for row in rows],
            "Metadata_Batch": [batch_of_plate(row.plate or "") for row in rows],
            "Metadata_Compound": [row.compound for row in rows],
            "Metadata_Concentration": [row.dose for row in rows],
            "Metadata_Site": [row.site for row in rows],
            "Metadata_Field": [row.stem for row in rows],
            **{f"File_{name}": [row.files[name] for row in rows] for name in file_columns()},
        }
    )


def _check_unique(rows: list[ImageRow], table: TextTable) -> None:
    """Add faults of sites and files that are there twice, and of wells with two treatments."""
    sites: dict[tuple[str, str, int], int] = {}
    files: dict[str, int] = {}
    wells: dict[tuple[str, str], dict[Treatment, int]] = {}
    for row in rows:
        placed = row.plate is not None and row.well is not None
        well = (row.plate or "", row.well or "")
        if placed and row.treatment is not None:
            held = wells.setdefault(well, {})
            if row.treatment not in held:
                held[row.treatment] = row.line
        site_line = row.line
        if placed and row.site is not None:
            site_line = sites.setdefault((*well, row.site), row.line)
        file_line = files.setdefault(row.stem, row.line) if row.stem else row.line
        if site_line != row.line:
            columns, value = f"{PLATE}, {WELL}", f"{' '.join(well)} s{row.site}"
            mend = f"remove one of the rows; the first is line {site_line}"
            table.add("the site is there twice", row.line, columns, value, mend)
        elif file_line != row.line:
            mend = f"remove one of the rows; the first is line {file_line}"
            column = file_columns()["DAPI"][0]
            table.add("the file is there twice", row.line, column, row.stem or "", mend)
    for well, held in wells.items():
        (usual, first), *others = held.items()
        for treatment, line in others:
            what = f"the well {' '.join(well)} holds two treatments"
            mend = f"correct the rows of the well; line {first} has {treatment_text(usual)}"
            table.add(what, line, f"{COMPOUND}, {DOSE}", treatment_text(treatment), mend)
