"""Which screen a run is of: its sites, channels, images and pixels, as the configuration has them,
or as phenovae knows them of BBBC021 and of the twin that is drawn in its likeness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from phenovae.base.errors import UsageError, nearest
from phenovae.base.tables import read_table
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.screen.channels import ChannelSource
from phenovae.screen.single_cells import SingleCellScreen
from phenovae.screen.sites import SITES, channels_of

BBBC021 = "BBBC021"


@dataclass(frozen=True)
class Screen:
    """The sites that have images, what has no partner, and how the two were brought together.

    `dropped` counts what each rule left out; `notes` are sentences on what was decided; `name` is
    that of a screen which phenovae knows.
    """

    sites: pd.DataFrame
    unmatched: pd.DataFrame
    dropped: Mapping[str, int]
    notes: tuple[str, ...] = field(default=())
    name: str = ""


def read_screen(config: Config) -> Screen:
    """The screen of raw images that the configuration names, from whichever table says what it is.

    Raises UsageError where nothing says so, InputError or FaultsError where a table is at fault.
    """
    named = config.input
    images = named.images
    if images is None or not images.is_dir():
        raise UsageError(
            "input.images names no folder", where=images, mend="--set input.images=FOLDER"
        )
    if named.metadata is not None:
        return _by_table(config, images, named.metadata)
    if named.pattern:
        from phenovae.screen.pattern import sites_by_pattern

        found = sites_by_pattern(
            images,
            named.pattern,
            _platemap(config),
            _sources(config),
            batch_pattern=named.batch_pattern or None,
        )
        return Screen(found.sites, found.unmatched, found.dropped, found.notes)
    if images.suffix == ".zarr" or any(images.rglob("*.zarr")):
        from phenovae.screen.ome_zarr import sites_by_ome_zarr

        found = sites_by_ome_zarr(
            images,
            _platemap(config),
            _sources(config) or None,
            batch_pattern=named.batch_pattern or None,
        )
        return Screen(found.sites, found.unmatched, found.dropped, found.notes)
    raise UsageError(
        "nothing says which image is of which well",
        where=images,
        mend="--set input.pattern='{plate}/{well}_s{site}.tif', or input.metadata=CSV",
    )


def _by_table(config: Config, images: Path, table: Path) -> Screen:
    from phenovae.screen.bbbc021.image_rows import is_image_table
    from phenovae.screen.roles import RoleRules

    if is_image_table(table):
        from phenovae.screen.bbbc021.tables import read_sites
        from phenovae.screen.matching import match_images

        matched = match_images(read_sites(table, config.input.moa), images)
        rules = tuple(f"{count} files found by {rule}" for rule, count in matched.rules.items())
        return Screen(matched.sites, matched.unmatched, matched.dropped, rules, BBBC021)
    from phenovae.screen.loaddata import sites_by_loaddata

    tags = config.input.channel_tags
    channels = {name: tags.get(name, name) for name in config.input.channels}
    found = sites_by_loaddata(
        images,
        table,
        _platemap(config),
        channels or None,
        rules=RoleRules(negative_controls=config.input.negative_controls),
        batch_pattern=config.input.batch_pattern or None,
    )
    return Screen(found.sites, found.unmatched, found.dropped, found.notes)


def _platemap(config: Config) -> pd.DataFrame | None:
    from phenovae.screen.platemap import read_platemap
    from phenovae.screen.roles import RoleRules

    if config.input.platemap is None:
        return None
    rules = RoleRules(negative_controls=config.input.negative_controls)
    return read_platemap(config.input.platemap, rules)


def _sources(config: Config) -> dict[str, ChannelSource]:
    """Where each channel's pixels are. Raises UsageError where one is unknown."""
    named = config.input
    channels = named.channels or tuple(dict.fromkeys([*named.channel_tags, *named.planes]))
    for name in (*named.channel_tags, *named.planes):
        if name not in channels:
            raise UsageError(
                f"{name!r} is not among the channels",
                where="input.channel_tags, input.planes",
                mend=nearest(name, channels),
            )
    return {
        name: ChannelSource(tag=named.channel_tags.get(name), plane=named.planes.get(name))
        for name in channels
    }


def single_cell_screen() -> SingleCellScreen:
    """The screen whose layout single-cell files and their tables have; there is one as yet."""
    from phenovae.screen.bbbc021.single_cells import single_cells

    return single_cells()


def images_of_run(config: Config, run: Path) -> Path:
    """The folder that the sites' files are relative to."""
    if config.input.source == "twin":
        return run / paths.TWIN / "images"
    if config.input.images is None:
        raise UsageError("input.images is not set", mend="--set input.images=FOLDER")
    return config.input.images


def channels_of_run(config: Config, run: Path) -> tuple[str, ...]:
    """Channels in the order that crops have them: as configured, else all that the sites have.

    Raises UsageError where a configured one is not among them.
    """
    known = channels_of(read_table(run / paths.SITES, SITES))
    if config.input.source == "twin":
        from phenovae.screen.bbbc021.knowledge import facts

        return facts().crop_channels
    for name in config.input.channels:
        if name not in known:
            raise UsageError(
                f"the screen has no channel {name!r}",
                where="input.channels",
                mend=nearest(name, known),
            )
    return config.input.channels or known


def nucleus_channel(config: Config, channels: tuple[str, ...]) -> str:
    """The channel that shows nuclei."""
    name = config.input.nuclei or channels[0]
    if name not in channels:
        raise UsageError(
            f"there is no channel {name!r} to find nuclei in",
            where="input.nuclei",
            mend=nearest(name, channels),
        )
    return name


def pixel_size(config: Config) -> float | None:
    """Size of a pixel in µm, if it is known."""
    if config.input.pixel_size_um is not None or config.input.source != "twin":
        return config.input.pixel_size_um
    from phenovae.screen.bbbc021.knowledge import facts

    return facts().pixel_size_um
