"""The tables of a twin: the two official CSVs of the screen, and the truth of every cell."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from phenovae.base.files import write_text
from phenovae.base.tables import Column, OpenColumns, Schema
from phenovae.twin.camera import CHANNELS
from phenovae.twin.field import Field
from phenovae.twin.layout import DMSO, Layout, Plate, Well
from phenovae.twin.options import TwinOptions
from phenovae.twin.phenotypes import phenotypes
from phenovae.twin.population import State

IMAGE_CSV = "BBBC021_v1_image.csv"
MOA_CSV = "BBBC021_v1_moa.csv"
TAGS = {"DAPI": "w1", "Tubulin": "w2", "Actin": "w4"}

POSITIONS = Schema(
    name="positions",
    version=1,
    columns=(
        Column("Metadata_Field", "string", "name of the field: stem of its DAPI file"),
        Column(
            "Metadata_Cell", "int64", "number of the cell in its field, and in the label images"
        ),
        Column("Position_Row", "float64", "centre of the nuclei within the field", "px"),
        Column("Position_Column", "float64", "centre of the nuclei within the field", "px"),
        Column("Area_Nucleus", "int64", "pixels of the nuclei within the field", "px"),
        Column("Area_Cell", "int64", "pixels of the cell within the field", "px"),
        Column("Truth_State", "string", "interphase, metaphase, monoaster, dead or multinucleate"),
        Column("Truth_Responds", "bool", "whether the cell responds to its treatment"),
    ),
    open=(OpenColumns(r"Truth_[a-z_]+", "float64", "parameter that the cell was drawn with"),),
)


@dataclass(frozen=True)
class Frame:
    """One field of view in its plate: where it is and what its files are called."""

    plate: Plate
    well: Well
    site: int
    files: dict[str, str]

    @property
    def name(self) -> str:
        """Name of the field: stem of the DAPI file."""
        return Path(self.files["DAPI"]).stem

    @property
    def folder(self) -> str:
        """Folder of the plate, relative to the folder of images."""
        return f"{self.plate.batch}/{self.plate.name}"


def frames(plate: Plate, options: TwinOptions, rng: np.random.Generator) -> list[Frame]:
    """The fields of a plate in the order of the official table, with made-up unique ids."""
    found = []
    for well in plate.wells:
        for site in range(1, options.sites + 1):
            files = {}
            for channel in CHANNELS:
                unique = str(uuid.UUID(bytes=rng.bytes(16), version=4)).upper()
                stem = f"{plate.batch}_twin_{well.name}_s{site}_{TAGS[channel]}{unique}"
                files[channel] = f"{stem}.tif"
            found.append(Frame(plate, well, site, files))
    return found


def image_table(frames_of_plates: Sequence[Sequence[Frame]]) -> str:
    """`BBBC021_v1_image.csv` with the official columns."""
    rows: list[dict[str, str | int | float]] = []
    for frame in (frame for plate in frames_of_plates for frame in plate):
        row: dict[str, str | int | float] = {
            "TableNumber": int(frame.plate.batch.removeprefix("Week")) - 1,
            "ImageNumber": len(rows) + 1,
        }
        for channel in CHANNELS:
            row[f"Image_FileName_{channel}"] = frame.files[channel]
            row[f"Image_PathName_{channel}"] = frame.folder
        row["Image_Metadata_Plate_DAPI"] = frame.plate.name
        row["Image_Metadata_Well_DAPI"] = frame.well.name
        row["Replicate"] = frame.plate.replicate
        row["Image_Metadata_Compound"] = frame.well.compound.name
        row["Image_Metadata_Concentration"] = frame.well.concentration
        rows.append(row)
    return pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")


def moa_table(layout: Layout, options: TwinOptions) -> str:
    """`BBBC021_v1_moa.csv`: the annotated treatments, the positive control and the DMSO row."""
    rows: list[tuple[str, float, str]] = [
        (compound.name, dose, compound.mechanism)
        for compound in layout.compounds
        if compound.mechanism is not None
        for dose in compound.doses[: options.annotated_doses]
    ]
    if options.positive_controls:
        control = layout.positive_control
        mechanism = phenotypes().positive_control.mechanism
        rows.append((control.name, control.doses[0], mechanism))
    rows.append((DMSO, 0.0, DMSO))
    table = pd.DataFrame(rows, columns=["compound", "concentration", "moa"])
    return table.to_csv(index=False, lineterminator="\n")


def write_official(
    folder: Path, layout: Layout, plates: Sequence[Sequence[Frame]], options: TwinOptions
) -> None:
    """Write both official tables."""
    write_text(folder / IMAGE_CSV, image_table(plates))
    write_text(folder / MOA_CSV, moa_table(layout, options))


def positions(frame: Frame, field: Field) -> pd.DataFrame:
    """Truth of every cell with a nucleus in the field (`POSITIONS`), in the order of labels."""
    count = len(field.cells) + 1
    area = np.bincount(field.nuclei.ravel(), minlength=count)
    body = np.bincount(field.bodies.ravel(), minlength=count)
    seen = np.flatnonzero(area[1:]) + 1
    centres = np.array(
        ndimage.center_of_mass(field.nuclei > 0, field.nuclei, seen), dtype=np.float64
    ).reshape(-1, 2)
    cells = field.cells
    index = seen - 1
    table = {
        "Metadata_Field": np.full(len(seen), frame.name, dtype=object),
        "Metadata_Cell": seen.astype(np.int64),
        "Position_Row": centres[:, 0],
        "Position_Column": centres[:, 1],
        "Area_Nucleus": area[seen],
        "Area_Cell": body[seen],
        "Truth_State": np.array(
            [State(code).name.lower() for code in cells.state[index]], dtype=object
        ),
        "Truth_Responds": cells.responds[index],
        "Truth_dna_content": cells.content[index],
        "Truth_amount": cells.amount[index],
    }
    for name, value in cells.values.items():
        table[f"Truth_{name}"] = value[index]
    return pd.DataFrame(table)
