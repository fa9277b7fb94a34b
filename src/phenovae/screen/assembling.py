"""Image files and what is known of wells, put together as the sites table.

Without batches in the plate map or a pattern for them all plates are of one batch, `all`. Scores
that compare with other batches alone are then not possible: no treatment has a partner for them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from phenovae.base.errors import Fault, FaultsError, UsageError
from phenovae.screen.joining import join_platemap
from phenovae.screen.sites import METADATA, Role
from phenovae.screen.unmatched import Kind, LeftOut, Unmatched

ONE_BATCH = "all"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class ImagePlace:
    """The image of one channel of one site: file relative to the folder of images, and plane."""

    plate: str
    well: str
    site: int
    channel: str
    file: str
    plane: int | None = None


@dataclass(frozen=True)
class Found(LeftOut):
    """A screen as its images and its tables have it.

    `sites` is as `SITES` declares. `left_out` is what has no partner. `tried` counts the files that
    were looked at, `ignored` those that were not, by reason; `notes` are sentences on what was
    decided.
    """

    sites: pd.DataFrame
    left_out: tuple[Unmatched, ...]
    tried: int
    ignored: Mapping[str, int]
    notes: tuple[str, ...]


def assemble(
    places: Sequence[ImagePlace],
    channels: Sequence[str],
    platemap: pd.DataFrame | None,
    images: Path,
    batch_pattern: str | None = None,
    batch_of_plate: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, list[Unmatched]]:
    """The sites table of images, and what found no partner.

    `platemap` is as `read_platemap` gives it; None makes every compound `unknown`, its role
    `other`. `batch_of_plate` is for wells of which the map names no batch. Sites of wells that
    the map does not have are left out; a site without some channels stays, with no file for them.
    Raises FaultsError where a place has two files, InputError where no image is of a well of the
    map.
    """
    files = _by_site(places, channels, images)
    keys = sorted(files)
    sites = pd.DataFrame(keys, columns=["Metadata_Plate", "Metadata_Well", "Metadata_Site"])
    for channel in channels:
        here = [files[key].get(channel) for key in keys]
        sites[f"File_{channel}"] = pd.Series(
            [None if place is None else place.file for place in here], dtype="object"
        )
        planes = [None if place is None else place.plane for place in here]
        if any(plane is not None for plane in planes):
            sites[f"Plane_{channel}"] = pd.array(planes, dtype="Int64")
    unmatched: list[Unmatched] = []
    if platemap is None:
        sites = _unknown(sites)
    else:
        sites, unmatched = join_platemap(sites, platemap, images)
    told = [
        (batch_of_plate or {}).get(plate) if pd.isna(batch) else batch
        for plate, batch in zip(sites["Metadata_Plate"], sites["Metadata_Batch"], strict=True)
    ]
    sites["Metadata_Batch"] = batches(sites["Metadata_Plate"].tolist(), told, batch_pattern)
    sites["Metadata_Field"] = field_names(sites)
    open_columns = [name for name in sites.columns if str(name).startswith(("File_", "Plane_"))]
    return sites[[*METADATA, *open_columns]], unmatched


def missing_channels(sites: pd.DataFrame, channels: Sequence[str]) -> list[Unmatched]:
    """Rows for sites that have images of some channels alone."""
    columns = [f"File_{channel}" for channel in channels]
    absent = sites[columns].isna().to_numpy()
    rows = []
    for at in np.flatnonzero(absent.any(axis=1) & ~absent.all(axis=1)).tolist():
        site = sites.iloc[at]
        named = [name for name, gone in zip(channels, absent[at], strict=True) if gone]
        rows.append(
            Unmatched(
                Kind.CHANNEL,
                f"no image of {', '.join(named)}",
                str(site["Metadata_Plate"]),
                str(site["Metadata_Well"]),
                int(site["Metadata_Site"]),
                channel=", ".join(named),
            )
        )
    return rows


def batches(plates: Sequence[str], told: Sequence[str | None], pattern: str | None) -> list[str]:
    """The batch of each plate: as told, else what `pattern` finds in its name, else `all`.

    The first group of the pattern is the batch, or, without groups, all that it finds:
    `^(Week[0-9]+)_` has `Week1` for `Week1_22123`. Raises UsageError where the pattern is none,
    FaultsError where it finds nothing in the name of a plate.
    """
    if pattern is None:
        return [ONE_BATCH if pd.isna(batch) else str(batch) for batch in told]
    try:
        rule = re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"the pattern of batches is no regular expression: {error}", where=pattern
        ) from error
    found: dict[str, str] = {}
    for plate in dict.fromkeys(plates):
        match = rule.search(plate)
        if match is not None and match[1 if rule.groups else 0]:
            found[plate] = match[1 if rule.groups else 0]
    pairs = list(zip(plates, told, strict=True))
    lost = sorted({plate for plate, batch in pairs if pd.isna(batch) and plate not in found})
    if lost:
        faults = [Fault("the pattern finds no batch in the name", value=plate) for plate in lost]
        raise FaultsError(f"batches are not known by {pattern!r}", faults)
    return [found[plate] if pd.isna(batch) else str(batch) for plate, batch in pairs]


def field_names(sites: pd.DataFrame) -> list[str]:
    """Names of fields, unique and fit for files: `<plate>_<well>_s<site>`.

    Raises FaultsError where two plates differ by characters alone that no name of a file has.
    """
    safe = {
        plate: re.sub(r"[^\w.+-]+", "_", plate)
        for plate in sorted(set(sites["Metadata_Plate"].tolist()))
    }
    first: dict[str, str] = {}
    faults = [
        Fault(f"the plate is named too much like {first[name]!r}", value=plate, mend="rename one")
        for plate, name in safe.items()
        if first.setdefault(name, plate) != plate
    ]
    if faults:
        raise FaultsError("plates cannot be told apart", faults)
    keys = zip(sites["Metadata_Plate"], sites["Metadata_Well"], sites["Metadata_Site"], strict=True)
    return [f"{safe[plate]}_{well}_s{site}" for plate, well, site in keys]


def _by_site(
    places: Sequence[ImagePlace], channels: Sequence[str], images: Path
) -> dict[tuple[str, str, int], dict[str, ImagePlace]]:
    files: dict[tuple[str, str, int], dict[str, ImagePlace]] = {}
    faults: list[Fault] = []
    for place in places:
        if place.channel not in channels:
            continue
        site = files.setdefault((place.plate, place.well, place.site), {})
        first = site.setdefault(place.channel, place)
        if first is not place:
            where = f"{place.plate} {place.well} s{place.site}"
            faults.append(
                Fault(
                    f"{where} has two images of {place.channel}",
                    file=str(images / place.file),
                    mend=f"the other is {first.file}; move one away, or let the pattern tell them "
                    "apart",
                )
            )
    if faults:
        raise FaultsError("images cannot be told apart", faults)
    return files


def _unknown(sites: pd.DataFrame) -> pd.DataFrame:
    return sites.assign(
        Metadata_Replicate=pd.array([None] * len(sites), dtype="Int64"),
        Metadata_Batch=None,
        Metadata_Compound=UNKNOWN,
        Metadata_Concentration=0.0,
        Metadata_MoA=None,
        Metadata_Role=str(Role.OTHER),
    )
