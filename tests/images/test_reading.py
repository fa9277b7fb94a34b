from __future__ import annotations

import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from phenovae.base.errors import InputError
from phenovae.images.reading import read_image

PIXELS = np.arange(12 * 17, dtype=np.uint16).reshape(12, 17) * 300


@settings(max_examples=40, deadline=None)
@given(
    pixels=st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
        lambda shape: st.one_of(
            arrays(np.uint16, shape, elements=st.integers(0, 65535)),
            arrays(np.uint8, shape, elements=st.integers(0, 255)),
        )
    )
)
def test_a_grey_image_comes_back_pixel_for_pixel(
    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tif"
        tifffile.imwrite(path, pixels, photometric="minisblack")
        read = read_image(path)
    assert read.dtype == pixels.dtype
    assert np.array_equal(read, pixels)


@pytest.mark.parametrize(
    "how",
    [
        {"byteorder": ">"},
        {"compression": "zlib"},
        {"rowsperstrip": 3},
        {"tile": (16, 16)},
        {"imagej": True},
        {"bigtiff": True},
    ],
    ids=str,
)
def test_every_way_of_writing_a_tiff_gives_the_same_pixels(
    tmp_path: Path, how: dict[str, Any]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, **how)
    read = read_image(tmp_path / "a.tif")
    assert read.dtype == np.uint16
    assert np.array_equal(read, PIXELS)


def test_a_tiff_written_by_hand_is_read(tmp_path: Path) -> None:
    # header, one directory of eight entries, two rows of two pixels
    entries = [
        (256, 3, 1, 2),  # width
        (257, 3, 1, 2),  # height
        (258, 3, 1, 16),  # bits
        (259, 3, 1, 1),  # not packed
        (262, 3, 1, 1),  # black is 0
        (273, 4, 1, 8 + 2 + 8 * 12 + 4),  # where the pixels are
        (278, 3, 1, 2),  # rows of the strip
        (279, 4, 1, 8),  # bytes of the strip
    ]
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries)
    raw = struct.pack("<2sHI", b"II", 42, 8) + directory + struct.pack("<I", 0)
    raw += struct.pack("<4H", 1, 2, 300, 65535)
    (tmp_path / "a.tif").write_bytes(raw)
    assert read_image(tmp_path / "a.tif").tolist() == [[1, 2], [300, 65535]]


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (np.zeros((4, 5, 3), np.uint8), r"not one grey plane but \(4, 5, 3\)"),
        (np.zeros((2, 4, 5), np.uint16), r"not one grey plane but \(2, 4, 5\)"),
        (np.zeros((4, 5), np.float32), "holds float32, not uint8 or uint16"),
        (np.zeros((4, 5), np.int16), "holds int16"),
        (np.zeros((4, 5), np.uint32), "holds uint32"),
        (np.zeros((4, 5), bool), "holds bool"),
    ],
)
def test_what_is_no_grey_image_of_8_or_16_bit_is_refused(
    tmp_path: Path, pixels: npt.NDArray[np.generic], said: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    with pytest.raises(InputError, match=said) as caught:
        read_image(tmp_path / "a.tif")
    assert "a.tif" in str(caught.value)


@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}, {"rowsperstrip": 3}], ids=str)
def test_a_tiff_cut_short_anywhere_is_refused(tmp_path: Path, how: dict[str, Any]) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS, **how)
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 11), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="the image cannot be read"):
            read_image(path)


@pytest.mark.parametrize(
    ("tile", "tags"), [(None, (256, 257)), ((16, 16), (322, 323))], ids=["image", "tile"]
)
def test_an_image_or_a_tile_larger_than_any_field_is_refused_before_room_is_made(
    tmp_path: Path, tile: tuple[int, int] | None, tags: tuple[int, int]
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS, tile=tile)
    with tifffile.TiffFile(path, mode="r+") as file:
        page = file.pages.first
        for tag in tags:
            page.tags[tag].overwrite(60_000)
    with pytest.raises(InputError, match="cannot be read") as caught:
        read_image(path)
    assert "60000 × 60000" in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(
    damage=st.lists(st.tuples(st.integers(0, 330), st.integers(0, 255)), min_size=1, max_size=4),
    packed=st.booleans(),
)
def test_no_damage_to_a_tiff_brings_the_reader_down(
    damage: list[tuple[int, int]], packed: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tif"
        tifffile.imwrite(path, PIXELS, compression="zlib" if packed else None)
        raw = bytearray(path.read_bytes())
        for place, byte in damage:
            raw[place] = byte
        path.write_bytes(raw)
        try:
            read = read_image(path)
        except InputError as error:
            assert error.where == path
        else:
            assert read.ndim == 2
            assert read.dtype in (np.uint8, np.uint16)


def test_no_file_a_folder_and_another_format_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such image"):
        read_image(tmp_path / "gone.tif")
    (tmp_path / "folder.tif").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        read_image(tmp_path / "folder.tif")
    (tmp_path / "picture.tif").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(InputError, match="cannot be read: not a TIFF file"):
        read_image(tmp_path / "picture.tif")
