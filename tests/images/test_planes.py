from __future__ import annotations

import io
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from phenovae.base.errors import InputError
from phenovae.images.reading import ImageHeader, probe_plane, read_image, read_plane, read_site

Pixels = npt.NDArray[np.generic]

STACK: npt.NDArray[np.uint16] = (np.arange(3 * 12 * 17).reshape(3, 12, 17) * 100).astype(np.uint16)
COLOURS = np.ascontiguousarray(STACK.transpose(1, 2, 0))


def check_planes(path: Path, planes: Pixels) -> None:
    """Every plane is read alone, is told by the header, and comes with the others from one site."""
    for plane, pixels in enumerate(planes):
        read = read_plane(path, plane)
        assert read.dtype == pixels.dtype
        assert read.flags.c_contiguous
        assert read.flags.writeable
        assert np.array_equal(read, pixels)
        height, width = pixels.shape
        header = probe_plane(path, plane)
        assert header == ImageHeader(height, width, pixels.dtype.name, len(planes))
    site = read_site(path.parent, [(path.name, plane) for plane in reversed(range(len(planes)))])
    assert np.array_equal(site, planes[::-1])


@pytest.mark.parametrize(
    ("pixels", "how"),
    [
        (STACK, {"photometric": "minisblack"}),
        (STACK, {"photometric": "minisblack", "metadata": None}),
        (STACK, {"photometric": "minisblack", "bigtiff": True, "byteorder": ">"}),
        (STACK, {"photometric": "minisblack", "compression": "zlib", "predictor": True}),
        (STACK, {"photometric": "minisblack", "truncate": True}),
        (STACK, {"photometric": "minisblack", "rowsperstrip": 5}),
        (STACK, {"photometric": "rgb", "planarconfig": "separate"}),
        (STACK, {"imagej": True, "metadata": {"axes": "CYX"}}),
        (STACK, {"ome": True, "metadata": {"axes": "CYX"}}),
        (STACK, {"ome": True, "photometric": "rgb", "planarconfig": "separate"}),
        (STACK[:1], {"ome": True, "metadata": {"axes": "CYX"}}),
    ],
    ids=str,
)
def test_every_plane_of_a_tiff_is_read_whatever_its_order(
    tmp_path: Path, pixels: Pixels, how: dict[str, Any]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels, **how)
    check_planes(tmp_path / "a.tif", pixels)


