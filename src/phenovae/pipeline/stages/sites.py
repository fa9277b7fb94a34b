"""Stage `sites`: what was done to every well, and whether the design can answer the question."""

from __future__ import annotations

import pandas as pd

from phenovae.base.errors import UsageError
from phenovae.base.tables import write_table
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.pipeline.stage import Outcome, Stage, Work
from phenovae.screen.design import check_design
from phenovae.screen.sites import METADATA, SITES


def _of_twin(work: Work) -> Outcome:
    from phenovae.screen.bbbc021.tables import read_sites

    folder = work.run / paths.TWIN
    sites = read_sites(folder / "BBBC021_v1_image.csv", folder / "BBBC021_v1_moa.csv")
    return _write(work, sites)


def _of_crops(work: Work) -> Outcome:
    from phenovae.cells.store import CellStore
    from phenovae.screen.bbbc021.tables import is_image_table, read_sites

    named = work.config.input
    if named.metadata is None:
        raise UsageError("input.metadata is not set", mend="--set input.metadata=CSV")
    if is_image_table(named.metadata):
        return _write(work, read_sites(named.metadata, named.moa))
    cells = CellStore.open(work.run / paths.CELLS).table
    fields = cells[list(METADATA)].drop_duplicates("Metadata_Field")
    order = ["Metadata_Plate", "Metadata_Well", "Metadata_Site"]
    return _write(work, fields.sort_values(order, ignore_index=True))


def _write(work: Work, sites: pd.DataFrame) -> Outcome:
    write_table(sites, work.run / paths.SITES, SITES)
    return Outcome({"design": check_design(sites).as_dict()})


def _no_options(config: Config) -> object:
    del config
    return None


SITES_OF_TWIN = Stage(
    name="sites",
    version=1,
    needs=("twin",),
    outputs=(paths.SITES,),
    options=_no_options,
    perform=_of_twin,
    says="reading the official tables",
    verb="sites",
)

SITES_OF_CROPS = Stage(
    name="sites",
    version=1,
    needs=("cells",),
    outputs=(paths.SITES,),
    options=_no_options,
    perform=_of_crops,
    says="checking the design",
    verb="sites",
)
