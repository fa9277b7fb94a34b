"""Small crops, tables and stores whose content is known by hand."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.cells.importing import ImportOptions
from phenovae.cells.store import CellStore
from phenovae.cells.table import CELL_METADATA
from phenovae.cells.writing import StoreWriter

CHANNELS = ("DAPI", "Actin", "Tubulin")
SIDE = 12

COLUMNS = (
    "Multi_Cell_Image_Name",
    "Single_Cell_Image_Name",
    "Image_Metadata_Plate_DAPI",
    "Image_Metadata_Well_DAPI",
    "Replicate",
    "Image_Metadata_Compound",
    "Image_Metadata_Concentration",
    "moa",
)


def field_name(number: int, well: str = "B02", site: int = 1) -> str:
    """The name of a field; its number is the end of its unique id."""
    return f"Week1_150607_{well}_s{site}_w1AAAAAAAA-0000-4000-8000-{number:012d}"


def cell_pixels(
    seed: int, side: int = SIDE, channels: int = 3, dtype: str = "uint16"
) -> npt.NDArray[np.generic]:
    """A smooth bright disc on a dark ground, (height, width, channel): no crop to be flagged."""
    random = np.random.default_rng(seed)
    axis = np.arange(side) - (side - 1) / 2
    disc = np.exp(-(axis[:, None] ** 2 + axis[None, :] ** 2) / (2 * (side / 4) ** 2))
    top = 200 if dtype == "uint8" else 20_000
    levels = random.uniform(0.5, 1, channels) * top
    return (10 + disc[..., None] * levels).astype(dtype)


def write_crop(
    folder: Path, field: str, cell: int | str, pixels: npt.NDArray[np.generic], *, nested: bool
) -> Path:
    """Save one crop as <field>_<cell>.npy, in a folder of its field or in none."""
    place = folder / field if nested else folder
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{field}_{cell}.npy"
    np.save(path, pixels)
    return path


def table_row(field: str, cell: int, **given: str) -> dict[str, str]:
    """A row of the single-cell table: DMSO in well B02 of plate Week1_22123 unless told."""
    row = {
        "Multi_Cell_Image_Name": field,
        "Single_Cell_Image_Name": f"{field}_{cell}.npy",
        "Image_Metadata_Plate_DAPI": "Week1_22123",
        "Image_Metadata_Well_DAPI": "B02",
        "Replicate": "1",
        "Image_Metadata_Compound": "DMSO",
        "Image_Metadata_Concentration": "0.0",
        "moa": "DMSO",
    }
    return {**row, **given}


def write_rows(path: Path, rows: Sequence[dict[str, str]], columns: Iterable[str] = ()) -> Path:
    """Write a CSV, with the columns of the first row unless they are given."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns) or list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def six_cells(folder: Path, *, nested: bool = True) -> tuple[Path, Path]:
    """Three fields with two cells each, on two plates, and their table."""
    crops = folder / "crops"
    rows = []
    given: list[dict[str, str]] = [
        {},
        {
            "Image_Metadata_Well_DAPI": "C07",
            "Image_Metadata_Compound": "emetine",
            "Image_Metadata_Concentration": "0.3",
            "moa": "Protein synthesis",
        },
        {
            "Image_Metadata_Plate_DAPI": "Week2_24381",
            "Image_Metadata_Well_DAPI": "D05",
            "Image_Metadata_Compound": "taxol",
            "Image_Metadata_Concentration": "0.3",
            "moa": "Microtubule stabilizers",
        },
    ]
    for number, values in enumerate(given):
        field = field_name(number, values.get("Image_Metadata_Well_DAPI", "B02"))
        for cell in (3, 12):
            write_crop(crops, field, cell, cell_pixels(10 * number + cell), nested=nested)
            rows.append(table_row(field, cell, **values))
    return crops, write_rows(folder / "metadata.csv", rows)


def options(crops: Path, table: Path, **given: object) -> ImportOptions:
    """Import options with the three channels of the screen."""
    told: dict[str, object] = {"channels": CHANNELS, **given}
    return ImportOptions.model_validate({"crops": crops, "table": table, **told})


def cell_table(count: int, **given: object) -> pd.DataFrame:
    """Metadata of cells: DMSO on plate Week1_00001 unless told."""
    values: dict[str, object] = {
        "Metadata_Plate": "Week1_00001",
        "Metadata_Well": "B02",
        "Metadata_Replicate": 1,
        "Metadata_Batch": "Week1",
        "Metadata_Compound": "DMSO",
        "Metadata_Concentration": 0.0,
        "Metadata_MoA": None,
        "Metadata_Role": "negative_control",
        "Metadata_Site": 1,
        "Metadata_Field": "B02_s1_w1X",
        "Metadata_Cell": np.arange(count),
        "Metadata_File": [f"B02_s1_w1X_{cell}.npy" for cell in range(count)],
        **given,
    }
    return pd.DataFrame(values, index=range(count))[list(CELL_METADATA)]


def make_store(
    path: Path,
    blocks: Sequence[tuple[npt.NDArray[np.generic], pd.DataFrame]],
    channels: tuple[str, ...] = CHANNELS,
) -> CellStore:
    """A store of blocks of crops (n, channel, height, width), the plate taken from the table."""
    first = blocks[0][0]
    with StoreWriter(
        path, channels, first.shape[2:], dtype=str(first.dtype), source="made by hand"
    ) as writer:
        for crops, table in blocks:
            writer.add(str(table["Metadata_Plate"].iloc[0]), crops, table)
        writer.finish()
    return CellStore.open(path)


def files_under(folder: Path) -> dict[str, bytes]:
    """Every file under a folder with its bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
