"""The crops of one plate: squares around kept nuclei, cut out of fields into a shard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.tables import read_rows
from phenovae.cells.fates import first_pixel
from phenovae.cells.field_parts import (
    FieldSettings,
    evened,
    files_of_site,
    label_path,
    light_of_plate,
)
from phenovae.cells.nuclei import NUCLEI, Fate
from phenovae.cells.plates import Block, StoreShape, partial_store, write_plate
from phenovae.cells.quality import QualityOptions
from phenovae.cells.rows import MEASURE, POSITIONS
from phenovae.cells.store import Shard
from phenovae.cells.table import CELL_METADATA
from phenovae.images.label_files import read_own_labels
from phenovae.images.reading import read_site


@dataclass(frozen=True)
class CropPart:
    """One plate: its sites, the table that has its nuclei, and the store to write into."""

    number: int
    plate: str
    sites: pd.DataFrame
    nuclei: Path
    settings: FieldSettings
    quality: QualityOptions
    shape: StoreShape
    store: Path


def cut_plate(part: CropPart) -> Shard | None:
    """Write the crops of a plate into the unfinished store; None where it has none."""
    return write_plate(
        partial_store(part.store),
        part.number,
        part.plate,
        _blocks(part),
        part.shape,
        part.quality,
    )


def cut(
    field: npt.NDArray[np.generic], positions: pd.DataFrame, size: int
) -> npt.NDArray[np.generic]:
    """Squares (n, channel, size, size) around positions of a field (channel, height, width).

    All of them must lie within the field.
    """
    top = first_pixel(positions["Position_Row"].to_numpy(float), size)
    left = first_pixel(positions["Position_Column"].to_numpy(float), size)
    squares = np.empty((len(positions), len(field), size, size), field.dtype)
    for place, (row, column) in enumerate(zip(top, left, strict=True)):
        squares[place] = field[:, row : row + size, column : column + size]
    return squares


def _blocks(part: CropPart) -> Iterator[Block]:
    """The crops and rows of each field that has any, in the order of the sites."""
    kept = _kept(part.nuclei, part.plate)
    by_field = dict(list(kept.groupby("Metadata_Field", sort=False)))
    corrected = part.settings.cells.pixels == "corrected"
    light = light_of_plate(part.settings, part.plate) if corrected else {}
    for _, site in part.sites.iterrows():
        rows = by_field.get(site["Metadata_Field"])
        if rows is None:
            continue
        field = read_site(part.settings.images, files_of_site(site, part.settings.channels))
        crops = cut(evened(field, part.settings.channels, light), rows, part.settings.crop)
        if part.settings.cells.mask != "none":
            _mask(crops, rows, site, part.settings)
        yield crops, _rows(rows)


def _kept(path: Path, plate: str) -> pd.DataFrame:
    nuclei = read_rows(path, NUCLEI, "Metadata_Plate", plate)
    return nuclei.loc[nuclei["Fate"] == str(Fate.KEPT)]


def _rows(rows: pd.DataFrame) -> pd.DataFrame:
    table = rows.drop(columns=["Fate", "Why"]).reset_index(drop=True)
    table["Metadata_File"] = (
        table["Metadata_Field"] + "_" + table["Metadata_Cell"].astype(str) + ".npy"
    )
    measures = [name for name in table.columns if str(name).startswith(MEASURE)]
    return table[[*CELL_METADATA, *POSITIONS, *measures]]


def _mask(
    crops: npt.NDArray[np.generic],
    rows: pd.DataFrame,
    site: pd.Series,
    settings: FieldSettings,
) -> None:
    """Set all pixels that are not of a crop's own nucleus or cell to 0."""
    kind = "nuclei" if settings.cells.mask == "nucleus" else "cells"
    path = label_path(settings.out, str(site["Metadata_Plate"]), str(site["Metadata_Field"]), kind)
    labels = cut(read_own_labels(path)[None], rows, settings.crop)
    own = labels == rows["Metadata_Cell"].to_numpy()[:, None, None, None]
    crops[~np.broadcast_to(own, crops.shape)] = 0
