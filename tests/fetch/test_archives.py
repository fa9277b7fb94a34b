"""An archive is unpacked whole, or refused with the reason before anything of it is written."""

from __future__ import annotations

import errno
import hashlib
import shutil
import stat
import zipfile
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fetch.zips import (
    claiming,
    flagged,
    link,
    overlapping,
    plate_zip,
    renamed,
    with_mode,
    zipped,
)

from phenovae.base.errors import ArchiveError, PhenovaeError
from phenovae.fetch.archive import check_contents
from phenovae.fetch.halt import Halt, HaltedError
from phenovae.fetch.options import ArchiveLimits
from phenovae.fetch.unpack import Unpacked, unpack


def unpacked(tmp_path: Path, archive: bytes, limits: ArchiveLimits | None = None) -> Unpacked:
    path = tmp_path / "a.zip"
    path.write_bytes(archive)
    return unpack(path, tmp_path / "out" / "P", limits=limits)


def refused(tmp_path: Path, archive: bytes, limits: ArchiveLimits | None = None) -> str:
    """Why an archive is refused, having checked that nothing is left of it anywhere."""
    before = set(tmp_path.parent.iterdir())
    with pytest.raises(ArchiveError) as caught:
        unpacked(tmp_path, archive, limits)
    with pytest.raises(ArchiveError):
        check_contents(tmp_path / "a.zip", "P", limits or ArchiveLimits(), Halt())
    assert [path.name for path in tmp_path.iterdir() if path.name != "out"] == ["a.zip"]
    assert not list((tmp_path / "out").glob("*"))
    assert set(tmp_path.parent.iterdir()) == before
    return str(caught.value)


def test_the_folder_of_a_plate_is_unpacked_with_checksums(tmp_path: Path) -> None:
    got = unpacked(tmp_path, plate_zip("P", ["b 1.tif", "a.tif", "Thumbs.db"]))
    folder = tmp_path / "out" / "P"
    assert sorted(path.name for path in folder.iterdir()) == ["Thumbs.db", "a.tif", "b 1.tif"]
    assert list(got.checksums) == ["Thumbs.db", "a.tif", "b 1.tif"]
    for name, digest in got.checksums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert got.size == sum(path.stat().st_size for path in folder.iterdir())
    assert got.outside == ()
    assert not (tmp_path / "out" / "P.partial").exists()
    assert not stat.S_IMODE((folder / "a.tif").stat().st_mode) & stat.S_IXUSR


def test_folders_above_and_below_the_plate_and_files_beside_it(tmp_path: Path) -> None:
    archive = zipped(
        ("Week/P/a.tif", b"1"),
        ("Week/P/sub/b.tif", b"2"),
        ("__MACOSX/P/._a.tif", b"3"),
        ("read me.txt", b"4"),
    )
    got = unpacked(tmp_path, archive)
    assert list(got.checksums) == ["a.tif", "sub/b.tif"]
    assert got.outside == ("__MACOSX/P/._a.tif", "read me.txt")
    assert (tmp_path / "out" / "P" / "sub" / "b.tif").read_bytes() == b"2"


def test_an_older_folder_is_replaced_only_once_the_new_one_is_whole(tmp_path: Path) -> None:
    unpacked(tmp_path, plate_zip("P", ["old.tif"]))
    damaged = bytearray(plate_zip("P", ["new.tif"]))
    damaged[60] ^= 0xFF
    with pytest.raises(ArchiveError, match="damaged"):
        unpacked(tmp_path, bytes(damaged))
    assert [path.name for path in (tmp_path / "out" / "P").iterdir()] == ["old.tif"]
    unpacked(tmp_path, plate_zip("P", ["new.tif"]))
    assert [path.name for path in (tmp_path / "out" / "P").iterdir()] == ["new.tif"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["P"]


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "out" / "P.partial").mkdir(parents=True)
    (tmp_path / "out" / "P.partial" / "half.tif").write_bytes(b"ha")
    unpacked(tmp_path, plate_zip("P", ["a.tif"]))
    assert [path.name for path in (tmp_path / "out" / "P").iterdir()] == ["a.tif"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.tif", "leads elsewhere"),
        ("P/../../evil.tif", "leads elsewhere"),
        ("P/./a.tif", "leads elsewhere"),
        ("P//a.tif", "leads elsewhere"),
        ("P/.../a.tif", "leads elsewhere"),
        ("P/. ./a.tif", "leads elsewhere"),
        ("/tmp/evil.tif", "absolute"),
        ("//host/share/a.tif", "absolute"),
        ("C:/evil.tif", "drive"),
        ("C:evil.tif", "drive"),
        ("P/a.tif:stream", "drive"),
        ("P\\..\\evil.tif", "backslash"),
        ("\\\\host\\a.tif", "backslash"),
        ("P/\uff0e\uff0e/evil.tif", "leads elsewhere"),
        ("P/..\uff0fevil.tif", "leads elsewhere"),
        ("P/\u2025/evil.tif", "leads elsewhere"),
        ("P/a\u202eftt.exe", "characters"),
        ("P/a\u200b.tif", "characters"),
        ("P/a\n.tif", "characters"),
        ("P/a\x1b[2J.tif", "characters"),
        ("P/a?.tif", "characters"),
        ("P/a*.tif", "characters"),
        ("P/CON", "another"),
        ("P/nul.tif", "another"),
        ("P/COM1.tif", "another"),
        ("P/a.tif.", "another"),
        ("P/a.tif ", "another"),
        ("P/ a.tif", "another"),
        ("P/" + "a" * 241, "longer"),
        ("P/" + "\u00e9" * 121, "longer"),
    ],
)
def test_names_that_lead_elsewhere_or_mean_another_file_are_refused(
    tmp_path: Path, name: str, why: str
) -> None:
    told = refused(tmp_path, zipped(("P/ok.tif", b"1"), (name, b"2")))
    assert "not safe to unpack" in told
    assert why in told
    assert "\x1b" not in told


