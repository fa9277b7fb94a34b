"""The sites of a screen from the paths of its images and a plate map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from phenovae.base.errors import InputError, UsageError
from phenovae.screen.assembling import Found, ImagePlace, assemble, missing_channels
from phenovae.screen.channels import ChannelSource
from phenovae.screen.path_pattern import PathParts, PathPattern, compile_pattern
from phenovae.screen.scanning import Scan, scan_images
from phenovae.screen.unmatched import Kind, Unmatched

_SHOWN = 3
_LISTED = 100


def sites_by_pattern(
    images: Path,
    pattern: str,
    platemap: pd.DataFrame | None,
    channels: Mapping[str, ChannelSource],
    *,
    batch_pattern: str | None = None,
    plate: str | None = None,
    wells_per_plate: int | None = None,
) -> Found:
    """The sites table of all images below a folder whose path fits a pattern.

    `pattern` is read by `compile_pattern`: it names the well, and may name plate, site (1 where
    it does not) and channel. Where it does not name the plate, all images are of one, `plate` or
    else the name of the folder. With a channel in it every `ChannelSource` needs its `tag`,
    without one its `plane`, or there is one channel. `platemap` and `batch_pattern` are as in
    `assembling.assemble`. Raises UsageError where pattern and channels are faulty or do not go
    together, InputError where no image fits, FaultsError where two images are of one place.
    """
    tags = [source.tag for source in channels.values() if source.tag is not None]
    rule = compile_pattern(pattern, tags, wells_per_plate)
    _check_channels(rule, channels)
    scan = scan_images(images)
    read, unmatched = _read_paths(rule, scan)
    if not read:
        raise _nothing_fits(rule, scan, images, unmatched)
    notes: list[str] = []
    one_plate = plate or images.resolve().name
    if "plate" not in rule.groups:
        notes.append(f"the pattern names no plate: all images are of the plate {one_plate}")
    places, extra = _places(read, channels, one_plate)
    if not places:
        raise InputError(
            f"no image is of a channel that was asked for: files have {', '.join(sorted(extra))}",
            where=images,
            mend=f"asked for: {', '.join(tags)}",
        )
    sites, lost = assemble(places, list(channels), platemap, images, batch_pattern)
    unmatched += [*lost, *missing_channels(sites, list(channels))]
    unmatched += [
        Unmatched(Kind.EXTRA, f"no channel has the tag {tag!r}", channel=tag, count=count)
        for tag, count in sorted(extra.items())
    ]
    return Found(sites, tuple(unmatched), len(scan.files), scan.ignored, tuple(notes))


def _check_channels(rule: PathPattern, channels: Mapping[str, ChannelSource]) -> None:
    if not channels:
        raise UsageError("no channel is named", mend="name each channel, with its tag or its plane")
    if "channel" in rule.groups:
        without = [name for name, source in channels.items() if source.tag is None]
        if without:
            raise UsageError(
                f"the pattern names a channel, and these have no tag: {', '.join(without)}",
                where=rule.text,
                mend="say what names of files have for each channel",
            )
    else:
        without = [name for name, source in channels.items() if source.plane is None]
        if without and len(channels) > 1:
            raise UsageError(
                f"the pattern names no channel, and these have no plane: {', '.join(without)}",
                where=rule.text,
                mend="add {channel} to the pattern, or say the plane of each channel, from 0",
            )
    keys = [(source.tag, source.plane) for source in channels.values()]
    twice = [name for name, key in zip(channels, keys, strict=True) if keys.count(key) > 1]
    if twice:
        raise UsageError(f"these channels are the same image: {', '.join(twice)}")


def _read_paths(
    rule: PathPattern, scan: Scan
) -> tuple[list[tuple[str, PathParts]], list[Unmatched]]:
    """What each path says; the others, each a row up to a number, the rest one row together."""
    read: list[tuple[str, PathParts]] = []
    odd: list[Unmatched] = []
    for path in scan.files:
        try:
            parts = rule.read(path)
        except InputError as error:
            odd.append(Unmatched(Kind.NAME, error.what, file=path))
            continue
        if parts is None:
            odd.append(Unmatched(Kind.NAME, "the pattern does not fit", file=path))
        else:
            read.append((path, parts))
    if len(odd) > _LISTED:
        rest = len(odd) - _LISTED
        odd = [*odd[:_LISTED], Unmatched(Kind.NAME, "and more that do not fit", count=rest)]
    return read, odd


def _places(
    read: Sequence[tuple[str, PathParts]], channels: Mapping[str, ChannelSource], one_plate: str
) -> tuple[list[ImagePlace], Counter[str]]:
    places: list[ImagePlace] = []
    extra: Counter[str] = Counter()
    for path, parts in read:
        known = False
        for name, source in channels.items():
            if parts.channel is None or parts.channel == source.tag:
                known = True
                plate = one_plate if parts.plate is None else parts.plate
                places.append(ImagePlace(plate, parts.well, parts.site, name, path, source.plane))
        if not known:
            extra[parts.channel or ""] += 1
    return places, extra


def _nothing_fits(
    rule: PathPattern, scan: Scan, images: Path, odd: Sequence[Unmatched]
) -> InputError:
    ignored = ", ".join(f"{count} {reason}" for reason, count in scan.ignored.items())
    if not scan.files:
        what = f"there is no image in the folder; ignored: {ignored or 'nothing'}"
        return InputError(what, where=images, mend="images are .tif, .tiff or .png")
    said = []
    for row in odd[:_SHOWN]:
        path = row.file or ""
        fits = rule.rule.fullmatch(path) is not None
        said.append(f"{path}: {row.reason if fits else rule.explain(path)}")
    return InputError(
        f"the pattern '{rule.text}' fits none of {len(scan.files)} images"
        + (f" (ignored besides: {ignored})" if ignored else ""),
        where=images,
        mend="\n         ".join(["correct the pattern; the first images are:", *said]),
    )
