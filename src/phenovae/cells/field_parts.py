"""Some fields of one plate, from pixels to nuclei: read, corrected, segmented, measured, judged.

A part of the work is a few fields of one plate. It holds one field at a time, writes three small
tables of its own and is skipped when they are there, so that a stopped run goes on with the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.base.file_names import quoted
from phenovae.base.tables import read_table, write_table
from phenovae.cells.fates import fates
from phenovae.cells.measuring import PREFIX, measured_nuclei
from phenovae.cells.nuclei import FIELDS, NUCLEI
from phenovae.cells.options import CropOptions
from phenovae.cells.positions import read_positions
from phenovae.cells.refusals import ERRORS, Refusal, refusal_frame
from phenovae.images.field_measures import measure_field
from phenovae.images.illumination import Illumination, correct
from phenovae.images.illumination_files import load_illumination
from phenovae.images.label_files import read_labels, write_labels
from phenovae.images.reading import read_site
from phenovae.images.segmentation.bodies import segment_bodies
from phenovae.images.segmentation.labels import touching_border
from phenovae.images.segmentation.nuclei import segment_nuclei
from phenovae.images.segmentation.options import SegmentationOptions
from phenovae.screen.sites import METADATA, files_of

STAGE = "segment"
Field = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


@dataclass(frozen=True)
class FieldSettings:
    """What the work on any field depends on besides its pixels.

    `illumination` is the folder of correction functions, None for none; `labels` a folder of label
    images made elsewhere, `positions` a table of cells found elsewhere; `out` where label images
    and tables go; `fail_fast` whether a field that cannot be read ends all work.
    """

    images: Path
    channels: tuple[str, ...]
    nuclei: str
    pixel_size_um: float | None
    crop: int
    segmentation: SegmentationOptions
    cells: CropOptions
    illumination: Path | None
    labels: Path | None
    positions: Path | None
    out: Path
    fail_fast: bool = False


@dataclass(frozen=True)
class FieldPart:
    """Some sites of one plate; `key` names its files."""

    key: str
    sites: pd.DataFrame
    settings: FieldSettings

    @property
    def plate(self) -> str:
        """The plate that all sites are of."""
        return str(self.sites["Metadata_Plate"].iloc[0])

    def table(self, kind: str) -> Path:
        """Where one of the part's tables is."""
        return self.settings.out / "parts" / f"{quoted(self.key)}.{kind}.parquet"


def process_part(part: FieldPart) -> str:
    """Work through a part's sites, unless that is done already; return its key.

    A field that cannot be read is a row of the part's table of errors and stops nothing.
    """
    done = part.table("errors")
    if done.exists():
        return part.key
    fields: list[pd.DataFrame] = []
    nuclei: list[pd.DataFrame] = []
    refused: list[Refusal] = []
    light = light_of_plate(part.settings, part.plate)
    given = _positions(part)
    for _, site in part.sites.iterrows():
        try:
            field, found = _process(site, part.settings, light, given)
        except InputError as error:
            if part.settings.fail_fast:
                raise _of_field(site, error) from error
            refused.append(_refusal(site, error))
            continue
        fields.append(field)
        nuclei.append(found)
    if fields:
        write_table(pd.concat(fields, ignore_index=True), part.table("fields"), FIELDS)
        write_table(pd.concat(nuclei, ignore_index=True), part.table("nuclei"), NUCLEI)
    write_table(refusal_frame(refused), done, ERRORS)
    return part.key


def read_part(part: FieldPart, kind: str) -> pd.DataFrame | None:
    """One of a finished part's tables: fields, nuclei or errors; None where it has no row."""
    schemas = {"fields": FIELDS, "nuclei": NUCLEI, "errors": ERRORS}
    path = part.table(kind)
    return read_table(path, schemas[kind]) if path.exists() else None


def label_path(out: Path, plate: str, field: str, kind: str) -> Path:
    """Where the label image of a field is; `kind` is nuclei or cells."""
    return out / kind / quoted(plate) / f"{quoted(field)}.tif"


def files_of_site(site: pd.Series, channels: tuple[str, ...]) -> list[tuple[str, int | None]]:
    """File and plane of each channel of a site. Raises InputError naming the missing channels."""
    (told,) = files_of(site.to_frame().T, channels)
    files = [(file, plane) for file, plane in told if file]
    if len(files) < len(channels):
        missing = [name for name, (file, _) in zip(channels, told, strict=True) if not file]
        raise InputError(f"no image of {' and '.join(missing)}")
    return files


