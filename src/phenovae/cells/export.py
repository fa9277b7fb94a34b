"""A cell store back to single-cell files, in the layout and with the table that they came with."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from phenovae.base.errors import PhenovaeError, UsageError
from phenovae.base.progress import SILENT, Progress
from phenovae.cells.importing import ORIGIN
from phenovae.cells.records import as_line
from phenovae.cells.store import CellStore
from phenovae.screen.sites import Role

METADATA_NAME = "metadata.csv"
_BLOCK = 256


def export_crops(
    store: CellStore,
    out: Path,
    *,
    layout: Literal["nested", "flat"] = "nested",
    progress: Progress = SILENT,
) -> int:
    """Write every crop as <field>_<cell>.npy (height, width, channel) and metadata.csv.

    Crops that NumPy wrote and that were imported come out byte for byte, and so do the rows of
    their table, except that of a table of features only the columns that tell of the cell are left.
    `nested` puts each field's crops into a folder of its own. Returns the number of files. Raises
    UsageError where the folder is not empty.
    """
    if out.exists() and not out.is_dir():
        raise UsageError("this is a file, not a folder", where=out, mend="name a new folder")
    if out.exists() and any(out.iterdir()):
        raise UsageError("the folder is not empty", where=out, mend="name a new folder")
    fields = [str(name) for name in store.table["Metadata_Field"]]
    files = [str(name) for name in store.table["Metadata_File"]]
    try:
        out.mkdir(parents=True, exist_ok=True)
        with progress.bar("exporting crops", len(store)) as bar:
            for start in range(0, len(store), _BLOCK):
                rows = np.arange(start, min(start + _BLOCK, len(store)))
                for crop, row in zip(store.read(rows), rows, strict=True):
                    folder = out / fields[row] if layout == "nested" else out
                    folder.mkdir(exist_ok=True)
                    np.save(folder / files[row], np.ascontiguousarray(crop.transpose(1, 2, 0)))
                bar.advance(len(rows))
        _write_table(store, out / METADATA_NAME)
    except OSError as error:
        raise PhenovaeError(
            f"cannot write the crops: {error.strerror or error}",
            where=out,
            mend="make room, or choose a folder that you may write to",
        ) from error
    return len(store)


def _write_table(store: CellStore, path: Path) -> None:
    origin = store.path / ORIGIN
    if origin.exists():
        shutil.copyfile(origin, path)
        return
    table = _single_cell_table(store.table)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(as_line(list(table.columns)))
        file.writelines(as_line(row) for row in table.itertuples(index=False, name=None))


def _single_cell_table(table: pd.DataFrame) -> pd.DataFrame:
    control = table["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)
    mechanism = table["Metadata_MoA"].where(~control, table["Metadata_Compound"])
    fields = pd.factorize(table["Metadata_Field"])[0]
    return pd.DataFrame(
        {
            "Multi_Cell_Image_Id": fields.astype(str),
            "Multi_Cell_Image_Name": table["Metadata_Field"],
            "Single_Cell_Image_Id": table["Metadata_Cell"].astype(str),
            "Single_Cell_Image_Name": table["Metadata_File"],
            "Image_Metadata_Plate_DAPI": table["Metadata_Plate"],
            "Image_Metadata_Well_DAPI": table["Metadata_Well"],
            "Replicate": [
                "" if pd.isna(given) else str(int(given)) for given in table["Metadata_Replicate"]
            ],
            "Image_Metadata_Compound": table["Metadata_Compound"],
            "Image_Metadata_Concentration": table["Metadata_Concentration"].map(repr),
            "moa": mechanism.fillna(""),
        }
    )
