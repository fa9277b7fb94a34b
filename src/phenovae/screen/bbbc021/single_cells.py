"""The single-cell files of BBBC021, and the three tables that may describe them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd

from phenovae.screen.bbbc021.image_rows import (
    COMPOUND,
    DOSE,
    PLATE,
    REPLICATE,
    WELL,
    is_image_table,
)
from phenovae.screen.bbbc021.knowledge import facts
from phenovae.screen.bbbc021.names import parse_field, unique_id
from phenovae.screen.bbbc021.tables import read_sites
from phenovae.screen.bbbc021.values import batch_of_plate, number
from phenovae.screen.single_cells import CropColumns, SingleCellScreen
from phenovae.screen.sites import concentration_key


@cache
def single_cells() -> SingleCellScreen:
    """What the import of single cells must know of this screen."""
    return SingleCellScreen(
        columns=CropColumns(
            file=("Single_Cell_Image_Name", "single_img_name"),
            plate=PLATE,
            well=WELL,
            plate_well="plate_well",
            replicate=REPLICATE,
            compound=COMPOUND,
            concentration=DOSE,
            mechanism="moa",
        ),
        roles=facts().roles,
        channels=facts().crop_channels,
        field_id=unique_id,
        site_of=lambda field: parse_field(field).site,
        batch_of_plate=batch_of_plate,
        concentration=_concentration,
        sites_of_table=_sites_of_table,
        tables="a single-cell table, or BBBC021_v1_image.csv with BBBC021_v1_moa.csv",
    )


def _concentration(text: str) -> float | None:
    value = number(text)
    return None if value is None else concentration_key(value)


def _sites_of_table(table: Path, moa: Path | None) -> pd.DataFrame | None:
    return read_sites(table, moa) if is_image_table(table) else None
