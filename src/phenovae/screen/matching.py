"""Sites and images brought together: which site lacks images, which image no site knows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import Fault, FaultsError, InputError
from phenovae.screen.assembling import missing_channels
from phenovae.screen.path_index import PathIndex
from phenovae.screen.scanning import Scan, scan_images
from phenovae.screen.sites import channels_of
from phenovae.screen.unmatched import (
    Kind,
    LeftOut,
    Unmatched,
    sites_without_images,
)

_LISTED_IN_A_FOLDER = 10


@dataclass(frozen=True)
class Matched(LeftOut):
    """Sites that have images, and what has no partner.

    `sites`: those with an image of at least one channel, their files as they lie in the folder,
    None for a channel without an image. `complete`: whether each of them has all channels, bool
    (n,). `rules` counts files by the rule that found
    them, `ignored` files that are no images, by reason.
    """

    sites: pd.DataFrame
    complete: npt.NDArray[np.bool_]
    left_out: tuple[Unmatched, ...]
    rules: Mapping[str, int]
    tried: int
    ignored: Mapping[str, int]


def match_images(sites: pd.DataFrame, images: Path) -> Matched:
    """Find the files of a sites table below the folder of images, by one walk through it.

    Files are found by the rules of `path_index`. Raises InputError where the folder cannot be
    read or no file of the table is in it, FaultsError where two channels are found to be one
    image.
    """
    scan = scan_images(images)
    index = PathIndex(images, scan)
    channels = channels_of(sites)
    found = sites.copy()
    rules: Counter[str] = Counter()
    for channel in channels:
        files = [_find(index, named, rules) for named in sites[f"File_{channel}"]]
        found[f"File_{channel}"] = pd.Series(files, index=sites.index, dtype="object")
    columns = [f"File_{channel}" for channel in channels]
    present = np.asarray(found[columns].notna(), dtype=np.bool_)
    here = present.any(axis=1)
    if not present.any():
        raise _nothing_found(sites, columns, images, index, scan)
    _check_once(found, columns, images)
    unmatched = sites_without_images(sites, np.logical_not(here).tolist())
    unmatched += missing_channels(found, channels)
    used = {str(file) for column in columns for file in found[column].dropna()}
    unmatched += _images_without_metadata(scan, used)
    return Matched(
        sites=found.iloc[np.flatnonzero(here)].reset_index(drop=True),
        complete=np.asarray(present[here].all(axis=1), dtype=np.bool_),
        left_out=tuple(unmatched),
        rules=dict(rules.most_common()),
        tried=len(scan.files),
        ignored=scan.ignored,
    )


def _find(index: PathIndex, named: object, rules: Counter[str]) -> str | None:
    found = index.find(named) if isinstance(named, str) and named else None
    if found is None:
        return None
    rules[found[1]] += 1
    return found[0]


def _check_once(found: pd.DataFrame, columns: list[str], images: Path) -> None:
    """Raise FaultsError where a file, or a plane of one, is found for two places."""
    seen: dict[tuple[str, object], tuple[str, str]] = {}
    faults: list[Fault] = []
    for column in columns:
        channel = column.removeprefix("File_")
        plane_column = f"Plane_{channel}"
        planes = found[plane_column] if plane_column in found else [None] * len(found)
        for file, plane, field in zip(found[column], planes, found["Metadata_Field"], strict=True):
            if not isinstance(file, str):
                continue
            key = (file, None if pd.isna(plane) else int(plane))
            first = seen.setdefault(key, (str(field), channel))
            if first != (str(field), channel):
                what = f"the image is that of {first[0]}, {first[1]}, and of {field}, {channel}"
                mend = "name the folders of files in the table as they are on disk"
                faults.append(Fault(what, file=str(images / file), mend=mend))
    if faults:
        raise FaultsError("images cannot be told apart", faults)


def _images_without_metadata(scan: Scan, used: set[str]) -> list[Unmatched]:
    """Rows for files that no site has: one for a folder of them, or one for each file."""
    folders: dict[str, list[str]] = defaultdict(list)
    sizes: Counter[str] = Counter()
    for path in scan.files:
        folder = path.rpartition("/")[0]
        sizes[folder] += 1
        if path not in used:
            folders[folder].append(path)
    rows: list[Unmatched] = []
    for folder, files in sorted(folders.items()):
        if len(files) == sizes[folder] > 1:
            reason = f"none of the {len(files)} images of the folder is in the table"
            rows.append(Unmatched(Kind.IMAGES, reason, file=f"{folder}/", count=len(files)))
        elif len(files) > _LISTED_IN_A_FOLDER:
            reason = f"{len(files)} of {sizes[folder]} images of the folder are not in the table"
            rows.append(Unmatched(Kind.IMAGES, reason, file=files[0], count=len(files)))
        else:
            rows += [
                Unmatched(Kind.IMAGES, "the image is not in the table", file=file) for file in files
            ]
    return rows


def _nothing_found(
    sites: pd.DataFrame, columns: list[str], images: Path, index: PathIndex, scan: Scan
) -> InputError:
    named = [str(file) for column in columns for file in sites[column].dropna().head(1)]
    if not scan.files and not scan.stores:
        ignored = ", ".join(f"{count} {reason}" for reason, count in scan.ignored.items())
        return InputError(
            f"there is no image in the folder; ignored: {ignored or 'nothing'}",
            where=images,
            mend="images are .tif, .tiff or .png",
        )
    mend = f"the folder has {scan.files[0] if scan.files else scan.stores[0]!r}"
    if named:
        mend = f"the table names {named[0]!r}; {mend}"
        alike = index.namesakes(named[0])
        if alike:
            mend = f"the table names {named[0]!r}; a file of that name is {alike[0]!r}"
    total = int(sites[columns].notna().to_numpy().sum()) if columns else 0
    return InputError(f"none of {total} images of the table is there", where=images, mend=mend)
