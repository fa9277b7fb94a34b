"""Work on fields in parts: how sites are cut up, and where finished parts wait for the rest."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import pandas as pd

from phenovae.base.files import read_json, sha256_of, write_json

_MARK = "settings.json"


class _OfPlate(Protocol):
    @property
    def plate(self) -> str: ...


Part = TypeVar("Part", bound=_OfPlate)


def parts_of(sites: pd.DataFrame, most: int) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Key, plate and rows of each part: at most so many sites of one plate, in a fixed order.

    The order and the cuts depend on the sites alone, never on who does the work.
    """
    order = ["Metadata_Plate", "Metadata_Well", "Metadata_Site"]
    ordered = sites.sort_values(order, kind="stable", ignore_index=True)
    for plate, here in ordered.groupby("Metadata_Plate", sort=True):
        for number, start in enumerate(range(0, len(here), most)):
            chunk = here.iloc[start : start + most].reset_index(drop=True)
            yield f"{plate} {number:04d}", str(plate), chunk


def by_plate(parts: Iterable[Part]) -> dict[str, list[Part]]:
    """The parts of each plate, in their order."""
    found: dict[str, list[Part]] = {}
    for part in parts:
        found.setdefault(part.plate, []).append(part)
    return found


def unfinished_folder(final: Path, *, resume: bool, depends_on: object) -> Path:
    """The folder that a stage fills before it takes its final name.

    Parts of a stopped run stay in it if they depend on the same things; else it begins empty.
    """
    folder = final.with_name(f"{final.name}.partial")
    mark = {"depends_on": sha256_of(depends_on)}
    told = folder / _MARK
    if not (resume and told.is_file() and read_json(told) == mark):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write_json(told, mark)
    return folder
