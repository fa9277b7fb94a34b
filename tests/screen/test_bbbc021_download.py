"""Plates into a folder: done ones are left alone, damaged ones made anew, nothing foreign lost."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest
from tests.fetch.server import QUICK, Act, File, Server, serving
from tests.fetch.zips import link, plate_zip, zipped
from tests.screen.small_tables import as_csv, image_row, image_rows, moa_rows, write_tables

from phenovae.base.errors import FaultsError, FetchError, InputError, PhenovaeError, UsageError
from phenovae.fetch.options import ArchiveLimits
from phenovae.screen.bbbc021.catalogue import read_catalogue
from phenovae.screen.bbbc021.download_folder import DownloadFolder
from phenovae.screen.bbbc021.download_plan import DownloadOptions, Work
from phenovae.screen.bbbc021.downloading import Ended, download, remark_on

ONE, TWO = "Week1_22123", "Week2_24121"
ARCHIVE = "BBBC021_v1_images_{}.zip"


@dataclass
class Offer:
    """A server that offers the small screen, and a folder to download to."""

    server: Server
    root: Path

    @property
    def folder(self) -> DownloadFolder:
        return DownloadFolder(self.root)

    def archive(self, plate: str) -> File:
        return self.server.files[ARCHIVE.format(plate)]

    def get(
        self,
        *asked: str,
        metadata: Path | None = None,
        moa: Path | None = None,
        **options: object,
    ) -> Ended:
        """Download, beginning from nothing but what is on disk."""
        given = {"base": self.server.base, "fetch": QUICK, "jobs": 2} | options
        work = Work(self.folder, DownloadOptions.model_validate(given))
        self.server.asked.clear()
        return download(work, asked, metadata, moa)

    def asked_for(self, method: str = "GET") -> list[str]:
        return sorted(
            path.removeprefix("/").removeprefix("BBBC021_v1_").removeprefix("images_")
            for verb, path, _ in self.server.asked
            if verb == method
        )

    def names(self, plate: str) -> list[str]:
        return sorted(path.name for path in self.folder.images(plate).iterdir())

    @property
    def record(self) -> dict[str, object]:
        found = json.loads((self.root / "download.json").read_text(encoding="utf-8"))
        assert isinstance(found, dict)
        return found


def names_of(plate: str) -> Sequence[str]:
    return sorted(
        row[f"Image_FileName_{channel}"]
        for row in image_rows()
        if row["Image_Metadata_Plate_DAPI"] == plate
        for channel in ("DAPI", "Tubulin", "Actin")
    )


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Offer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    root = tmp_path / "to here"
    root.mkdir()
    with serving() as server:
        server.files["BBBC021_v1_image.csv"] = File(as_csv(image_rows()).encode())
        server.files["BBBC021_v1_moa.csv"] = File(as_csv(moa_rows()).encode())
        for plate in (ONE, TWO):
            server.files[ARCHIVE.format(plate)] = File(plate_zip(plate, names_of(plate)))
        yield Offer(server, root)


def test_plates_come_with_tables_record_checksums_and_terms(offer: Offer) -> None:
    ended = offer.get("all")
    assert not ended.failed
    assert offer.names(ONE) == names_of(ONE)
    assert offer.names(TWO) == names_of(TWO)
    assert sorted(path.name for path in offer.root.iterdir()) == [
        "BBBC021_v1_image.csv", "BBBC021_v1_moa.csv", "SOURCE.txt", "checksums", "download.json",
        "images",
    ]  # fmt: skip
    assert "Caie" in (offer.root / "SOURCE.txt").read_text(encoding="utf-8")
    told = ended.record.plates[ONE]
    assert (told.images, told.missing, told.stray) == (24, 0, ())
    assert told.archive is not None
    content = offer.archive(ONE).content
    assert told.archive.sha256 == hashlib.sha256(content).hexdigest()
    assert (told.archive.bytes, told.archive.url) == (
        len(content), offer.server.base + ARCHIVE.format(ONE),
    )  # fmt: skip
    assert told.archive.etag
    assert told.archive.last_modified
    for line in offer.folder.checksums(ONE).read_text().splitlines():
        digest, _, name = line.partition("  ")
        assert hashlib.sha256((offer.root / name).read_bytes()).hexdigest() == digest
    assert offer.record["base"] == offer.server.base
    assert set(ended.record.tables) == {"BBBC021_v1_image.csv", "BBBC021_v1_moa.csv"}


def test_the_record_tells_how_many_controls_are_used(offer: Offer) -> None:
    offer.server.files["BBBC021_v1_moa.csv"] = File(
        b"compound,concentration,moa\nnocodazole,3,Destabilizers\n"
    )
    selection = offer.get("benchmark").record.selection
    assert selection is not None
    assert selection.plates == (TWO,)
    assert (selection.dmso_wells_used, selection.dmso_wells_in_table) == (1, 2)
    assert selection.note.startswith("1 of 2 plates")
    assert selection.note.endswith("1 of 2 DMSO wells are then used")


def test_tables_alone(offer: Offer) -> None:
    ended = offer.get("tables")
    assert offer.asked_for() == ["image.csv", "moa.csv"]
    assert not ended.record.plates
    assert not (offer.root / "images").exists()
    offer.get(ONE)
    selection = offer.get("tables").record.selection
    assert selection is not None
    assert selection.asked == (ONE,)


def test_a_plate_whose_record_was_not_written_any_more_is_known(offer: Offer) -> None:
    # As after a kill between the two: the images of the archive are there, fewer than in the table.
    offer.archive(ONE).content = plate_zip(ONE, names_of(ONE)[2:])
    offer.get(ONE)
    (offer.root / "download.json").unlink()
    ended = offer.get(ONE)
    assert not ended.failed
    assert ended.record.plates[ONE].images == 22


def test_what_is_done_is_not_fetched_again(offer: Offer) -> None:
    offer.get(ONE)
    assert offer.asked_for() == [f"{ONE}.zip", "image.csv", "moa.csv"]
    ended = offer.get("all")
    assert offer.asked_for() == [f"{TWO}.zip"]
    assert ended.plan.done == (ONE,)
    assert offer.get("all").plan.done == (ONE, TWO)
    assert offer.asked_for() == offer.asked_for("HEAD") == []
    assert set(ended.record.plates) == {ONE, TWO}


@pytest.mark.parametrize("check", [False, True])
def test_a_plate_whose_images_are_gone_or_short_is_fetched_again(offer: Offer, check: bool) -> None:
    offer.get("all")
    (offer.folder.images(ONE) / names_of(ONE)[3]).unlink()
    short = offer.folder.images(TWO) / names_of(TWO)[0]
    short.write_bytes(short.read_bytes()[:-1])
    ended = offer.get("all", check=check)
    assert offer.asked_for() == [f"{ONE}.zip", f"{TWO}.zip"]
    assert "is gone" in ended.plan.todo[ONE]
    assert "another size" in ended.plan.todo[TWO]
    assert offer.names(ONE) == names_of(ONE)
    assert offer.get("all", check=True).plan.done == (ONE, TWO)


def test_a_changed_byte_is_found_by_checksum_alone(offer: Offer) -> None:
    offer.get("all")
    image = offer.folder.images(ONE) / names_of(ONE)[0]
    whole = image.read_bytes()
    image.write_bytes(b"X" + whole[1:])
    assert offer.get("all").plan.done == (ONE, TWO)
    ended = offer.get("all", check=True)
    assert ended.plan.done == (TWO,)
    assert "1 files are not as they were" in ended.plan.todo[ONE]
    assert image.read_bytes() == whole


def test_files_of_the_user_in_a_plate_are_never_lost(offer: Offer) -> None:
    offer.get(ONE)
    (offer.folder.images(ONE) / "my notes.txt").write_text("mine")
    assert offer.get(ONE).plan.done == (ONE,)
    (offer.folder.images(ONE) / names_of(ONE)[3]).unlink()
    ended = offer.get("all")
    assert list(ended.failed) == [ONE]
    assert "1 files that were not downloaded here; move it away" in ended.failed[ONE]
    assert (offer.folder.images(ONE) / "my notes.txt").read_text() == "mine"
    assert offer.names(TWO) == names_of(TWO)


def test_a_plate_unpacked_by_hand_is_found(offer: Offer) -> None:
    offer.folder.images(ONE).mkdir(parents=True)
    for name in names_of(ONE):
        (offer.folder.images(ONE) / name).write_bytes(b"pixels")
    ended = offer.get(ONE)
    assert offer.asked_for() == ["image.csv", "moa.csv"]
    assert ended.plan.done == (ONE,)
    assert ended.record.plates[ONE].archive is None
    assert offer.get(ONE, check=True).plan.done == (ONE,)


def test_a_plate_unpacked_by_hand_in_part_is_left_with_the_reason(offer: Offer) -> None:
    offer.folder.images(ONE).mkdir(parents=True)
    (offer.folder.images(ONE) / names_of(ONE)[0]).write_bytes(b"pixels")
    ended = offer.get(ONE)
    assert "move it away" in ended.failed[ONE]
    assert offer.names(ONE) == [names_of(ONE)[0]]
    assert offer.get(ONE).failed == ended.failed


def test_missing_images_and_stray_files_are_told(offer: Offer) -> None:
    names = [*names_of(ONE)[2:], "stray.tif"]
    offer.archive(ONE).content = plate_zip(ONE, names)
    told = offer.get(ONE).record.plates[ONE]
    assert (told.images, told.missing, told.stray) == (22, 2, ("stray.tif",))
    assert "stray.tif" in offer.names(ONE)
    assert remark_on(told) == (
        "22 of the 24 images in the table; missing: 2; "
        "beside them, in no row of the table: stray.tif"
    )


def test_plates_that_fail_stop_no_other_and_are_tried_again(offer: Offer) -> None:
    offer.archive(ONE).always = Act(status=404)
    ended = offer.get("all")
    assert list(ended.failed) == [ONE]
    assert "no such file" in ended.failed[ONE]
    assert offer.names(TWO) == names_of(TWO)
    assert offer.record["failed"] == ended.failed
    offer.archive(ONE).always = Act()
    ended = offer.get("all")
    assert not ended.failed
    assert offer.record["failed"] == {}


@pytest.mark.parametrize(
    "archive",
    [
        b"<html>please log in</html>",
        plate_zip(ONE, names_of(ONE))[:-100],
        plate_zip(TWO, names_of(ONE)),
        zipped((f"{ONE}/a.tif", b"1"), (f"{ONE}/../../../evil.tif", b"2")),
        zipped((f"{ONE}/a.tif", b"1"), (link(f"{ONE}/b.tif"), b"/etc/hostname")),
    ],
    ids=["page", "cut", "other plate", "escape", "link"],
)
def test_damaged_and_hostile_archives_fail_and_leave_nothing(offer: Offer, archive: bytes) -> None:
    offer.archive(ONE).content = archive
    for extract in (True, False):
        ended = offer.get(ONE, extract=extract)
        assert "archive" in ended.failed[ONE]
        assert offer.asked_for().count(f"{ONE}.zip") == 1  # one that came whole is not asked again
        assert not offer.folder.images(ONE).exists()
        assert not (offer.root / "archives").exists()
    assert not list(offer.root.parent.glob("evil*"))
    offer.archive(ONE).content = plate_zip(ONE, names_of(ONE))
    assert not offer.get(ONE).failed


def test_an_archive_of_two_versions_is_fetched_once_more(offer: Offer) -> None:
    # The server tells nothing by which a version is known, and both are of one length.
    file = offer.archive(ONE)
    file.etag, file.date = False, ""
    file.acts = [Act(cut=500, content=bytes(len(file.content)))]
    assert not offer.get(ONE).failed
    assert offer.names(ONE) == names_of(ONE)
    assert [span for _, path, span in offer.server.asked if ONE in path][1:] == [
        "", "bytes=500-", "",
    ]  # fmt: skip


def test_archives_are_kept_where_that_is_asked_for(offer: Offer) -> None:
    offer.get(ONE, keep_archives=True)
    kept = offer.folder.archive(ONE)
    assert kept.read_bytes() == offer.archive(ONE).content
    shutil.rmtree(offer.folder.images(ONE))
    offer.get(ONE, keep_archives=True)
    assert offer.asked_for() == []
    assert offer.names(ONE) == names_of(ONE)
    assert kept.exists()


def test_archives_alone_are_checked_and_later_unpacked(offer: Offer) -> None:
    ended = offer.get(ONE, extract=False)
    assert not (offer.root / "images").exists()
    assert remark_on(ended.record.plates[ONE]) == "archive kept"
    assert offer.get(ONE, extract=False, check=True).plan.done == (ONE,)
    kept = offer.folder.archive(ONE)
    kept.write_bytes(b"X" + kept.read_bytes()[1:])
    assert offer.get(ONE, extract=False).plan.done == (ONE,)
    ended = offer.get(ONE, extract=False, check=True)
    assert "not as it was" in ended.plan.todo[ONE]
    assert not ended.failed
    assert kept.read_bytes() == offer.archive(ONE).content
    assert not offer.get(ONE).failed
    assert offer.asked_for() == []
    assert offer.names(ONE) == names_of(ONE)
    assert not kept.exists()


def test_an_archive_put_there_by_the_user_is_used_and_kept(offer: Offer) -> None:
    path = offer.folder.archive(ONE)
    path.parent.mkdir()
    path.write_bytes(offer.archive(ONE).content)
    ended = offer.get(ONE)
    assert offer.asked_for() == ["image.csv", "moa.csv"]
    assert offer.names(ONE) == names_of(ONE)
    assert path.exists()
    told = ended.record.plates[ONE].archive
    assert told is not None
    assert told.url == ""


def test_a_damaged_archive_put_there_by_the_user_is_left_to_them(offer: Offer) -> None:
    path = offer.folder.archive(ONE)
    path.parent.mkdir()
    path.write_bytes(b"mine")
    ended = offer.get(ONE)
    assert "move it away" in ended.failed[ONE]
    assert path.read_bytes() == b"mine"


def test_a_fetched_archive_that_spoiled_before_unpacking_is_fetched_anew(offer: Offer) -> None:
    offer.get(ONE, keep_archives=True)
    shutil.rmtree(offer.folder.images(ONE))
    kept = offer.folder.archive(ONE)
    kept.write_bytes(bytes(kept.stat().st_size))
    assert not offer.get(ONE).failed
    assert offer.asked_for() == [f"{ONE}.zip"]
    assert offer.names(ONE) == names_of(ONE)


def test_tables_of_the_user_are_used_and_not_fetched(offer: Offer, tmp_path: Path) -> None:
    tables = write_tables(tmp_path)
    del offer.server.files["BBBC021_v1_image.csv"], offer.server.files["BBBC021_v1_moa.csv"]
    ended = offer.get("Week1", metadata=tables.images)
    assert offer.asked_for() == [f"{ONE}.zip"]
    assert not ended.failed
    assert offer.get("benchmark", metadata=tables.images, moa=tables.moa).plan.done == (ONE,)
    with pytest.raises(FetchError, match="no such file"):
        offer.get("tables", metadata=tables.images)
    with pytest.raises(InputError, match="no such table"):
        offer.get(ONE, metadata=tmp_path / "none.csv")


def test_a_table_that_is_there_already_is_not_overwritten(offer: Offer) -> None:
    rows = [image_row(), image_row(well="B03", compound="colchicine", dose="1.0")]
    offer.folder.image_table.write_text(as_csv(rows))
    ended = offer.get("tables")
    assert offer.asked_for() == ["moa.csv"]
    assert ended.record.tables["BBBC021_v1_image.csv"].url == ""
    offer.folder.image_table.write_text(as_csv(rows) + "\n")
    with pytest.raises(InputError, match="not as it was fetched"):
        offer.get("tables", check=True)


def test_a_table_that_came_damaged_is_told_with_the_mend(offer: Offer) -> None:
    offer.server.files["BBBC021_v1_image.csv"].always = Act(more=-300)
    with pytest.raises(FaultsError, match=r"to have it fetched anew, remove BBBC021_v1_image\.csv"):
        offer.get("all")
    offer.server.files["BBBC021_v1_image.csv"].always = Act()
    with pytest.raises(FaultsError):
        offer.get("all")
    offer.folder.image_table.unlink()
    assert not offer.get("all").failed


def test_a_table_that_cannot_be_had_ends_the_download(offer: Offer) -> None:
    offer.server.files["BBBC021_v1_image.csv"].always = Act(status=500)
    with pytest.raises(FetchError, match=r"BBBC021_v1_image\.csv cannot be fetched"):
        offer.get("all")


def test_names_that_are_not_known_fetch_no_plate(offer: Offer) -> None:
    with pytest.raises(UsageError, match="no such plate"):
        offer.get("Week1_22124", "Week9")
    assert offer.asked_for() == ["image.csv", "moa.csv"]


def test_too_little_room_is_told_before_any_plate_is_fetched(offer: Offer) -> None:
    offer.get("tables")
    usage = shutil.disk_usage(offer.root)._replace(free=1000)
    with (
        mock.patch.object(shutil, "disk_usage", return_value=usage),
        pytest.raises(PhenovaeError, match=r"2 plates need about .* GB of room") as caught,
    ):
        offer.get("all")
    assert "--to" in str(caught.value)
    assert offer.asked_for() == []


def test_room_is_what_the_server_tells_or_what_is_usual(offer: Offer) -> None:
    size = {plate: len(offer.archive(plate).content) for plate in (ONE, TWO)}
    plan = offer.get("all").plan
    assert plan.archive_bytes == sum(size.values())
    assert plan.needed == 4 * plan.archive_bytes  # archives, and three times as much unpacked
    shutil.rmtree(offer.root / "images")
    assert offer.get("all", jobs=1).plan.needed == 3 * sum(size.values()) + max(size.values())
    for plate in size:
        offer.archive(plate).head = False
    shutil.rmtree(offer.root / "images")
    plan = offer.get("all", extract=False).plan
    assert plan.needed == plan.archive_bytes == 2 * 840_000_000
    shutil.rmtree(offer.root / "archives")
    plan = offer.get("all", keep_archives=True).plan
    assert plan.needed == 2 * 840_000_000 + (24 + 18) * 2_625_500


def test_what_came_in_part_takes_no_room_twice(offer: Offer) -> None:
    size = len(offer.archive(ONE).content)
    offer.archive(ONE).acts = [Act(cut=600), *[Act(status=500)] * 3]
    assert "500" in offer.get(ONE).failed[ONE]
    plan = offer.get(ONE, extract=False).plan
    assert plan.needed == size - 600
    assert offer.server.gets(ARCHIVE.format(ONE)) == ["bytes=600-"]


def test_bounds_of_archives_hold(offer: Offer) -> None:
    ended = offer.get(ONE, limits=ArchiveLimits(files=5))
    assert "more than 5 files" in ended.failed[ONE]


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 9}', '{"format": 1, "plates": 3}'])
def test_a_damaged_record_is_told_with_the_mend(offer: Offer, text: str) -> None:
    (offer.root / "download.json").write_text(text)
    with pytest.raises(InputError) as caught:
        offer.get("all")
    assert "download.json" in str(caught.value)
    assert (offer.root / "download.json").read_text() == text


def test_lost_checksums_are_no_reason_to_fetch_again(offer: Offer) -> None:
    offer.get("all")
    shutil.rmtree(offer.root / "checksums")
    assert offer.get("all").plan.done == (ONE, TWO)
    (offer.folder.images(ONE) / names_of(ONE)[0]).unlink()
    assert "move it away" in offer.get("all").failed[ONE]  # whose files they are is not known now


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(offer: Offer) -> None:
    offer.root.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(PhenovaeError, match="cannot write"):
            offer.get("all")
    finally:
        offer.root.chmod(0o700)


def test_the_small_archives_come_and_tell_what_is_missing(offer: Offer, public_data: Path) -> None:
    table = public_data / "bbbc021" / "BBBC021_v1_image.csv.gz"
    for path in (public_data / "raw").glob("*.zip"):
        offer.server.files[path.name] = File(path.read_bytes())
    plates = ["Week1_22161", "Week2_24381"]
    ended = offer.get(*plates, metadata=table)
    assert not ended.failed
    assert [ended.record.plates[plate].images for plate in plates] == [1, 8]
    assert [ended.record.plates[plate].missing for plate in plates] == [719, 712]
    # The paths of the sites table end with <plate>/<file>.
    catalogue = read_catalogue(table, None)
    (plate,) = catalogue.chosen(["Week2_24381"])
    assert set(offer.names("Week2_24381")) <= plate.images