def _process(
    site: pd.Series,
    settings: FieldSettings,
    light: Mapping[str, Illumination],
    given: Mapping[str, pd.DataFrame],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The row of a field and the rows of its nuclei; its label images are written."""
    raw = read_site(settings.images, files_of_site(site, settings.channels))
    quality = measure_field(dict(zip(settings.channels, raw, strict=True)))
    field = evened(raw, settings.channels, light)
    size = (raw.shape[1], raw.shape[2])
    usual = None
    if settings.cells.layout == "grid":
        found = _tiles(size, settings.crop)
    elif settings.cells.layout == "positions":
        found = _placed(given.get(str(site["Metadata_Field"])), size, settings)
    else:
        found, usual = _nuclei(site, field, settings)
    who = {name: site[name] for name in METADATA}
    named = pd.DataFrame({name: [value] * len(found) for name, value in who.items()})
    row = {
        **who,
        "Count_Nuclei": len(found),
        "Nucleus_Diameter": np.nan if usual is None else usual,
        "Field_Flag": "",
        "Field_Reason": "",
        "Bits": raw.dtype.itemsize * 8,
        **{name: float(value) for name, value in quality.items()},
    }
    return pd.DataFrame([row]), pd.concat([named, found], axis=1)


def evened(raw: Field, channels: tuple[str, ...], light: Mapping[str, Illumination]) -> Field:
    """A field (channel, height, width) with the uneven light of its channels taken out."""
    if not light:
        return raw
    planes = [
        correct(plane, light[name]).image if name in light else plane
        for name, plane in zip(channels, raw, strict=True)
    ]
    return np.stack(planes)


def _nuclei(site: pd.Series, field: Field, settings: FieldSettings) -> tuple[pd.DataFrame, float]:
    stain = field[settings.channels.index(settings.nuclei)]
    if settings.labels is None:
        result = segment_nuclei(stain, settings.segmentation, pixel_size_um=settings.pixel_size_um)
        labels = result.labels
    else:
        name = site[f"File_{settings.nuclei}"]
        labels = read_labels(settings.labels, name, site["Metadata_Field"], stain.shape)
    others = [name for name in settings.channels if name != settings.nuclei]
    bodies = None
    if others and settings.segmentation.bodies:
        planes = field[[settings.channels.index(name) for name in others]]
        bodies = segment_bodies(labels, planes, settings.segmentation)
    plate, stem = str(site["Metadata_Plate"]), str(site["Metadata_Field"])
    write_labels(labels, label_path(settings.out, plate, stem, "nuclei"))
    if bodies is not None:
        write_labels(bodies, label_path(settings.out, plate, stem, "cells"))
    found = _measured(labels, bodies, field, settings)
    diameters = found["Diameter"]
    usual = float(np.nanmedian(diameters)) if len(found) else float("nan")
    told = fates(
        found,
        (stain.shape[0], stain.shape[1]),
        settings.crop,
        usual,
        settings.cells,
        settings.pixel_size_um,
    )
    place = found[["Metadata_Cell", "Position_Row", "Position_Column"]]
    measures = [name for name in found if str(name).startswith(PREFIX)]
    return pd.concat([place, told[["Fate", "Why"]], found[measures]], axis=1), usual


def _measured(
    labels: npt.NDArray[np.int32],
    bodies: npt.NDArray[np.int32] | None,
    field: Field,
    settings: FieldSettings,
) -> pd.DataFrame:
    """One row for each label that has pixels: number, place, diameter, measures."""
    told = measured_nuclei(labels, bodies, field, settings.channels, settings.pixel_size_um)
    count = len(told.area)
    touching = np.zeros(count, bool)
    touching[touching_border(labels) - 1] = True
    frame = pd.DataFrame(
        {
            "Metadata_Cell": np.arange(1, count + 1),
            "Position_Row": told.centre[:, 0],
            "Position_Column": told.centre[:, 1],
            "Diameter": np.sqrt(4 * told.area / np.pi),
            "Touching": touching,
        }
    )
    return pd.concat([frame, told.measures], axis=1).loc[told.area > 0].reset_index(drop=True)


def _tiles(field: tuple[int, ...], crop: int) -> pd.DataFrame:
    """Tiles side by side, in the middle of the field."""
    counts = [side // crop for side in field]
    starts = [
        (side - count * crop) // 2 + np.arange(count) * crop + crop // 2
        for side, count in zip(field, counts, strict=True)
    ]
    row, column = (each.ravel() for each in np.meshgrid(*starts, indexing="ij"))
    return pd.DataFrame(
        {
            "Metadata_Cell": np.arange(1, len(row) + 1),
            "Position_Row": row.astype(float),
            "Position_Column": column.astype(float),
            "Fate": "kept",
            "Why": "",
        }
    )


def _placed(
    given: pd.DataFrame | None, field: tuple[int, int], settings: FieldSettings
) -> pd.DataFrame:
    """Cells at given positions, with their fate: kept where the crop fits in the field."""
    if given is None:
        return _tiles((0, 0), settings.crop)
    told = fates(
        given.assign(Diameter=1.0, Touching=False), field, settings.crop, 1.0, settings.cells
    )
    return pd.concat([given, told], axis=1)


def _positions(part: FieldPart) -> Mapping[str, pd.DataFrame]:
    if part.settings.cells.layout != "positions" or part.settings.positions is None:
        return {}
    return read_positions(part.settings.positions, set(part.sites["Metadata_Field"]))


def light_of_plate(settings: FieldSettings, plate: str) -> Mapping[str, Illumination]:
    """The light of each channel of a plate; none where it was not told."""
    if settings.illumination is None:
        return {}
    return load_illumination(settings.illumination, plate)


def _of_field(site: pd.Series, error: InputError) -> InputError:
    """The error of a field that ends the run, with the field's place."""
    place = f"{site['Metadata_Plate']} {site['Metadata_Well']} site {site['Metadata_Site']}"
    return InputError(f"{place}: {error.what}", where=error.where, mend=error.mend)


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
