"""The field that a cell lies in, read again from the raw images, with the place of the cell."""

from __future__ import annotations

import base64

import numpy as np
import pandas as pd

from phenovae.base.errors import PhenovaeError
from phenovae.base.tables import read_rows
from phenovae.cells.field_parts import files_of_site
from phenovae.explore.opening import OpenedRun
from phenovae.explore.packing import Json
from phenovae.explore.pictures import png_of
from phenovae.figures.crops import GAMMA
from phenovae.images.reading import read_site
from phenovae.images.smoothing import block_side, block_sums
from phenovae.pipeline import paths
from phenovae.pipeline.screens import channels_of_run, images_of_run
from phenovae.screen.sites import SITES

SIDE = 640
_LOW, _HIGH = 1.0, 99.7


def field_told(opened: OpenedRun, cell: pd.Series) -> Json:
    """The picture of a cell's field, at most SIDE blocks wide, and where the cell is in it.

    Where there is none, `missing` says why: cells that came as crops have no field here, images may
    be gone, and imported cells may have no place.
    """
    if opened.config.input.source == "crops":
        return {"missing": "These cells came as single crops: their fields are not in this run."}
    try:
        return _told(opened, cell)
    except PhenovaeError as error:
        where = f" ({error.where})" if error.where else ""
        return {"missing": f"The field cannot be shown: {error.what}{where}."}


def _told(opened: OpenedRun, cell: pd.Series) -> Json:
    name = str(cell["Metadata_Field"])
    sites = read_rows(opened.run / paths.SITES, SITES, "Metadata_Field", name)
    if not len(sites):
        return {"missing": "The table of sites does not name this field."}
    channels = channels_of_run(opened.config, opened.run)
    raw = read_site(
        images_of_run(opened.config, opened.run), files_of_site(sites.iloc[0], channels)
    )
    block = block_side((raw.shape[1], raw.shape[2]), SIDE)
    planes = []
    for plane in raw:
        means = block_sums(plane, block) / np.float32(block * block)
        low, high = np.percentile(means, [_LOW, _HIGH])
        shown = np.clip((means - low) / max(float(high - low), 1e-6), 0, 1) ** GAMMA
        planes.append(np.round(255 * shown).astype(np.uint8))
    picture = np.stack(planes)
    row, column = float(cell["Position_Row"]), float(cell["Position_Column"])
    known = np.isfinite(row) and np.isfinite(column)
    return {
        "png": base64.b64encode(png_of(picture)).decode("ascii"),
        "height": int(picture.shape[1]),
        "width": int(picture.shape[2]),
        "row": row / block if known else None,
        "column": column / block if known else None,
        "side": opened.store.crop_size[0] / block,
        "field": name,
        "note": ("" if known else "Where the cell lies in it is not recorded. ")
        + f"Each channel is stretched by itself; {block} × {block} pixels are one here.",
    }
