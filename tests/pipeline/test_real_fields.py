"""A published crop comes out of the raw field pixel for pixel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.cells.store import CellStore
from phenovae.pipeline.config import load_config
from phenovae.pipeline.execute import run_verbs

FIELD = "Week2_180607_B02_s2_w15E8615AC"
CELL = 84
TOP, LEFT = 565, 1139


def _published(public_data: Path, folder: Path) -> npt.NDArray[np.uint16]:
    """The crop as it was published: (height, width, channel), DAPI, actin, tubulin."""
    script = str(public_data / "unpack.py")
    command = [sys.executable, script, str(folder), "--only", "screen", "--flat"]
    subprocess.run(command, check=True)
    found: npt.NDArray[np.uint16] = np.load(next(folder.glob(f"{FIELD}*_{CELL}.npy")))
    return found


def test_crop_84_is_cut_out_of_its_field_as_it_was_published(
    public_data: Path, tmp_path: Path
) -> None:
    images = tmp_path / "images"
    for archive in sorted((public_data / "raw").glob("*.zip")):
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(images)
    stem = next(path.stem for path in images.rglob("*.tif") if path.stem.startswith(FIELD))
    names = ["Metadata_Field", "Metadata_Cell", "Position_Row", "Position_Column"]
    place = pd.DataFrame([(stem, CELL, TOP + 34.0, LEFT + 34.0)], columns=names)
    place.to_csv(tmp_path / "places.csv", index=False)
    settings = (
        "input.source=raw", f"input.images={images}",
        f"input.metadata={public_data / 'bbbc021' / 'BBBC021_v1_image.csv.gz'}",
        f"input.moa={public_data / 'bbbc021' / 'BBBC021_v1_moa.csv'}",
        "input.channels=[DAPI, Actin, Tubulin]", "cells.layout=positions",
        f"input.positions={tmp_path / 'places.csv'}", "workers.count=1",
        "cells.flagged_fields=keep", "illumination.method=none",
    )  # fmt: skip
    run = tmp_path / "run"
    run_verbs(("sites", "illuminate", "segment", "crop"), load_config(None, settings), run)
    store = CellStore.open(run / "cells")
    assert store.table["Metadata_Cell"].tolist() == [CELL]
    crop = np.moveaxis(store.read([0])[0], 0, -1)
    assert (crop == _published(public_data, tmp_path / "published")).all()
