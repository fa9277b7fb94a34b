"""The folder that BBBC021 is downloaded to: where everything lies, and the record of it.

BBBC021_v1_image.csv, BBBC021_v1_moa.csv   the official tables
images/<plate>/*.tif                       the images of a plate
archives/BBBC021_v1_images_<plate>.zip     archives, where they are kept, or in part
checksums/<plate>.sha256                   SHA-256 of a plate's images, as `sha256sum -c` reads
download.json, SOURCE.txt                  the record; source, citation and terms
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError

from phenovae.base.errors import InputError, PhenovaeError
from phenovae.base.files import read_json, sha256_of_file, write_json, write_text
from phenovae.base.options import Options
from phenovae.fetch.transfer import Fetched
from phenovae.screen.bbbc021.catalogue import collection

FORMAT = 1
_SUM_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


class FileRecord(Options):
    """A fetched file, or one that was there before; then `url` is empty."""

    url: str
    bytes: int
    sha256: str
    etag: str
    last_modified: str
    fetched: str = Field(description="when, UTC")


class PlateRecord(Options):
    """A plate that is done; `images` is 0 where only its archive was wanted."""

    archive: FileRecord | None = Field(None, description="None where the images were there before")
    images: int = Field(0, description="files of the image table that are there")
    missing: int = Field(0, description="files of the image table that are not")
    stray: tuple[str, ...] = Field((), description="files that are in no row of the image table")
    left_out: tuple[str, ...] = Field((), description="files of the archive outside the plate")
    bytes: int = Field(0, description="all files together")


class Selection(Options):
    """What the last command asked for."""

    asked: tuple[str, ...]
    plates: tuple[str, ...]
    plates_in_table: int
    dmso_wells_used: int = Field(description="wells of negative controls on these plates")
    dmso_wells_in_table: int
    note: str


class Record(Options):
    """What `download.json` holds."""

    format: int = FORMAT
    collection: str
    base: str
    updated: str
    selection: Selection | None = None
    tables: dict[str, FileRecord] = Field(default_factory=dict)
    plates: dict[str, PlateRecord] = Field(default_factory=dict)
    failed: dict[str, str] = Field(
        default_factory=dict, description="plates of the last command, with the reason"
    )


@dataclass(frozen=True)
class DownloadFolder:
    """Where everything lies under one folder."""

    root: Path

    @property
    def image_table(self) -> Path:
        """The official table of images."""
        return self.root / collection().image_table

    @property
    def mechanism_table(self) -> Path:
        """The official table of mechanisms."""
        return self.root / collection().mechanism_table

    @property
    def record_path(self) -> Path:
        """The record."""
        return self.root / "download.json"

    def images(self, plate: str) -> Path:
        """The folder of a plate's images."""
        return self.root / "images" / plate

    def archive(self, plate: str) -> Path:
        """The archive of a plate."""
        return self.root / "archives" / collection().archive_of(plate)

    def archive_note(self, plate: str) -> Path:
        """The record of an archive that was fetched here, beside it for as long as it is kept."""
        path = self.archive(plate)
        return path.with_name(f"{path.name}.json")

    def checksums(self, plate: str) -> Path:
        """The checksums of a plate's images."""
        return self.root / "checksums" / f"{plate}.sha256"

    def read_record(self, base: str, now: str) -> Record:
        """The record, or a new one. Raises InputError where it is damaged or newer."""
        if not self.record_path.exists():
            return Record(collection=collection().name, base=base, updated=now)
        found = read_json(self.record_path)
        newer = isinstance(found, dict) and found.get("format") != FORMAT
        try:
            return Record.model_validate(found)
        except ValidationError as error:
            what = "of another format" if newer else f"damaged: {error.errors()[0]['msg']}"
            raise InputError(
                f"the record of the download is {what}",
                where=self.record_path,
                mend="move it away; plates that have all images of the table are found again",
            ) from error

    def write_record(self, record: Record) -> None:
        """Write the record."""
        write_json(self.record_path, record.model_dump(mode="json"))

    def write_archive_note(self, plate: str, told: FileRecord) -> None:
        """Note that an archive was fetched here."""
        write_json(self.archive_note(plate), told.model_dump(mode="json"))

    def read_archive_note(self, plate: str) -> FileRecord | None:
        """The record of an archive that was fetched here and is as long as it was."""
        try:
            told = FileRecord.model_validate(read_json(self.archive_note(plate)))
            return told if self.archive(plate).stat().st_size == told.bytes else None
        except (InputError, ValidationError, OSError):
            return None

    def remove_archive(self, plate: str) -> None:
        """Remove an archive that was fetched here."""
        with suppress(OSError):
            self.archive(plate).unlink(missing_ok=True)
            self.archive_note(plate).unlink(missing_ok=True)

    def make_folder(self, folder: Path) -> None:
        """Make a folder. Raises PhenovaeError where it cannot be."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PhenovaeError(
                f"cannot make the folder {folder.name}: {error.strerror or error}",
                where=folder,
                mend="choose a folder that you may write to with --to",
            ) from error

    def write_checksums(self, plate: str, sums: dict[str, str]) -> None:
        """Write the checksums of a plate's images, given by path in the plate's folder."""
        lines = [f"{digest}  images/{plate}/{name}\n" for name, digest in sums.items()]
        write_text(self.checksums(plate), "".join(lines))

    def read_checksums(self, plate: str) -> dict[str, str]:
        """The checksums of a plate's images by path in its folder; none where there is no file."""
        try:
            lines = self.checksums(plate).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return {}
        found = [match for line in lines if (match := _SUM_LINE.fullmatch(line))]
        return {match[2].removeprefix(f"images/{plate}/"): match[1] for match in found}

    def fault_of_images(self, plate: str, told: PlateRecord, *, check: bool) -> str:
        """What is not as recorded of a plate's images, or nothing; `check` reads every byte."""
        folder, sums = self.images(plate), self.read_checksums(plate)
        if not sums:
            # Images that were there before, or whose checksums are lost, can only be counted.
            count = sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0
            return "" if count >= told.images else f"{told.images - count} files are gone"
        try:
            size = sum((folder / name).stat().st_size for name in sums)
        except OSError as error:
            return f"{Path(error.filename or '').name} is gone"
        if size != told.bytes:
            return "files are of another size"
        if not check:
            return ""
        odd = [name for name, digest in sums.items() if _sum_of(folder / name) != digest]
        return f"{len(odd)} files are not as they were, {odd[0]} among them" if odd else ""

    def fault_of_archive(self, plate: str, told: FileRecord, *, check: bool) -> str:
        """What is not as recorded of a plate's archive, or nothing; `check` reads every byte."""
        path = self.archive(plate)
        if not path.is_file() or path.stat().st_size != told.bytes:
            return "the archive is gone or of another size"
        return "the archive is not as it was" if check and _sum_of(path) != told.sha256 else ""


def _sum_of(path: Path) -> str:
    try:
        return sha256_of_file(path)
    except OSError:
        return ""


def file_record(path: Path, fetched: Fetched, now: str) -> FileRecord:
    """The record of a file that has just come."""
    return FileRecord(
        url=fetched.url,
        bytes=fetched.size,
        sha256=sha256_of_file(path),
        etag=fetched.etag,
        last_modified=fetched.last_modified,
        fetched=now,
    )


def found_record(path: Path, now: str) -> FileRecord:
    """The record of a file that somebody else put there; it tells no address."""
    size, digest = path.stat().st_size, sha256_of_file(path)
    return FileRecord(url="", bytes=size, sha256=digest, etag="", last_modified="", fetched=now)