@pytest.mark.parametrize("ome", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_of_a_tiff_are_planes(tmp_path: Path, dtype: type, ome: bool) -> None:
    tifffile.imwrite(tmp_path / "a.tif", COLOURS.astype(dtype), photometric="rgb", ome=ome)
    check_planes(tmp_path / "a.tif", STACK.astype(dtype))


def test_a_fourth_colour_is_a_plane_too(tmp_path: Path) -> None:
    four = np.concatenate([STACK, STACK[:1]]).astype(np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.ascontiguousarray(four.transpose(1, 2, 0)),
        photometric="rgb",
        extrasamples=["unassalpha"],
    )
    check_planes(tmp_path / "a.tif", four)


@pytest.mark.parametrize("packing", ["tiff_lzw", "packbits", "tiff_deflate"])
@pytest.mark.parametrize("pages", [1, 3])
def test_a_packed_tiff_is_read_without_another_package(
    tmp_path: Path, packing: str, pages: int
) -> None:
    grey = [PIL.Image.fromarray(plane) for plane in STACK[:pages]]
    grey[0].save(
        tmp_path / "a.tif", compression=packing, save_all=pages > 1, append_images=grey[1:]
    )
    check_planes(tmp_path / "a.tif", STACK[:pages])
    colours = PIL.Image.fromarray(COLOURS.astype(np.uint8))
    colours.save(tmp_path / "b.tif", compression=packing)
    check_planes(tmp_path / "b.tif", STACK.astype(np.uint8))


def test_packing_that_nothing_undoes_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    image = PIL.Image.fromarray(STACK[0].astype(np.uint8))
    image.save(tmp_path / "a.tif", compression="jpeg")
    for look in (read_plane, probe_plane):
        with pytest.raises(InputError, match=r"packed by JPEG: .* imagecodecs") as caught:
            look(tmp_path / "a.tif")
        assert "pip install imagecodecs" in str(caught.value)


@pytest.mark.parametrize(
    ("pixels", "how", "said"),
    [
        (STACK.astype(np.float32)[0], {}, "holds float32"),
        (STACK.astype(np.int16)[0], {}, "holds int16"),
        (STACK.astype(np.uint32)[0], {}, "holds uint32"),
        (STACK[0] > 100, {}, "holds bool"),
        (np.stack([STACK, STACK]), {"imagej": True, "metadata": {"axes": "ZCYX"}}, "2 depths × 3"),
        (np.stack([STACK, STACK]), {"ome": True, "metadata": {"axes": "TCYX"}}, "2 times × 3"),
        (
            STACK[0].astype(np.uint8),
            {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)},
            "neither grey nor RGB but PALETTE",
        ),
    ],
    ids=str,
)
def test_what_is_no_plane_of_counts_is_refused_with_a_mend_before_its_pixels_are_read(
    tmp_path: Path, pixels: Pixels, how: dict[str, Any], said: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels, **how)
    for look in (read_plane, probe_plane):
        with pytest.raises(InputError, match=said) as caught:
            look(tmp_path / "a.tif", 0)
        assert caught.value.mend
        assert caught.value.where == tmp_path / "a.tif"


def test_a_plane_must_be_chosen_and_be_there(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "three.tif", STACK, photometric="minisblack")
    tifffile.imwrite(tmp_path / "one.tif", STACK[0])
    for look in (read_plane, probe_plane):
        with pytest.raises(InputError, match="3 planes and none is chosen"):
            look(tmp_path / "three.tif")
        with pytest.raises(InputError, match="3 planes; plane 3 is not among them"):
            look(tmp_path / "three.tif", 3)
        with pytest.raises(InputError, match="has 1 plane; plane -1"):
            look(tmp_path / "one.tif", -1)
    assert np.array_equal(read_plane(tmp_path / "one.tif"), read_image(tmp_path / "one.tif"))


def test_a_file_of_an_ome_set_is_read_for_its_own_plane(tmp_path: Path) -> None:
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" '
        'SizeX="17" SizeY="12" SizeC="2" SizeZ="1" SizeT="1">'
        '<Channel ID="Channel:0:0"/><Channel ID="Channel:0:1"/>'
        + "".join(
            f'<TiffData FirstC="{c}" IFD="0" PlaneCount="1"><UUID FileName="c{c}.ome.tif">'
            f"urn:uuid:{c}</UUID></TiffData>"
            for c in (0, 1)
        )
        + "</Pixels></Image></OME>"
    )
    for c in (0, 1):
        tifffile.imwrite(tmp_path / f"c{c}.ome.tif", STACK[c], description=xml, metadata=None)
    assert np.array_equal(read_plane(tmp_path / "c1.ome.tif"), STACK[1])
    (tmp_path / "c0.ome.tif").unlink()
    assert np.array_equal(read_plane(tmp_path / "c1.ome.tif"), STACK[1])


# --- PNG


