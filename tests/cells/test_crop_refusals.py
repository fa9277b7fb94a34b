from __future__ import annotations

import io
import os
import pickle
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cells.made import (
    cell_pixels,
    field_name,
    options,
    six_cells,
    table_row,
    write_rows,
)

from phenovae.base.errors import InputError
from phenovae.cells.crop_files import RefusedFileError, name_of, probe
from phenovae.cells.importing import import_crops
from phenovae.cells.refusals import ERRORS, Refusal, write_refusals
from phenovae.cells.store import CellStore
from phenovae.screen.bbbc021.single_cells import single_cells

BAD = field_name(77)


def npy_bytes(pixels: npt.NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, pixels)
    return buffer.getvalue()


def whole() -> bytes:
    return npy_bytes(cell_pixels(0))


def floats(value: float) -> bytes:
    pixels = cell_pixels(0).astype(np.float32)
    pixels[0, 0, 0] = value
    return npy_bytes(pixels)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "another shape": (
        lambda: npy_bytes(cell_pixels(0, side=10)),
        "shape 10 × 10 × 3, not 12 × 12 × 3",
    ),
    "fewer channels": (
        lambda: npy_bytes(cell_pixels(0, channels=2)),
        "shape 12 × 12 × 2, not 12 × 12 × 3",
    ),
    "one plane": (lambda: npy_bytes(cell_pixels(0)[..., 0]), "shape 12 × 12, not 12 × 12 × 3"),
    "a scalar": (lambda: npy_bytes(np.array(3, np.uint16)), "shape scalar, not 12 × 12 × 3"),
    "no pixels": (
        lambda: npy_bytes(np.zeros((0, 12, 3), np.uint16)),
        "shape 0 × 12 × 3, not 12 × 12 × 3",
    ),
    "8 bit": (lambda: npy_bytes(cell_pixels(0, dtype="uint8")), "dtype uint8, not uint16"),
    "32 bit": (lambda: npy_bytes(cell_pixels(0).astype(np.uint32)), "dtype uint32, not uint16"),
    "signed": (lambda: npy_bytes(cell_pixels(0).astype(np.int16)), "dtype int16, not uint16"),
    "the other byte order": (
        lambda: npy_bytes(cell_pixels(0).astype(">u2")),
        "dtype >u2, not uint16",
    ),
    "floats": (lambda: floats(0.5), "dtype float32, not uint16"),
    "a NaN": (lambda: floats(np.nan), "NaN or infinite values (float32, not uint16)"),
    "an infinity": (lambda: floats(np.inf), "NaN or infinite values (float32, not uint16)"),
    "Fortran order": (
        lambda: npy_bytes(np.asfortranarray(cell_pixels(0))),
        "axes in Fortran order; save it with np.ascontiguousarray",
    ),
    "objects": (
        lambda: npy_bytes(np.full((12, 12, 3), None, object)),
        "an object array, which is never unpickled",
    ),
    "nothing": (lambda: b"", "truncated"),
    "half the magic": (lambda: whole()[:5], "truncated"),
    "half a header": (lambda: whole()[:60], "truncated"),
    "a header alone": (lambda: whole()[:128], "truncated"),
    "one byte too few": (lambda: whole()[:-1], "truncated"),
    "one byte too many": (lambda: whole() + b"\0", "longer than its header says"),
    "other bytes": (lambda: b"II*\0" * 200, "no .npy file: damaged header"),
    "a torn header": (
        lambda: whole().replace(b"'shape': (", b"'shape'= ("),
        "no .npy file: damaged header",
    ),
    "an open bracket": (lambda: whole().replace(b"3)", b"3,"), "no .npy file: damaged header"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_does_not_fit_is_refused_with_its_reason_and_stops_nothing(
    tmp_path: Path, what: str
) -> None:
    make, reason = REFUSED[what]
    crops, table = six_cells(tmp_path)
    bad = crops / BAD / f"{BAD}_1.npy"
    bad.parent.mkdir()
    bad.write_bytes(make())
    with table.open("a") as file:
        file.write(",".join(table_row(BAD, 1).values()) + "\n")
    report = import_crops(single_cells(), options(crops, table), tmp_path / "store")
    assert report.refused == (Refusal("import", f"{BAD}/{BAD}_1.npy", reason),)
    assert (report.found, report.imported, report.rows_without_file) == (7, 6, 0)
    assert "6 files imported, 0 without metadata, 1 refused for other reasons" in report.joins[0]
    assert len(CellStore.open(tmp_path / "store")) == 6


class _Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self._path),)