def test_a_name_that_ends_at_a_zero_is_refused(tmp_path: Path) -> None:
    archive = renamed(zipped(("P/ok.tif", b"1"), ("P/evil.tifXx", b"2")), b"tifXx", b"tif\0x")
    assert "characters" in refused(tmp_path, archive)


@pytest.mark.parametrize(
    "names",
    [
        ("P/a.tif", "P/a.tif"),
        ("P/a.tif", "P/A.TIF"),
        ("P/a.tif", "p/a.tif"),
        ("P/\u00e9.tif", "P/e\u0301.tif"),
        ("P/stra\u00dfe.tif", "P/STRASSE.tif"),
        ("P/\ufb01.tif", "P/fi.tif"),
        ("P/a.tif", "P/a.tif/"),
    ],
)
def test_names_that_are_one_file_on_some_systems_are_refused(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    files = [(name, b"" if name.endswith("/") else b"1") for name in names]
    assert "one file" in refused(tmp_path, zipped(("P/ok.tif", b"1"), *files))


def test_a_file_that_is_a_folder_as_well_is_refused(tmp_path: Path) -> None:
    told = refused(tmp_path, zipped(("P/a", b"1"), ("P/a/b.tif", b"2")))
    assert "folder that is a file" in told


@pytest.mark.parametrize(
    "kind",
    [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK],
)
def test_links_and_devices_are_refused(tmp_path: Path, kind: int) -> None:
    told = refused(tmp_path, zipped((with_mode("P/a", kind | 0o777), b"/etc/hostname")))
    assert "link or a device" in told


def test_a_file_behind_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path.parent / "target").mkdir(exist_ok=True)
    archive = zipped((link("P/away"), b"../../../target"), ("P/away/evil.tif", b"1"))
    assert "not safe" in refused(tmp_path, archive)
    assert list((tmp_path.parent / "target").iterdir()) == []


def test_a_folder_by_its_mode_alone_is_refused(tmp_path: Path) -> None:
    assert "folder" in refused(tmp_path, zipped((with_mode("P/a", stat.S_IFDIR), b"1")))


def test_a_windows_link_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("P/a.tif")
    info.external_attr = 0x400
    assert "link" in refused(tmp_path, zipped((info, b"1")))


@pytest.mark.parametrize("flag", [0x1, 0x40, 0x2000])
def test_encrypted_members_are_refused(tmp_path: Path, flag: int) -> None:
    assert "encrypted" in refused(tmp_path, flagged(zipped(("P/a.tif", b"1")), flag))


def test_other_methods_of_compression_are_refused(tmp_path: Path) -> None:
    told = refused(tmp_path, zipped(("P/a.tif", b"1"), method=zipfile.ZIP_BZIP2))
    assert "not read (12)" in told


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"files": 2}, "more than 2 files"),
        ({"file_bytes": 99}, "a file of 100 bytes"),
        ({"total_bytes": 299}, "300 bytes in all"),
    ],
)
def test_archives_beyond_a_bound_are_refused(
    tmp_path: Path, limits: dict[str, int], why: str
) -> None:
    archive = zipped(*((f"P/{name}.tif", name.encode() * 100) for name in "abc"))
    told = refused(tmp_path, archive, ArchiveLimits.model_validate(limits))
    assert why in told
    unpacked(tmp_path, archive, ArchiveLimits(files=3, file_bytes=100, total_bytes=300))


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    assert "it grows from" in refused(tmp_path, zipped(("P/a.tif", bytes(10_000_000))))


