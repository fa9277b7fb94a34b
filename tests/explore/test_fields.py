"""The field of a cell, where the run began with whole fields."""

from __future__ import annotations

import base64
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from phenovae.explore.fields import field_told
from phenovae.explore.levels import read_points
from phenovae.explore.opening import open_run
from phenovae.images.reading import read_site
from phenovae.pipeline import paths


def test_the_field_is_that_of_the_raw_images_with_the_place_of_the_cell(twin_run: Path) -> None:
    opened = open_run(twin_run)
    cell = read_points(opened).cells.table.iloc[5]
    told: Any = field_told(opened, cell)
    with PIL.Image.open(io.BytesIO(base64.b64decode(told["png"]))) as picture:
        planes = np.asarray(picture).reshape(3, told["height"], told["width"])
    assert planes.shape == (3, 128, 160)
    assert (told["row"], told["column"]) == (cell["Position_Row"], cell["Position_Column"])
    raw = next((twin_run / "twin" / "images").rglob(f"{cell['Metadata_Field']}*"))
    nuclei = read_site(raw.parent, [(raw.name, None)])[0].astype(float)
    assert np.corrcoef(nuclei.ravel(), planes[0].astype(float).ravel())[0, 1] > 0.9
    row, column = int(told["row"]), int(told["column"])
    assert planes[0, row, column] > np.median(planes[0])


def test_images_that_are_gone_are_told_and_end_nothing(twin_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(twin_run, tmp_path / "run"))
    shutil.rmtree(run / paths.TWIN / "images")
    opened = open_run(run)
    told = field_told(opened, read_points(opened).cells.table.iloc[0])
    assert "cannot be shown" in str(told["missing"])
    assert "png" not in told
