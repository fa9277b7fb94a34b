"""What is known of the wells of a screen, from whichever table says it, without any image."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from phenovae.base.errors import UsageError
from phenovae.screen.assembling import batches
from phenovae.screen.bbbc021.image_rows import is_image_table
from phenovae.screen.bbbc021.tables import read_sites
from phenovae.screen.mechanisms import with_mechanisms
from phenovae.screen.platemap import read_platemap
from phenovae.screen.roles import RoleRules


def read_wells(
    table: Path,
    moa: Path | None = None,
    rules: RoleRules | None = None,
    batch_pattern: str | None = None,
) -> pd.DataFrame:
    """Wells, or sites, of a screen: the official image table of BBBC021, or any table of wells.

    A table of wells is a plate map or a LoadData table, as `read_platemap` takes it; `moa` names
    mechanisms of compounds, or of treatments, besides. Batches are left open where the table holds
    for every plate. Raises FaultsError with all that is wrong.
    """
    if not table.is_file():
        raise UsageError("there is no such table", where=table)
    if is_image_table(table):
        return read_sites(table, moa)
    wells = read_platemap(table, rules)
    if moa is not None:
        wells = with_mechanisms(wells, moa)
    if wells["Metadata_Plate"].isna().all():
        return wells  # of every plate: batches are told of the plates that it is joined to
    plates = wells["Metadata_Plate"].astype(str).tolist()
    told = [None if pd.isna(each) else str(each) for each in wells["Metadata_Batch"]]
    wells["Metadata_Batch"] = batches(plates, told, batch_pattern)
    return wells
