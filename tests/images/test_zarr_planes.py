from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests.screen.zarr_plates import FORMATS, attributes, field

from phenovae.base.errors import InputError, MissingExtraError
from phenovae.images.reading import ImageHeader, probe_plane, read_plane, read_site

pytest.importorskip("zarr")

PIXELS: npt.NDArray[np.uint16] = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 3, 4, 5)


@pytest.mark.parametrize("ngff", FORMATS)
def test_the_plane_of_a_field_is_the_maximum_of_its_depths(tmp_path: Path, ngff: str) -> None:
    field(tmp_path / "a b.zarr" / "B" / "02" / "0", PIXELS, ngff)
    path = tmp_path / "a b.zarr" / "B" / "02" / "0"
    assert probe_plane(path, 1) == ImageHeader(4, 5, "uint16", 2)
    assert np.array_equal(read_plane(path, 1), PIXELS[1, 2])  # values grow with the depth
    site = read_site(tmp_path, [("a b.zarr/B/02/0", 1), ("a b.zarr/B/02/0", 0)])
    assert np.array_equal(site, PIXELS[::-1].max(axis=1))


@pytest.mark.parametrize(
    ("axes", "pixels", "expected"),
    [
        ("yx", PIXELS[0, 0], PIXELS[0, 0]),
        ("cyx", PIXELS[:, 0], PIXELS[0, 0]),
        ("tczyx", PIXELS[None, :, :1], PIXELS[0, 0]),
        ("cxy", PIXELS[:, 0], PIXELS[0, 0].T),
        ("cyx", PIXELS[:, 0].astype(">u2"), PIXELS[0, 0]),
        ("cyx", PIXELS[:, 0].astype(np.uint8), PIXELS[0, 0].astype(np.uint8)),
    ],
    ids=str,
)
def test_axes_are_read_by_name(
    tmp_path: Path, axes: str, pixels: npt.NDArray[np.generic], expected: npt.NDArray[np.generic]
) -> None:
    field(tmp_path / "f", pixels, "0.4", axes)
    read = read_plane(tmp_path / "f", 0)
    assert read.dtype == expected.dtype
    assert np.array_equal(read, expected)


def test_what_cannot_be_a_plane_is_refused_by_the_header(tmp_path: Path) -> None:
    field(tmp_path / "times", PIXELS[0], "0.5", "tyx")
    field(tmp_path / "floats", PIXELS[0, 0].astype(np.float32), "0.5", "yx")
    field(tmp_path / "planes", PIXELS[:, 0], "0.5", "cyx")
    for name, plane, said in (
        ("times", 0, "has 3 times"),
        ("floats", 0, "holds float32"),
        ("planes", None, "2 planes and none is chosen"),
        ("planes", 2, "plane 2 is not among them"),
    ):
        with pytest.raises(InputError, match=said):
            probe_plane(tmp_path / name, plane)


def test_a_damaged_field_is_a_clear_error(tmp_path: Path) -> None:
    field(tmp_path / "f", PIXELS, "0.4")
    for chunk in (tmp_path / "f" / "0").rglob("[0-9]*"):
        if chunk.is_file():
            chunk.write_bytes(b"no chunk")
    with pytest.raises(InputError, match="cannot be read"):
        read_plane(tmp_path / "f", 0)
    (tmp_path / "f" / "0" / ".zarray").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read"):
        probe_plane(tmp_path / "f", 0)
    shutil.rmtree(tmp_path / "f" / "0")
    with pytest.raises(InputError, match="cannot be read"):
        probe_plane(tmp_path / "f", 0)
    attributes(tmp_path / "g", {}, "0.5")
    with pytest.raises(InputError, match="no field of an OME-Zarr"):
        probe_plane(tmp_path / "g", 0)


def test_without_zarr_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attributes(tmp_path / "f", {}, "0.4")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(MissingExtraError, match="needs the package zarr") as caught:
        read_plane(tmp_path / "f", 0)
    assert "phenovae[zarr]" in str(caught.value)
