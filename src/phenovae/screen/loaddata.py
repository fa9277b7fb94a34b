"""The sites of a screen from a LoadData table of CellProfiler.

A row is a site: `FileName_<channel>` and `PathName_<channel>`, or `URL_<channel>`, perhaps with
`Image_` before, `Frame_<channel>` for the plane, `Metadata_Plate`, `Metadata_Well`,
`Metadata_Site`. What is in the wells is in further `Metadata_` columns, or in a plate map.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd

from phenovae.base.errors import FaultsError, InputError, nearest
from phenovae.screen.assembling import Found, ImagePlace, assemble
from phenovae.screen.columns import find_columns
from phenovae.screen.matching import match_images
from phenovae.screen.platemap import wells_of_table
from phenovae.screen.roles import RoleRules
from phenovae.screen.text_table import TextRow, TextTable, read_text_table
from phenovae.screen.wells import canonical_well

_FILE = re.compile(r"(?:Image_)?(?P<kind>FileName|PathName|URL|Frame|Series)_(?P<channel>.+)")
_IS_ILLUMINATION = re.compile(r"illum", re.IGNORECASE)


def sites_by_loaddata(
    images: Path,
    table: Path,
    platemap: pd.DataFrame | None = None,
    channels: Mapping[str, str] | None = None,
    *,
    rules: RoleRules | None = None,
    columns: Mapping[str, str] | None = None,
    batch_pattern: str | None = None,
) -> Found:
    """The sites table of a LoadData table (CSV, plain or gzip), its files found below `images`.

    `channels` are names of channels, in order, and what the table calls them; without it they are
    all that the table has, in its order, except illumination functions. Wells are described by
    `platemap`, else by the table itself (`rules` and `columns` as in `read_platemap`), else their
    compounds are `unknown`. Files are found by the rules of `path_index`, so that paths of
    another machine do. Raises FaultsError with all faults of the table, InputError where no file
    of it is found.
    """
    text = read_text_table(table)
    sources, notes = _sources(text, channels)
    read = _read_places(text, sources, columns)
    wells = platemap
    if platemap is None and _says("compound", text, columns):
        wells = wells_of_table(text, rules=rules, columns=columns)
    if text.faults:
        faults = list(dict.fromkeys(text.sorted_faults()))
        raise FaultsError("the LoadData table cannot be used", faults)
    if wells is None:
        notes.append("neither the table nor a plate map says what is in the wells")
    sites, lost = assemble(
        read.places, list(sources), wells, images, batch_pattern, read.batch_of_plate
    )
    matched = match_images(sites, images)
    notes += [
        f"{'1 file was' if count == 1 else f'{count} files were'} found by {rule}"
        for rule, count in matched.rules.items()
    ]
    left_out = (*lost, *matched.left_out)
    return Found(matched.sites, left_out, matched.tried, matched.ignored, tuple(notes))


@dataclass(frozen=True)
class _Source:
    """The columns of one channel: its file and folder, or its address, and its frame."""

    name: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class _Read:
    places: list[ImagePlace]
    batch_of_plate: dict[str, str]


def _says(meaning: str, text: TextTable, columns: Mapping[str, str] | None) -> bool:
    quiet = TextTable(text.path, text.columns)
    return meaning in find_columns(quiet, (meaning,), columns) or bool(quiet.faults)


def _sources(
    text: TextTable, channels: Mapping[str, str] | None
) -> tuple[dict[str, _Source], list[str]]:
    """Where each channel is in the table, by our name for it, and what was left out."""
    known: dict[str, dict[str, str]] = {}
    for column in text.columns:
        match = _FILE.fullmatch(column)
        if match is not None:
            known.setdefault(match["channel"], {})[match["kind"]] = column
    known = {name: have for name, have in known.items() if {"FileName", "URL"} & set(have)}
    if not known and text.columns:
        what = "the table names no images"
        text.add(what, 1, mend="name them in columns FileName_<channel> and PathName_<channel>")
    if channels is not None:
        for called in channels.values():
            if called not in known and known:
                text.add(f"the table has no channel {called!r}", 1, mend=nearest(called, known))
        return {
            ours: _Source(theirs, known.get(theirs, {})) for ours, theirs in channels.items()
        }, []
    left = [name for name in known if _IS_ILLUMINATION.search(name)]
    notes = [f"illumination functions are no channels: {', '.join(left)}"] if left else []
    return {name: _Source(name, have) for name, have in known.items() if name not in left}, notes


def _read_places(
    text: TextTable, sources: Mapping[str, _Source], columns: Mapping[str, str] | None
) -> _Read:
    """The images of every row; what is wrong with a row becomes faults of the table."""
    found = find_columns(text, ("plate", "well", "site", "batch"), columns, ("plate", "well"))
    places: list[ImagePlace] = []
    lines: dict[tuple[str, str, int], int] = {}
    batches: dict[str, str] = {}
    for row in text.rows:
        plate = text.read(row, found.get("plate"), _read_plate)
        well = text.read(row, found.get("well"), canonical_well)
        site = text.read(row, found.get("site"), _read_number) if "site" in found else 1
        if plate is None or well is None or site is None:
            continue
        first = lines.setdefault((plate, well, site), row.line)
        if first != row.line:
            place = f"{plate} {well} s{site}"
            mend = f"remove one of the rows; the first is line {first}"
            text.add("the site is there twice", row.line, value=place, mend=mend)
            continue
        batch = row.values[found["batch"]] if "batch" in found else ""
        if batch and batches.setdefault(plate, batch) != batch:
            mend = f"it is of {batches[plate]} above"
            text.add("the plate is of two batches", row.line, found["batch"], batch, mend)
        for channel, source in sources.items():
            image = _image(text, row, source)
            if image is not None:
                places.append(ImagePlace(plate, well, site, channel, *image))
    return _Read(places, batches)


def _image(text: TextTable, row: TextRow, source: _Source) -> tuple[str, int | None] | None:
    """File and plane of a channel; None where the row names no file."""
    series = source.columns.get("Series")
    if series is not None and row.values[series] not in ("", "0"):
        mend = "write each image of a file as a file of its own"
        text.add("images after the first of a file are not read", row.line, series, mend=mend)
    frame = source.columns.get("Frame")
    plane = None
    if frame is not None and row.values[frame]:
        plane = text.read(row, frame, _read_number)
    name = row.values.get(source.columns.get("FileName", ""), "")
    folder = row.values.get(source.columns.get("PathName", ""), "")
    if name:
        folder = folder.replace("\\", "/").rstrip("/")
        return (f"{folder}/{name}" if folder else name), plane
    address = text.read(row, source.columns.get("URL"), _read_address)
    return (address, plane) if address else None


def _read_plate(text: str) -> str:
    if not text:
        raise InputError("the plate is missing", mend="name it in every row")
    return text


def _read_number(text: str) -> int:
    if not re.fullmatch(r"[0-9]+(\.0*)?", text, re.ASCII):
        raise InputError("this is no whole number", mend="write 0, 1, 2, …")
    return int(text.partition(".")[0])


def _read_address(text: str) -> str:
    """The path in an address; which machine it is on does not matter."""
    parts = urlsplit(text)
    if text and not parts.path.strip("/"):
        raise InputError("this address has no path", mend="write file:///folder/name.tif")
    return unquote(parts.path)
