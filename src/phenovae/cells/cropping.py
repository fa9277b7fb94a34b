"""Single cells out of whole fields, at given positions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.base.progress import SILENT, Progress
from phenovae.cells.quality import QualityOptions
from phenovae.cells.refusals import Refusal
from phenovae.cells.writing import StoreWriter
from phenovae.images.reading import read_image
from phenovae.screen.sites import METADATA

STAGE = "crop"


@dataclass(frozen=True)
class CropReport:
    """What became of every position: `positions` = `cropped` + `at_border` + `in_lost_fields`.

    A lost field has an image that cannot be read, or is not among the sites.
    """

    fields: int
    positions: int
    cropped: int
    at_border: int
    in_lost_fields: int
    refused: tuple[Refusal, ...]

    def as_dict(self) -> dict[str, object]:
        """The report as JSON."""
        return {
            "fields": self.fields,
            "positions": self.positions,
            "imported": self.cropped,
            "at_border": self.at_border,
            "in_lost_fields": self.in_lost_fields,
            "refused": len(self.refused),
            "refusals": [{"file": each.file, "reason": each.reason} for each in self.refused],
        }


def crop_at(
    sites: pd.DataFrame,
    images: Path,
    positions: pd.DataFrame,
    channels: tuple[str, ...],
    out: Path,
    *,
    size: int = 68,
    pixel_size_um: float | None = None,
    options: QualityOptions | None = None,
    progress: Progress = SILENT,
) -> CropReport:
    """Cut a square of `size` pixels around every position into a new store.

    `positions` has Metadata_Field, Metadata_Cell, Position_Row and Position_Column (pixels of the
    field). A square that would cross the border is left out and counted; a field whose image cannot
    be read, or that no site is of, is listed in the report and stops nothing. Raises InputError
    where a position is no number, StoreError where not one cell could be cut out.
    """
    if not np.isfinite(positions[["Position_Row", "Position_Column"]].to_numpy(float)).all():
        raise InputError("a position is no number", mend="give each cell its row and column [px]")
    by_field = dict(list(positions.groupby("Metadata_Field", sort=False)))
    known = set(sites["Metadata_Field"])
    refused: list[Refusal] = []
    cropped = lost = 0
    for name, wanted in by_field.items():
        if name not in known:
            refused.append(Refusal(STAGE, str(name), "the field is not among the sites"))
            lost += len(wanted)
    with (
        StoreWriter(
            out,
            channels,
            (size, size),
            pixel_size_um=pixel_size_um,
            source=f"squares of {size} px at given positions",
            options=options,
        ) as writer,
        progress.bar("cutting out cells", len(sites)) as bar,
    ):
        for plate, here in sites.groupby("Metadata_Plate", sort=True):
            for _, site in here.sort_values("Metadata_Field").iterrows():
                bar.advance()
                if site["Metadata_Field"] not in by_field:
                    continue
                wanted = by_field[site["Metadata_Field"]]
                try:
                    field = _read_field(images, [site.get(f"File_{name}") for name in channels])
                except InputError as error:
                    refused.append(_refusal(site, error))
                    lost += len(wanted)
                    continue
                crops, inside = cut(field, wanted, size)
                writer.add(str(plate), crops, _rows(site, wanted.loc[inside]))
                cropped += len(crops)
        writer.finish()
    return CropReport(
        fields=len(sites),
        positions=len(positions),
        cropped=cropped,
        at_border=len(positions) - cropped - lost,
        in_lost_fields=lost,
        refused=tuple(refused),
    )


def cut(
    field: npt.NDArray[np.generic], positions: pd.DataFrame, size: int
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_]]:
    """Squares (n, channel, size, size) of a field (channel, height, width), and which fit in it."""
    top = np.rint(positions["Position_Row"].to_numpy()).astype(np.int64) - size // 2
    left = np.rint(positions["Position_Column"].to_numpy()).astype(np.int64) - size // 2
    height, width = field.shape[1:]
    inside = (top >= 0) & (left >= 0) & (top + size <= height) & (left + size <= width)
    squares = [
        field[:, row : row + size, column : column + size]
        for row, column in zip(top[inside], left[inside], strict=True)
    ]
    empty = np.zeros((0, len(field), size, size), field.dtype)
    return (np.stack(squares) if squares else empty), inside


def _read_field(images: Path, files: list[object]) -> npt.NDArray[np.generic]:
    planes = []
    for file in files:
        if not isinstance(file, str) or not file:
            raise InputError("the field has no file for a channel")
        planes.append(read_image(images / file))
    if len({plane.shape for plane in planes}) > 1:
        raise InputError(f"the channels differ in size: {[plane.shape for plane in planes]}")
    return np.stack(planes).astype(np.uint16, copy=False)


def _refusal(site: pd.Series, error: InputError) -> Refusal:
    where = f" ({error.where})" if error.where is not None else ""
    return Refusal(
        STAGE,
        str(site["Metadata_Field"]),
        f"{error.what}{where}",
        plate=str(site["Metadata_Plate"]),
        well=str(site["Metadata_Well"]),
        site=int(site["Metadata_Site"]),
    )


def _rows(site: pd.Series, positions: pd.DataFrame) -> pd.DataFrame:
    rows = positions[["Metadata_Cell", "Position_Row", "Position_Column"]].reset_index(drop=True)
    for name in METADATA:
        rows[name] = site[name]
    stem = rows["Metadata_Field"] + "_" + rows["Metadata_Cell"].astype(str)
    rows["Metadata_File"] = stem + ".npy"
    return rows