def png(pixels: Pixels, colour_type: int, filters: list[int]) -> bytes:
    """A PNG written by hand, (height, width, samples), each row with a filter of its own."""
    height, width, samples = pixels.shape
    raw = pixels.astype(">u2" if pixels.dtype == np.uint16 else "u1").tobytes()
    size = samples * pixels.dtype.itemsize
    stride, above, packed = width * size, bytes(width * size), bytearray()
    for y in range(height):
        row, kind = raw[y * stride : (y + 1) * stride], filters[y % len(filters)]
        packed.append(kind)
        for i, value in enumerate(row):
            a = row[i - size] if i >= size else 0
            b, c = above[i], above[i - size] if i >= size else 0
            nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            packed.append((value - [0, a, b, (a + b) // 2, nearest][kind]) % 256)
        above = row

    def piece(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8 * pixels.dtype.itemsize, colour_type, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            piece(b"IHDR", head),
            piece(b"IDAT", zlib.compress(bytes(packed))),
            piece(b"IEND", b""),
        ]
    )


@settings(max_examples=40)
@given(
    kind=st.sampled_from([(0, 1), (2, 3), (6, 4)]),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    filters=st.lists(st.integers(0, 4), min_size=1, max_size=5),
    data=st.data(),
)
def test_every_plane_of_a_png_comes_back_value_for_value(
    kind: tuple[int, int],
    dtype: type,
    size: tuple[int, int],
    filters: list[int],
    data: st.DataObject,
) -> None:
    pixels = data.draw(arrays(dtype, (*size, kind[1])))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.png"
        path.write_bytes(png(pixels, kind[0], filters))
        check_planes(path, pixels.transpose(2, 0, 1))


def test_a_grey_png_with_transparency_has_two_planes_of_8_bits(tmp_path: Path) -> None:
    pixels = COLOURS[..., :2].astype(np.uint8)
    (tmp_path / "a.png").write_bytes(png(pixels, 4, [0]))
    check_planes(tmp_path / "a.png", pixels.transpose(2, 0, 1))
    (tmp_path / "b.png").write_bytes(png(COLOURS[..., :2], 4, [0]))
    with pytest.raises(InputError, match="grey of 16 bits with transparency"):
        probe_plane(tmp_path / "b.png", 0)


@pytest.mark.parametrize(
    ("mode", "said"), [("P", "has a palette"), ("1", "has 1 bits of colour type 0")]
)
def test_a_png_without_intensities_is_refused(tmp_path: Path, mode: str, said: str) -> None:
    PIL.Image.fromarray(STACK[0].astype(np.uint8)).convert(mode).save(tmp_path / "a.png")
    for look in (read_plane, probe_plane):
        with pytest.raises(InputError, match=said) as caught:
            look(tmp_path / "a.png")
        assert caught.value.mend


def test_a_png_that_claims_too_much_is_refused_before_room_is_made(tmp_path: Path) -> None:
    raw = bytearray(png(STACK[0][..., None], 0, [0]))
    raw[16:24] = struct.pack(">II", 60_000, 60_000)
    (tmp_path / "a.png").write_bytes(raw)
    with pytest.raises(InputError, match="60000 × 60000 × 1"):
        read_plane(tmp_path / "a.png")


# --- damage


@settings(max_examples=150)
@given(
    damage=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), min_size=1, max_size=4),
    kind=st.sampled_from(["pages", "colours", "lzw", "png", "png16"]),
)
def test_no_damage_brings_the_reader_down(damage: list[tuple[int, int]], kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        raw = bytearray(_DAMAGEABLE[kind])
        for place, byte in damage:
            raw[place % len(raw)] = byte
        path.write_bytes(raw)
        for look in (probe_plane, read_plane):
            try:
                look(path, 1)
            except InputError as error:
                assert error.where == path


def _as_bytes(kind: str) -> bytes:
    file = io.BytesIO()
    if kind == "pages":
        tifffile.imwrite(file, STACK, photometric="minisblack")
    elif kind == "colours":
        tifffile.imwrite(file, COLOURS, photometric="rgb", compression="zlib")
    elif kind == "lzw":
        grey = [PIL.Image.fromarray(plane) for plane in STACK]
        grey[0].save(file, "TIFF", compression="tiff_lzw", save_all=True, append_images=grey[1:])
    elif kind == "png":
        PIL.Image.fromarray(COLOURS.astype(np.uint8)).save(file, "PNG")
    else:
        file.write(png(COLOURS, 2, [0, 4]))
    return file.getvalue()


_DAMAGEABLE = {kind: _as_bytes(kind) for kind in ("pages", "colours", "lzw", "png", "png16")}


@pytest.mark.parametrize("kind", _DAMAGEABLE)
def test_a_file_cut_short_anywhere_is_refused_or_has_lost_nothing(
    tmp_path: Path, kind: str
) -> None:
    path, whole = tmp_path / "a", _DAMAGEABLE[kind]
    path.write_bytes(whole)
    pixels, refused = read_plane(path, 2), 0
    cuts = [*range(0, len(whole), 13), len(whole) - 1]
    for length in cuts:
        path.write_bytes(whole[:length])
        try:
            assert np.array_equal(read_plane(path, 2), pixels)
        except InputError:
            refused += 1
    assert refused >= len(cuts) * 0.6


@pytest.mark.parametrize("kind", ["plain", "png"])
def test_the_header_tells_of_pixels_that_are_cut_off(tmp_path: Path, kind: str) -> None:
    tifffile.imwrite(tmp_path / "plain", STACK[0])
    (tmp_path / "png").write_bytes(_DAMAGEABLE["png"])
    whole = (tmp_path / kind).read_bytes()
    (tmp_path / kind).write_bytes(whole[:-20])
    with pytest.raises(InputError, match="cut short"):
        probe_plane(tmp_path / kind, 0)


def test_the_first_bytes_decide_and_not_the_ending_of_the_name(tmp_path: Path) -> None:
    PIL.Image.fromarray(STACK[0]).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.tif")
    assert np.array_equal(read_plane(tmp_path / "a.tif"), STACK[0])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty: 0 bytes"),
        (b"\xff\xd8\xff\xe0" + bytes(20), "is JPEG"),
        (b"PK\x03\x04" + bytes(20), "is a zip archive"),
        (b"some text", "neither TIFF nor PNG"),
        (b"II*\0", "cannot be read"),
        (b"\x89PNG\r\n\x1a\n", "it has no header"),
    ],
)
def test_another_kind_of_file_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    for look in (read_plane, probe_plane):
        with pytest.raises(InputError, match=said):
            look(tmp_path / "a.tif")


