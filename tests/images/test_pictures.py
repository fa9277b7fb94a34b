from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phenovae.base.errors import InputError
from phenovae.images.pictures import read_picture

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
WIDE = GREY.astype(np.uint16) * 200
EMPTY = np.zeros_like(GREY)


def saved(path: Path, pixels: npt.NDArray[np.generic], quality: int = 90) -> Path:
    if path.suffix == ".tif":
        grey = pixels.ndim == 2 or pixels.shape[-1] > 4
        tifffile.imwrite(path, pixels, photometric="minisblack" if grey else "rgb")
    elif path.suffix == ".jpg":
        PIL.Image.fromarray(pixels).save(path, quality=quality)
    else:
        PIL.Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize("pixels", [GREY, WIDE])
def test_grey_images_come_as_they_are(
    tmp_path: Path, suffix: str, pixels: npt.NDArray[np.generic]
) -> None:
    read = read_picture(saved(tmp_path / f"a b{suffix}", pixels))
    assert read.dtype == pixels.dtype
    np.testing.assert_array_equal(read, pixels)


def test_a_grey_jpeg_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    saved(tmp_path / "a.jpg", GREY, quality=100)
    (tmp_path / "a.jpg").rename(tmp_path / "a.tif")
    assert np.abs(read_picture(tmp_path / "a.tif").astype(int) - GREY).max() <= 3


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
def test_equal_colours_are_grey(tmp_path: Path, suffix: str) -> None:
    read = read_picture(saved(tmp_path / f"a{suffix}", np.stack([GREY] * 3, -1)))
    assert np.abs(read.astype(int) - GREY).max() <= (20 if suffix == ".jpg" else 0)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_one_colour_that_is_not_empty_is_taken(tmp_path: Path, suffix: str, place: int) -> None:
    colours = [EMPTY, EMPTY, EMPTY]
    colours[place] = GREY
    for more in ([], [np.full_like(GREY, 255)]):
        pixels = np.stack([*colours, *more], -1)
        np.testing.assert_array_equal(read_picture(saved(tmp_path / f"a{suffix}", pixels)), GREY)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
def test_colours_that_differ_are_refused(tmp_path: Path, suffix: str) -> None:
    path = saved(tmp_path / f"a{suffix}", np.stack([GREY, GREY[::-1], EMPTY], -1))
    with pytest.raises(InputError, match="colours that differ"):
        read_picture(path)


def test_stacks_other_types_and_folders_are_refused(tmp_path: Path) -> None:
    stack = saved(tmp_path / "stack.tif", np.stack([GREY] * 7))
    with pytest.raises(InputError, match="7 planes"):
        read_picture(stack)
    pair = saved(tmp_path / "two.tif", np.stack([GREY, GREY[::-1]]))
    with pytest.raises(InputError, match="2 planes"):
        read_picture(pair)
    with pytest.raises(InputError, match="float32"):
        read_picture(saved(tmp_path / "float.tif", GREY.astype(np.float32)))
    with pytest.raises(InputError, match="folder"):
        read_picture(tmp_path)
    with pytest.raises(InputError, match="no such image"):
        read_picture(tmp_path / "nowhere.png")
    PIL.Image.fromarray(np.stack([GREY] * 4, -1), "CMYK").save(tmp_path / "ink.jpg")
    with pytest.raises(InputError, match="CMYK"):
        read_picture(tmp_path / "ink.jpg")


def test_a_claimed_size_is_not_believed(tmp_path: Path) -> None:
    saved(tmp_path / "a.jpg", GREY)
    whole = (tmp_path / "a.jpg").read_bytes()
    start = whole.index(b"\xff\xc0") + 5
    (tmp_path / "a.jpg").write_bytes(
        whole[:start] + struct.pack(">HH", 65000, 65000) + whole[start + 4 :]
    )
    with pytest.raises(InputError, match=r"cannot be read|claims"):
        read_picture(tmp_path / "a.jpg")
    header = struct.pack(">IIBBBBB", 200_000, 200_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    (tmp_path / "a.png").write_bytes(png + struct.pack(">I", zlib.crc32(chunk)))
    with pytest.raises(InputError):
        read_picture(tmp_path / "a.png")


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["jpg", "png", "tif"]),
    st.integers(0, 10_000),
    st.binary(min_size=0, max_size=4),
    st.booleans(),
)
def test_damaged_files_are_refused_or_read_never_worse(
    tmp_path: Path, kind: str, place: int, other: bytes, cut: bool
) -> None:
    path = saved(tmp_path / f"a.{kind}", np.stack([GREY] * 3, -1))
    whole = path.read_bytes()
    place %= len(whole)
    path.write_bytes(whole[:place] + other + (b"" if cut else whole[place + len(other) :]))
    try:
        assert read_picture(path).ndim == 2
    except InputError as error:
        assert str(path) in str(error)
