"""Small OME-Zarr plates, of both formats that are in use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

FORMATS = {"0.4": 2, "0.5": 3}
"""Version of NGFF: version of Zarr."""


def attributes(folder: Path, told: Mapping[str, object], ngff: str) -> None:
    """Write the attributes of a group as the format has them."""
    folder.mkdir(parents=True, exist_ok=True)
    if ngff == "0.4":
        (folder / ".zgroup").write_text('{"zarr_format": 2}', encoding="utf-8")
        (folder / ".zattrs").write_text(json.dumps(told), encoding="utf-8")
        return
    group = {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {"ome": {"version": ngff, **told}},
    }
    (folder / "zarr.json").write_text(json.dumps(group), encoding="utf-8")


def field(
    folder: Path,
    pixels: npt.NDArray[np.generic],
    ngff: str,
    axes: str = "czyx",
    labels: Sequence[str] | None = ("DAPI", "Tubulin"),
) -> None:
    """Write one field, its array at full resolution in `0`."""
    zarr = pytest.importorskip("zarr")
    told: dict[str, object] = {
        "multiscales": [
            {"version": ngff, "axes": [{"name": a} for a in axes], "datasets": [{"path": "0"}]}
        ]
    }
    if labels is not None:
        told["omero"] = {"channels": [{"label": label} for label in labels]}
    attributes(folder, told, ngff)
    chunks = tuple(
        1 if name in "tcz" else side for name, side in zip(axes, pixels.shape, strict=True)
    )
    array = zarr.create_array(
        str(folder / "0"),
        shape=pixels.shape,
        chunks=chunks,
        dtype=pixels.dtype,
        zarr_format=FORMATS[ngff],
    )
    array[:] = pixels


def plate(
    folder: Path,
    wells: Mapping[str, Sequence[npt.NDArray[np.generic]]],
    ngff: str,
    axes: str = "czyx",
    labels: Sequence[str] | None = ("DAPI", "Tubulin"),
) -> None:
    """Write a plate: fields of each well, named by row and column as `B/02`."""
    told = {"wells": [{"path": well} for well in wells], "name": "not the folder's name"}
    attributes(folder, {"plate": told}, ngff)
    for well, fields in wells.items():
        images = [{"path": str(number)} for number in range(len(fields))]
        attributes(folder / well, {"well": {"images": images}}, ngff)
        for number, pixels in enumerate(fields):
            field(folder / well / str(number), pixels, ngff, axes, labels)