def test_an_object_array_is_never_unpickled(tmp_path: Path) -> None:
    crops, table = six_cells(tmp_path)
    np.save(
        crops / f"{BAD}_1.npy",
        np.array([_Trap(tmp_path / "sprung")], dtype=object),
        allow_pickle=True,
    )
    (crops / f"{BAD}_2.npy").write_bytes(pickle.dumps(_Trap(tmp_path / "sprung")))
    report = import_crops(single_cells(), options(crops, table), tmp_path / "store")
    assert [each.reason for each in report.refused] == [
        "an object array, which is never unpickled",
        "no .npy file: damaged header",
    ]
    assert not (tmp_path / "sprung").exists()
    np.load(crops / f"{BAD}_1.npy", allow_pickle=True)
    assert (tmp_path / "sprung").exists()  # the trap works: another reader would have sprung it


def test_a_name_without_a_number_is_refused(tmp_path: Path) -> None:
    crops, table = six_cells(tmp_path)
    np.save(crops / "notes.npy", cell_pixels(0))
    np.save(crops / f"{BAD}_{2**63}.npy", cell_pixels(0))
    report = import_crops(single_cells(), options(crops, table), tmp_path / "store")
    assert {each.file: each.reason for each in report.refused} == {
        "notes.npy": "the name does not end in the number of a cell",
        f"{BAD}_{2**63}.npy": "the number of the cell is too large",
    }


def test_the_same_cell_in_two_layouts_is_stored_once(tmp_path: Path) -> None:
    crops, table = six_cells(tmp_path, nested=True)
    field = field_name(0)
    np.save(crops / f"{field}_3.npy", cell_pixels(5))
    np.save(crops / f"{field}_0003.npy", cell_pixels(6))
    report = import_crops(single_cells(), options(crops, table), tmp_path / "store")
    assert (report.found, report.imported) == (8, 6)
    first = f"{field}/{field}_3.npy"
    assert [(each.file, each.reason) for each in report.refused] == [
        (f"{field}_0003.npy", f"the same cell as {first}"),
        (f"{field}_3.npy", f"the same cell as {first}"),
    ]


def test_a_whole_copy_replaces_a_damaged_one_of_the_same_cell(tmp_path: Path) -> None:
    crops, table = six_cells(tmp_path, nested=True)
    field = field_name(0)
    damaged = crops / field / f"{field}_3.npy"
    np.save(crops / damaged.name, cell_pixels(3))
    damaged.write_bytes(damaged.read_bytes()[:200])
    report = import_crops(single_cells(), options(crops, table), tmp_path / "store")
    assert [each.reason for each in report.refused] == ["truncated"]
    assert (report.imported, report.rows_without_file) == (6, 0)


def test_a_folder_and_a_pipe_with_the_ending_of_a_crop_are_refused(tmp_path: Path) -> None:
    crops, table = six_cells(tmp_path)
    (crops / f"{BAD}_1.npy").mkdir()
    os.mkfifo(crops / f"{BAD}_2.npy")
    report = import_crops(single_cells(), options(crops, table), tmp_path / "store")
    assert [each.reason for each in report.refused] == ["a folder or a device, no file"] * 2
    assert (report.found, report.imported) == (8, 6)


def test_links_that_lead_nowhere_or_round_are_refused_or_not_followed(tmp_path: Path) -> None:
    crops, table = six_cells(tmp_path)
    (crops / "again").symlink_to(crops, target_is_directory=True)
    (crops / f"{BAD}_1.npy").symlink_to(crops / f"{BAD}_1.npy")
    (crops / f"{BAD}_2.npy").symlink_to(crops / "gone.npy")
    report = import_crops(single_cells(), options(crops, table), tmp_path / "store")
    reasons = [each.reason for each in report.refused]
    assert len(reasons) == 2
    assert reasons[0].startswith("cannot be read: Too many levels of symbolic links")
    assert reasons[1] == "cannot be read: No such file or directory"
    assert (report.found, report.imported) == (8, 6)


def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, table = six_cells(tmp_path)
    closed = f"{field_name(0)}_3.npy"
    opened = Path.open

    def guarded(self: Path, *arguments: object, **named: object) -> object:
        if self.name == closed:
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *arguments, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", guarded)
    report = import_crops(single_cells(), options(crops, table), tmp_path / "store")
    assert [each.reason for each in report.refused] == ["cannot be read: Permission denied"]
    assert report.imported == 5