def test_no_file_a_folder_and_a_name_that_cannot_be_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a b.tif").mkdir()
    with pytest.raises(InputError, match="the image is a folder"):
        read_plane(tmp_path / "a b.tif")
    with pytest.raises(InputError, match="there is no such image"):
        read_plane(tmp_path / "gone.tif")
    with pytest.raises(InputError, match="cannot be read"):
        read_plane(tmp_path / "a\0b.tif")


# --- whole sites


def test_channels_of_one_site_may_lie_in_several_files(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "two.tif", STACK[:2], photometric="minisblack")
    tifffile.imwrite(tmp_path / "one.tif", STACK[2])
    site = read_site(tmp_path, [("two.tif", 1), ("one.tif", None), ("two.tif", 0)])
    assert np.array_equal(site, STACK[[1, 2, 0]])


def test_channels_of_8_and_16_bits_become_16_with_their_values(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((2, 2), 200, np.uint8))
    tifffile.imwrite(tmp_path / "b.tif", np.full((2, 2), 4000, np.uint16))
    site = read_site(tmp_path, [("a.tif", None), ("b.tif", None)])
    assert site.dtype == np.uint16
    assert site[:, 0, 0].tolist() == [200, 4000]


def test_channels_of_two_sizes_and_no_channels_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 3), np.uint8))
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((3, 2), np.uint8))
    with pytest.raises(InputError, match=r"differ in size: a.tif has 3 × 2, b.tif has 2 × 3"):
        read_site(tmp_path, [("a.tif", None), ("b.tif", None)])
    with pytest.raises(InputError, match="no channels"):
        read_site(tmp_path, [])
