"""Every file of a screen looked at before any work: what must fail, and what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from phenovae.base.errors import InputError
from phenovae.base.progress import SILENT, Progress
from phenovae.images.reading import ImageHeader, probe_plane
from phenovae.screen.sites import files_of

_THREADS = 8
"""Files asked for at once: opening a file over a network is mostly waiting."""


@dataclass(frozen=True)
class HeaderFault:
    """One channel of one site that cannot be used; `channel` is empty where it is the whole site.

    `file` is relative to the folder of images.
    """

    field: str
    plate: str
    well: str
    site: int
    channel: str
    file: str
    reason: str


@dataclass(frozen=True)
class _Site:
    field: str
    plate: str
    well: str
    site: int


@dataclass(frozen=True)
class HeaderReport:
    """What the headers of a screen's images say.

    `sizes` counts sites by (height, width) and `dtypes` by the dtype of each channel in order;
    only sites of which every header could be read count.
    """

    files: int
    faults: tuple[HeaderFault, ...]
    sizes: Mapping[tuple[int, int], int]
    dtypes: Mapping[str, int]

    @property
    def differences(self) -> tuple[str, ...]:
        """Sentences on sizes and dtypes that are not the same in the whole screen."""
        sizes = {
            f"{width} × {height} pixels": count
            for (height, width), count in Counter(self.sizes).most_common()
        }
        kinds = dict(Counter(self.dtypes).most_common())
        return tuple(
            f"{what} differ: "
            + ", ".join(f"{name} at {n} site{'s' * (n != 1)}" for name, n in found.items())
            for what, found in (("sizes of images", sizes), ("dtypes of images", kinds))
            if len(found) > 1
        )


def probe_sites(
    sites: pd.DataFrame, images: Path, channels: Sequence[str], progress: Progress = SILENT
) -> HeaderReport:
    """Read the header of every channel of every site, and compare them. Raises nothing of a file.

    A channel without a file, a header that cannot be read, and channels of one site that differ
    in size are faults.
    """
    planes = files_of(sites, channels)
    named = sites[["Metadata_Field", "Metadata_Plate", "Metadata_Well", "Metadata_Site"]]
    rows = [
        _Site(str(row[0]), str(row[1]), str(row[2]), int(row[3]))
        for row in named.itertuples(index=False)
    ]
    wanted = sorted({key for site in planes for key in site if key[0]}, key=str)
    with (
        ThreadPoolExecutor(_THREADS) as pool,
        progress.bar("looking at headers", len(wanted)) as bar,
    ):
        headers: dict[tuple[str | None, int | None], ImageHeader | InputError] = {}
        for key, header in zip(
            wanted, pool.map(lambda key: _probe(images, key), wanted), strict=True
        ):
            headers[key] = header
            bar.advance()
    faults: list[HeaderFault] = []
    sizes: Counter[tuple[int, int]] = Counter()
    dtypes: Counter[str] = Counter()
    for row, site in zip(rows, planes, strict=True):
        found: dict[str, ImageHeader] = {}
        for channel, key in zip(channels, site, strict=True):
            header = headers.get(key, InputError("the site has no file for the channel"))
            if isinstance(header, ImageHeader):
                found[channel] = header
            else:
                faults.append(_fault(row, channel, key[0] or "", header.what))
        shapes = {(each.height, each.width) for each in found.values()}
        if len(shapes) > 1:
            said = [f"{name} {each.width} × {each.height}" for name, each in found.items()]
            faults.append(_fault(row, "", "", f"the channels differ in size: {', '.join(said)}"))
        elif len(found) == len(channels):
            sizes.update(shapes)
            dtypes[" and ".join(dict.fromkeys(each.dtype for each in found.values()))] += 1
    return HeaderReport(len({key[0] for key in wanted}), tuple(faults), sizes, dtypes)


def _probe(images: Path, key: tuple[str | None, int | None]) -> ImageHeader | InputError:
    file, plane = key
    try:
        return probe_plane(images / (file or ""), plane)
    except InputError as error:
        return error


def _fault(row: _Site, channel: str, file: str, reason: str) -> HeaderFault:
    return HeaderFault(row.field, row.plate, row.well, row.site, channel, file, reason)
