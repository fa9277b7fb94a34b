"""Images and a plate map brought together by plate and well, with what has no partner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from phenovae.base.errors import InputError, nearest
from phenovae.screen.unmatched import Kind, Unmatched, sites_without_images

_NAMED = 3


def join_platemap(
    sites: pd.DataFrame, platemap: pd.DataFrame, images: Path
) -> tuple[pd.DataFrame, list[Unmatched]]:
    """Sites with what the map says of their wells; images and wells that have no partner.

    Raises InputError where no image is of a well of the map.
    """
    for_all = bool(platemap["Metadata_Plate"].isna().all())
    keys = ["Metadata_Well"] if for_all else ["Metadata_Plate", "Metadata_Well"]
    known = platemap.drop(columns="Metadata_Plate") if for_all else platemap
    joined = sites.merge(known, on=keys, how="left", validate="many_to_one", indicator="Joined")
    here = (joined["Joined"] == "both").to_numpy()
    if len(sites) and not here.any():
        raise _nothing_joined(sites, platemap, images, for_all=for_all)
    rows = _images_without_metadata(sites.loc[~here], sites, platemap, for_all=for_all)
    rows += _wells_without_images(sites, platemap, for_all=for_all)
    return joined.loc[here].drop(columns="Joined").reset_index(drop=True), rows


def _nothing_joined(
    sites: pd.DataFrame, platemap: pd.DataFrame, images: Path, *, for_all: bool
) -> InputError:
    column = "Metadata_Well" if for_all else "Metadata_Plate"
    kind = "wells" if for_all else "plates"
    of_images, of_map = (_examples(table[column].tolist()) for table in (sites, platemap))
    if not for_all and set(sites[column]) & set(platemap[column]):
        kind = "wells"
        of_images, of_map = (
            _examples((table["Metadata_Plate"] + " " + table["Metadata_Well"]).tolist())
            for table in (sites, platemap)
        )
    return InputError(
        "no image is of a well that the plate map has",
        where=images,
        mend=f"{kind} of the images: {of_images}; of the map: {of_map}",
    )


def _images_without_metadata(
    lost: pd.DataFrame, sites: pd.DataFrame, platemap: pd.DataFrame, *, for_all: bool
) -> list[Unmatched]:
    """One row for each plate that the map does not have, else for each well."""
    rows: list[Unmatched] = []
    of_map = set() if for_all else set(platemap["Metadata_Plate"])
    sizes = Counter(sites["Metadata_Plate"])
    for plate, of_plate in lost.groupby("Metadata_Plate", sort=True):
        name = str(plate)
        if not for_all and name not in of_map:
            reason = f"the plate map has no such plate; {nearest(name, of_map)}"
            rows.append(Unmatched(Kind.IMAGES, reason, name, count=sizes[name]))
            continue
        for well, of_well in of_plate.groupby("Metadata_Well", sort=True):
            reason = "the plate map does not have the well"
            rows.append(Unmatched(Kind.IMAGES, reason, name, str(well), count=len(of_well)))
    return rows


def _wells_without_images(
    sites: pd.DataFrame, platemap: pd.DataFrame, *, for_all: bool
) -> list[Unmatched]:
    if for_all:
        seen = set(sites["Metadata_Well"])
        return [
            Unmatched(Kind.WELL, "no plate has an image of the well", well=str(well))
            for well in platemap["Metadata_Well"]
            if well not in seen
        ]
    pairs = set(zip(sites["Metadata_Plate"], sites["Metadata_Well"], strict=True))
    wells = platemap.assign(Metadata_Site=1)
    keys = zip(wells["Metadata_Plate"], wells["Metadata_Well"], strict=True)
    rows = sites_without_images(wells, [key not in pairs for key in keys])
    return [_of_wells(row) for row in rows]


def _of_wells(row: Unmatched) -> Unmatched:
    """The same row, told of wells: the map knows nothing of sites."""
    if row.kind is Kind.PLATE:
        many = "its 1 well" if row.count == 1 else f"its {row.count} wells"
        return Unmatched(Kind.PLATE, f"none of {many} has an image", row.plate, count=row.count)
    return Unmatched(Kind.WELL, "the well has no image", row.plate, row.well)


def _examples(names: Sequence[str]) -> str:
    distinct = sorted({str(name) for name in names})
    more = f" and {len(distinct) - _NAMED} more" if len(distinct) > _NAMED else ""
    return ", ".join(distinct[:_NAMED]) + more
