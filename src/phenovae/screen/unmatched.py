"""What of a screen did not find its partner: images without metadata, metadata without images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from phenovae.base.tables import Column, Schema


class Kind(StrEnum):
    """What is without its partner."""

    PLATE = "plate without images"
    WELL = "well without images"
    SITE = "site without images"
    CHANNEL = "channel without image"
    IMAGES = "images without metadata"
    NAME = "name outside the pattern"
    EXTRA = "channel not asked for"


UNMATCHED = Schema(
    name="unmatched",
    version=1,
    columns=(
        Column("Kind", "string", "what is without its partner"),
        Column("Plate", "string", "plate", nullable=True),
        Column("Well", "string", "well, canonical", nullable=True),
        Column("Site", "int64", "field of view within the well", nullable=True),
        Column("File", "string", "file, relative to the folder of images", nullable=True),
        Column("Channel", "string", "channels, with commas between", nullable=True),
        Column("Count", "int64", "sites, wells or files that the row stands for"),
        Column("Reason", "string", "why, in words"),
    ),
)


@dataclass(frozen=True)
class Unmatched:
    """One row of the table: something that was left out, alone or together with its like."""

    kind: Kind
    reason: str
    plate: str | None = None
    well: str | None = None
    site: int | None = None
    file: str | None = None
    channel: str | None = None
    count: int = 1


def unmatched_table(rows: Iterable[Unmatched]) -> pd.DataFrame:
    """The rows as the table that `UNMATCHED` declares."""
    listed = list(rows)
    return pd.DataFrame(
        {
            "Kind": pd.Series([str(row.kind) for row in listed], dtype="object"),
            "Plate": pd.Series([row.plate for row in listed], dtype="object"),
            "Well": pd.Series([row.well for row in listed], dtype="object"),
            "Site": pd.array([row.site for row in listed], dtype="Int64"),
            "File": pd.Series([row.file for row in listed], dtype="object"),
            "Channel": pd.Series([row.channel for row in listed], dtype="object"),
            "Count": pd.Series([row.count for row in listed], dtype="int64"),
            "Reason": pd.Series([row.reason for row in listed], dtype="object"),
        }
    )


def counts(rows: Iterable[Unmatched]) -> dict[str, int]:
    """How much was left out by each kind of reason, most first: `{kind: count}`."""
    sums: Counter[str] = Counter()
    for row in rows:
        sums[str(row.kind)] += row.count
    return dict(sums.most_common())


def sites_without_images(sites: pd.DataFrame, absent: Sequence[bool]) -> list[Unmatched]:
    """Rows for the sites that are absent: a plate or a well of which all are, is one row."""
    held: dict[str, dict[str, list[tuple[int, bool]]]] = {}
    keys = zip(
        sites["Metadata_Plate"], sites["Metadata_Well"], sites["Metadata_Site"], absent, strict=True
    )
    for plate, well, site, gone in keys:
        held.setdefault(str(plate), {}).setdefault(str(well), []).append((int(site), bool(gone)))
    rows: list[Unmatched] = []
    for plate, wells in sorted(held.items()):
        of_plate = [gone for of_well in wells.values() for _, gone in of_well]
        if all(of_plate):
            reason = f"none of its {_counted(len(of_plate), 'site')} has an image"
            rows.append(Unmatched(Kind.PLATE, reason, plate, count=len(of_plate)))
            continue
        for well, of_well in sorted(wells.items()):
            missing = sorted(site for site, gone in of_well if gone)
            if len(missing) == len(of_well) > 1:
                reason = f"none of its {len(of_well)} sites has an image"
                rows.append(Unmatched(Kind.WELL, reason, plate, well, count=len(of_well)))
            else:
                reason = "no channel has an image"
                rows += [Unmatched(Kind.SITE, reason, plate, well, site) for site in missing]
    return rows


def _counted(count: int, thing: str) -> str:
    return f"1 {thing}" if count == 1 else f"{count} {thing}s"


class LeftOut:
    """What images and tables brought together have in common: rows that found no partner, and
    files that were not looked at, by reason.
    """

    left_out: tuple[Unmatched, ...]
    ignored: Mapping[str, int]

    @property
    def unmatched(self) -> pd.DataFrame:
        """What has no partner, as `UNMATCHED` declares."""
        return unmatched_table(self.left_out)

    @property
    def dropped(self) -> dict[str, int]:
        """How much was left out by each rule."""
        return {**counts(self.left_out), **{f"ignored: {k}": n for k, n in self.ignored.items()}}
