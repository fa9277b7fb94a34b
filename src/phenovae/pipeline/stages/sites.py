"""Stage `sites`: what was done to every well, and whether the design can answer the question."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from phenovae.base.errors import UsageError
from phenovae.base.tables import write_table
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.pipeline.screens import BBBC021, images_of_run, read_screen
from phenovae.pipeline.stage import Outcome, Stage, Work
from phenovae.screen.design import check_design
from phenovae.screen.sites import METADATA, SITES
from phenovae.screen.unmatched import Kind

logger = logging.getLogger(__name__)

_LEFT_OUT = {
    str(Kind.PLATE): "sites of plates without an image",
    str(Kind.WELL): "sites of wells without an image",
    str(Kind.SITE): "sites without an image",
    str(Kind.CHANNEL): "channels without an image",
    str(Kind.IMAGES): "images without metadata",
    str(Kind.NAME): "files whose names the pattern does not fit",
    str(Kind.EXTRA): "images of channels that were not asked for",
}


def _of_twin(work: Work) -> Outcome:
    from phenovae.screen.bbbc021.tables import read_sites

    folder = work.run / paths.TWIN
    sites = read_sites(folder / "BBBC021_v1_image.csv", folder / "BBBC021_v1_moa.csv")
    return _write(work, sites)


def _of_tables(work: Work) -> Outcome:
    from phenovae.screen.bbbc021.tables import read_sites

    named = work.config.input
    outcome = _write(work, read_sites(_metadata(work.config), named.moa))
    return Outcome({**outcome.facts, "screen": BBBC021})


def _of_images(work: Work) -> Outcome:
    from phenovae.images.probing import probe_sites
    from phenovae.screen.sites import channels_of
    from phenovae.screen.unmatched import UNMATCHED

    screen = read_screen(work.config)
    images = images_of_run(work.config, work.run)
    for sentence in screen.notes:
        logger.info("%s", sentence)
    dropped = {_LEFT_OUT.get(rule, rule): count for rule, count in screen.dropped.items()}
    if dropped:
        told = ", ".join(f"{count} {what}" for what, count in dropped.items())
        logger.warning("left out: %s; %s has each with its place", told, paths.UNMATCHED)
    channels = work.config.input.channels or channels_of(screen.sites)
    headers = probe_sites(screen.sites, images, channels, work.progress)
    for sentence in headers.differences:
        logger.warning("%s", sentence)
    if headers.faults:
        logger.warning(
            "%d images of %d sites cannot be used; the first: %s: %s",
            len(headers.faults),
            len({fault.field for fault in headers.faults}),
            headers.faults[0].field,
            headers.faults[0].reason,
        )
    write_table(screen.unmatched, work.run / paths.UNMATCHED, UNMATCHED)
    outcome = _write(work, screen.sites)
    images_told = {
        "dropped": dropped,
        "notes": [*screen.notes, *headers.differences],
        "files": headers.files,
    }
    return Outcome({**outcome.facts, "images": images_told, "screen": screen.name})


def _of_cells(work: Work) -> Outcome:
    from phenovae.cells.store import CellStore

    cells = CellStore.open(work.run / paths.CELLS).table
    fields = cells[list(METADATA)].drop_duplicates("Metadata_Field")
    order = ["Metadata_Plate", "Metadata_Well", "Metadata_Site"]
    outcome = _write(work, fields.sort_values(order, ignore_index=True))
    # The layout of single-cell files and their table is that of this screen.
    return Outcome({**outcome.facts, "screen": BBBC021})


def has_official_table(config: Config) -> bool:
    """Whether `input.metadata` is the official image table, which needs no cells to be read.

    Raises InputError where it is named and cannot be read.
    """
    from phenovae.screen.bbbc021.image_rows import is_image_table

    table = config.input.metadata
    return table is not None and is_image_table(table)


def _write(work: Work, sites: pd.DataFrame) -> Outcome:
    write_table(sites, work.run / paths.SITES, SITES)
    return Outcome({"design": check_design(sites).as_dict()})


def _metadata(config: Config) -> Path:
    if config.input.metadata is None:
        raise UsageError("input.metadata is not set", mend="--set input.metadata=CSV")
    return config.input.metadata


def _tables(config: Config) -> Mapping[str, Path]:
    named = {"metadata": _metadata(config)}
    return named if config.input.moa is None else {**named, "moa": config.input.moa}


def _raw_inputs(config: Config) -> Mapping[str, Path]:
    named = config.input
    told = {
        "images": named.images,
        "metadata": named.metadata,
        "platemap": named.platemap,
        "moa": named.moa,
    }
    return {name: path for name, path in told.items() if path is not None}


def _raw_options(config: Config) -> Mapping[str, object]:
    keys = {
        "channels", "pattern", "channel_tags", "planes", "batch_pattern", "negative_controls",
    }  # fmt: skip
    return {"input": config.input.model_dump(mode="json", include=keys)}


def _no_options(config: Config) -> Mapping[str, object]:
    del config
    return {}


SITES_OF_TWIN = Stage(
    name="sites",
    version=2,
    needs=("twin",),
    outputs=(paths.SITES,),
    options=_no_options,
    perform=_of_twin,
    says="reading the official tables",
    verb="sites",
)

SITES_OF_IMAGES = Stage(
    name="sites",
    version=1,
    needs=(),
    outputs=(paths.SITES, paths.UNMATCHED),
    options=_raw_options,
    perform=_of_images,
    inputs=_raw_inputs,
    says="bringing images and what is known of them together",
    verb="sites",
)

SITES_OF_TABLES = Stage(
    name="sites",
    version=2,
    needs=(),
    outputs=(paths.SITES,),
    options=_no_options,
    perform=_of_tables,
    inputs=_tables,
    says="reading the official tables",
    verb="sites",
)

SITES_OF_CELLS = Stage(
    name="sites",
    version=2,
    needs=("cells",),
    outputs=(paths.SITES,),
    options=_no_options,
    perform=_of_cells,
    says="checking the design",
    verb="sites",
)
