"""What the collection offers: tables, plates by name, by week or for the benchmark; and its terms.

Which plates there are is read from the official image table, never assumed.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import pandas as pd
import yaml
from pydantic import Field

from phenovae.base.errors import UsageError, nearest
from phenovae.base.options import Options
from phenovae.screen.bbbc021.tables import read_sites
from phenovae.screen.bbbc021.values import batch_of_plate
from phenovae.screen.sites import Role, channels_of

TABLES, BENCHMARK, ALL = "tables", "benchmark", "all"
GROUPS = (TABLES, BENCHMARK, ALL)

_WEEK = re.compile(r"Week[1-9][0-9]*", re.ASCII)


class Collection(Options):
    """What `collection.yaml` holds."""

    name: str = Field(description="name and version of the image set")
    base: str = Field(description="address that all files lie under")
    page: str = Field(description="the collection's own page of the image set")
    image_table: str = Field(description="name of the table of images")
    mechanism_table: str = Field(description="name of the table of mechanisms")
    archive: str = Field(description="name of a plate's archive, with {plate} in it")
    archive_bytes: int = Field(description="about the size of an archive [bytes]")
    image_bytes: int = Field(description="about the size of an image, unpacked [bytes]")
    citations: tuple[str, ...] = Field(description="works to cite")
    terms: str = Field(description="what is known of the terms of use")

    def archive_of(self, plate: str) -> str:
        """Name of the archive of a plate."""
        return self.archive.format(plate=plate)


@cache
def collection() -> Collection:
    """The collection as it is known."""
    text = files(__package__).joinpath("collection.yaml").read_text(encoding="utf-8")
    return Collection.model_validate(yaml.safe_load(text))


@dataclass(frozen=True)
class Plate:
    """One plate: the names of its images, and how many wells of negative controls it has."""

    name: str
    batch: str
    images: frozenset[str]
    controls: int
    annotated: bool


@dataclass(frozen=True)
class Catalogue:
    """The plates of the image table, in the order of weeks; `mechanisms` where that table is read.

    Without it no plate counts as annotated.
    """

    plates: tuple[Plate, ...]
    mechanisms: bool

    @property
    def controls(self) -> int:
        """Wells of negative controls on all plates."""
        return sum(plate.controls for plate in self.plates)

    def chosen(self, asked: Sequence[str]) -> tuple[Plate, ...]:
        """The plates asked for by name, week or group, each once, in the catalogue's order.

        `benchmark` is the plates that hold a treatment with a known mechanism. Raises UsageError
        naming all names that are not known, each with the nearest one.
        """
        weeks = {plate.batch for plate in self.plates}
        names = {plate.name for plate in self.plates}
        known = [*GROUPS, *weeks, *names]
        _refuse([name for name in asked if name not in known], known)
        return tuple(
            plate
            for plate in self.plates
            if ALL in asked
            or plate.name in asked
            or plate.batch in asked
            or (BENCHMARK in asked and plate.annotated)
        )


def read_catalogue(images: Path, moa: Path | None) -> Catalogue:
    """The catalogue from the official tables. Raises FaultsError where they are damaged."""
    sites = read_sites(images, moa)
    plates = [_plate(str(name), part) for name, part in sites.groupby("Metadata_Plate")]
    return Catalogue(tuple(sorted(plates, key=_week_and_name)), moa is not None)


def _plate(name: str, sites: pd.DataFrame) -> Plate:
    role = sites["Metadata_Role"]
    names = {
        str(path).rpartition("/")[2]
        for channel in channels_of(sites)
        for path in sites[f"File_{channel}"].dropna()
    }
    annotated = (role == Role.TREATMENT) & sites["Metadata_MoA"].notna()
    controls = sites.loc[role == Role.NEGATIVE_CONTROL, "Metadata_Well"].nunique()
    batch = batch_of_plate(name) or ""
    return Plate(name, batch, frozenset(names), int(controls), bool(annotated.any()))


def _week_and_name(plate: Plate) -> tuple[int, str]:
    return int(plate.batch.removeprefix("Week") or 0), plate.name


def check_names(asked: Sequence[str]) -> None:
    """Raise UsageError naming all that can be no plate, week or group, before any table is read."""
    odd = [
        name
        for name in asked
        if name not in GROUPS and not _WEEK.fullmatch(name) and batch_of_plate(name) is None
    ]
    _refuse(odd, GROUPS)


def _refuse(odd: Sequence[str], known: Sequence[str]) -> None:
    if not odd:
        return
    lines = []
    for name in odd:
        hint = nearest(name, known)
        if not hint.startswith("did"):
            hint = f"say {', '.join(GROUPS)}, a week as in Week1 or a plate as in Week1_22123"
        lines.append(f"{name!r}: {hint}")
    raise UsageError("there is no such plate, week or group", mend="\n         ".join(lines))


def source_text(base: str) -> str:
    """Source, citation and terms of the image set, as its users read them."""
    told = collection()
    lines = [
        f"Image set {told.name}, from {base}",
        f"Described at {told.page}",
        "",
        "To cite:",
        *(_wrapped(f"- {work}", "  ") for work in told.citations),
        "",
        _wrapped(f"Terms: {told.terms}", ""),
        "",
    ]
    return "\n".join(lines)


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, 88, subsequent_indent=indent, break_on_hyphens=False)
