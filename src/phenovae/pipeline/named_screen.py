"""The sites table of whatever a user names: a run, a table of sites, images or wells, a YAML."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from phenovae.base.errors import InputError, UsageError
from phenovae.base.tables import read_table
from phenovae.pipeline import paths
from phenovae.screen.sites import SITES

_YAML = (".yaml", ".yml")
_TABLES = (".csv", ".gz", ".tsv", ".txt")


def read_named_screen(path: Path, moa: Path | None = None) -> pd.DataFrame:
    """The sites of a run's folder, a `sites.parquet`, the official image table, a plate map, or
    the screen that a configuration names.

    A plate map has no fields: there each well is one site. Raises UsageError where `moa` is named
    for something other than the image table, InputError or FaultsError where nothing can be read.
    """
    if moa is not None and path.suffix not in _TABLES:
        raise UsageError(
            "--moa goes with the official image table alone",
            where=path,
            mend="the mechanisms of other screens stand in their plate map or configuration",
        )
    if path.is_dir():
        table = path / paths.SITES
        if not table.is_file():
            raise InputError(
                f"this folder has no {paths.SITES}", where=path, mend="phenovae sites makes it"
            )
        return read_table(table, SITES)
    if not path.exists():
        raise InputError("there is no such screen", where=path, mend="check the path")
    if path.suffix == ".parquet":
        return read_table(path, SITES)
    if path.suffix in _YAML:
        return _of_configuration(path)
    if path.suffix in _TABLES:
        return _of_table(path, moa)
    raise InputError(
        "this is no run, no table and no configuration",
        where=path,
        mend="name a run's folder, a sites.parquet, a CSV or a YAML",
    )


def _of_configuration(path: Path) -> pd.DataFrame:
    from phenovae.pipeline.config import load_config
    from phenovae.pipeline.screens import read_screen
    from phenovae.pipeline.stages.sites import has_official_table

    config = load_config(path)
    if config.input.source == "raw":
        return read_screen(config).sites
    if has_official_table(config) and config.input.metadata is not None:
        return _of_table(config.input.metadata, config.input.moa)
    raise UsageError(
        "this configuration tells its screen only when it runs",
        where=path,
        mend="run it as far as its sites, then audit the run's folder",
    )


def _of_table(path: Path, moa: Path | None) -> pd.DataFrame:
    from phenovae.screen.bbbc021.image_rows import is_image_table
    from phenovae.screen.bbbc021.tables import read_sites

    if is_image_table(path):
        return read_sites(path, moa)
    if moa is not None:
        raise UsageError(
            "--moa goes with the official image table alone",
            where=path,
            mend="write the mechanisms into a column moa of the plate map",
        )
    return _of_platemap(path)


def _of_platemap(path: Path) -> pd.DataFrame:
    from phenovae.screen.platemap import read_platemap
    from phenovae.screen.roles import RoleRules

    wells = read_platemap(path, RoleRules())
    plate = wells["Metadata_Plate"].fillna("every plate")
    return wells.assign(
        Metadata_Plate=plate,
        Metadata_Batch=wells["Metadata_Batch"].fillna("one batch"),
        Metadata_Site=1,
        Metadata_Field=plate + " " + wells["Metadata_Well"],
    )