def test_a_file_that_is_lost_between_its_header_and_its_pixels_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, table = six_cells(tmp_path)
    lost = f"{field_name(0)}_3.npy"
    load: Callable[..., object] = np.load

    def losing(path: Path, **named: object) -> object:
        if Path(path).name == lost:
            raise OSError(5, "Input/output error")
        return load(path, **named)

    monkeypatch.setattr(np, "load", losing)
    report = import_crops(single_cells(), options(crops, table), tmp_path / "store")
    assert [each.file for each in report.refused] == [f"{field_name(0)}/{lost}"]
    assert (report.found, report.imported) == (6, 5)
    assert CellStore.open(tmp_path / "store").table["Metadata_Cell"].tolist() == [12, 3, 12, 3, 12]
    kept = (tmp_path / "store" / "origin.csv").read_text().splitlines()
    lines = table.read_text().splitlines()
    assert kept == [lines[0], *lines[2:]]


def test_where_nothing_fits_the_screen_the_error_says_what_the_files_hold(tmp_path: Path) -> None:
    crops, table = six_cells(tmp_path)
    with pytest.raises(
        InputError, match=r"no file holds height × width × 2 pixels.*most hold uint16 \(12, 12, 3\)"
    ):
        import_crops(single_cells(), options(crops, table, channels=("A", "B")), tmp_path / "store")
    for path in crops.rglob("*.npy"):
        np.save(path, cell_pixels(0).astype(">u2"))
    with pytest.raises(InputError, match=r"of uint8 or uint16; most hold >u2"):
        import_crops(single_cells(), options(crops, table), tmp_path / "store")
    for path in crops.rglob("*.npy"):
        path.write_bytes(b"")
    with pytest.raises(InputError, match="no file holds"):
        import_crops(single_cells(), options(crops, table), tmp_path / "store")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crops", "metadata.csv"]


def test_where_no_name_is_in_the_table_the_error_names_the_first_file(tmp_path: Path) -> None:
    crops, _ = six_cells(tmp_path)
    table = write_rows(tmp_path / "t.csv", [table_row(BAD, 1)])
    with pytest.raises(InputError, match=r"none of 6 files.*_12\.npy: no metadata for its name"):
        import_crops(single_cells(), options(crops, table), tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_no_folder_and_an_empty_one_are_told_apart(tmp_path: Path) -> None:
    _, table = six_cells(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"holds no \.npy file"):
        import_crops(single_cells(), options(tmp_path / "empty", table), tmp_path / "store")
    with pytest.raises(InputError, match="no such folder of crops"):
        import_crops(single_cells(), options(tmp_path / "gone", table), tmp_path / "store")


_PRINTED = st.sampled_from(sorted(b"()[]{}'\",:0123456789<>OuifSVL \n\\#\x00\xff"))


@settings(max_examples=200, deadline=None)
@given(
    damage=st.lists(st.tuples(st.integers(0, 127), _PRINTED), min_size=1, max_size=4),
    length=st.integers(0, 200),
    cut=st.booleans(),
)
def test_no_damage_to_a_header_brings_the_reader_down(
    damage: list[tuple[int, int]], length: int, cut: bool
) -> None:
    raw = bytearray(npy_bytes(np.zeros((4, 4, 3), np.uint16)))
    for place, byte in damage:
        raw[place] = byte
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # NumPy tells of files of Python 2
        path = Path(folder) / "a_1.npy"
        path.write_bytes(raw[:length] if cut else raw)
        try:
            header = probe(path)
        except RefusedFileError as error:
            assert str(error)
        else:
            assert not header.dtype.hasobject


@given(field=st.text("ab_B02-", min_size=1, max_size=12), cell=st.integers(0, 2**63 - 1))
def test_field_and_number_of_a_cell_are_read_from_its_name(field: str, cell: int) -> None:
    file = name_of(Path("folder") / f"{field}_{cell}.npy")
    assert (file.field, file.cell, file.name) == (field, cell, f"{field}_{cell}.npy")


def test_the_table_of_errors_keeps_every_refusal_and_may_be_empty(tmp_path: Path) -> None:
    from phenovae.base.tables import read_table

    refusals = [
        Refusal("import", "a.npy", "truncated"),
        Refusal("crop", "f", "no image", plate="Week1_00001", well="B02", site=3),
    ]
    write_refusals(refusals, tmp_path / "errors.parquet")
    table = read_table(tmp_path / "errors.parquet", ERRORS)
    assert table["File"].tolist() == ["a.npy", "f"]
    assert table["Site"].fillna(-1).tolist() == [-1, 3]
    assert table["Reason"].tolist() == ["truncated", "no image"]
    write_refusals([], tmp_path / "none.parquet")
    assert len(read_table(tmp_path / "none.parquet", ERRORS)) == 0