def test_a_bomb_of_overlapping_members_is_refused(tmp_path: Path) -> None:
    told = refused(tmp_path, overlapping(), ArchiveLimits(ratio=1e9))
    assert "packed bytes" in told


def test_a_size_that_is_a_lie_is_found_out(tmp_path: Path) -> None:
    archive = zipped(("P/a.tif", bytes(range(200))))
    for size in (100, 300):
        assert "damaged" in refused(tmp_path, claiming(archive, size))


@pytest.mark.parametrize(
    "archive",
    [b"", b"P", b"<html>please log in</html>", b"PK\x05\x06", b"PK\x05\x06" + bytes(18)],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, archive: bytes) -> None:
    refused(tmp_path, archive)


def test_a_page_in_place_of_an_archive_is_called_so(tmp_path: Path) -> None:
    assert "no zip archive came" in refused(tmp_path, b"<html>please log in</html>")


def test_an_archive_of_another_plate_is_refused(tmp_path: Path) -> None:
    assert "no files in a folder P; it holds Q" in refused(tmp_path, plate_zip("Q", ["a.tif"]))
    assert "no folder with files" in refused(tmp_path, zipped(("P/", b""), ("a.tif", b"1")))


def test_an_archive_cut_anywhere_is_refused(tmp_path: Path) -> None:
    archive = plate_zip("P", ["a.tif", "b.tif"])
    for length in range(1, len(archive), 7):
        refused(tmp_path, archive[:length])
        shutil.rmtree(tmp_path / "out", ignore_errors=True)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_anywhere_raises_nothing_else_and_lets_no_wrong_byte_through(
    tmp_path: Path, data: st.DataObject
) -> None:
    archive = bytearray(plate_zip("P", ["a.tif", "b.tif"]))
    whole = unpacked(tmp_path, bytes(archive)).checksums
    at = data.draw(st.integers(0, len(archive) - 1))
    archive[at] ^= data.draw(st.integers(1, 255))
    folder = tmp_path / "out" / "P"
    shutil.rmtree(folder)
    try:
        got = unpacked(tmp_path, bytes(archive))
    except ArchiveError:
        assert not folder.exists()
    else:
        # Dates, versions and notes of an archive may be anything; names and bytes may not.
        assert set(got.checksums.values()) <= set(whole.values())


def test_contents_are_checked_without_being_written(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(plate_zip("P", ["a.tif", "b.tif"]))
    assert check_contents(tmp_path / "a.zip", "P", ArchiveLimits(), Halt()) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
    with pytest.raises(ArchiveError, match="cannot be read"):
        check_contents(tmp_path / "none.zip", "P", ArchiveLimits(), Halt())


def test_work_that_is_asked_to_end_leaves_nothing_half(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(plate_zip("P", ["a.tif"]))
    halt = Halt()
    halt.set()
    with pytest.raises(HaltedError):
        unpack(tmp_path / "a.zip", tmp_path / "out" / "P", halt=halt)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_note_comes_before_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(plate_zip("P", ["a.tif"]))
    folder = tmp_path / "out" / "P"
    noted: list[tuple[list[str], bool]] = []

    def note(got: Unpacked) -> None:
        noted.append((list(got.checksums), folder.exists()))

    unpack(tmp_path / "a.zip", folder, note=note)
    assert noted == [(["a.tif"], False)]


def test_too_little_room_is_told_before_anything_is_written(tmp_path: Path) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    with (
        mock.patch.object(shutil, "disk_usage", return_value=usage),
        pytest.raises(PhenovaeError, match="no room to unpack"),
    ):
        unpacked(tmp_path, plate_zip("P", ["a.tif"]))
    assert list((tmp_path / "out").iterdir()) == []
    assert (tmp_path / "a.zip").exists()


def test_a_disk_that_fills_is_no_damage_of_the_archive(tmp_path: Path) -> None:
    real = Path.open

    def opened(path: Path, mode: str = "r") -> object:
        if mode == "xb":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, mode)

    with (
        mock.patch.object(Path, "open", opened),
        pytest.raises(PhenovaeError, match="No space left") as caught,
    ):
        unpacked(tmp_path, plate_zip("P", ["a.tif"]))
    assert not isinstance(caught.value, ArchiveError)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_small_archives_are_unpacked(public_data: Path, tmp_path: Path) -> None:
    archives = sorted((public_data / "raw").glob("*.zip"))
    assert archives
    for path in archives:
        plate = path.stem.removeprefix("BBBC021_v1_images_")
        got = unpack(path, tmp_path / plate)
        assert got.outside == ()
        assert all(name.endswith(".tif") for name in got.checksums)
        assert got.size == sum(each.stat().st_size for each in (tmp_path / plate).iterdir())
