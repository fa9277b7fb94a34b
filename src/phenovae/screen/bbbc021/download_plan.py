"""What a download has to do: tables first, then which plates are asked for, done and to fetch."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin

from pydantic import Field

from phenovae.base.errors import FaultsError, InputError, PhenovaeError
from phenovae.base.files import sha256_of_file
from phenovae.base.options import Options
from phenovae.base.progress import SILENT, Progress
from phenovae.fetch.halt import Halt
from phenovae.fetch.options import ArchiveLimits, FetchOptions
from phenovae.fetch.partial import bytes_in_part
from phenovae.fetch.together import together
from phenovae.fetch.transfer import fetch, length_at
from phenovae.screen.bbbc021.catalogue import (
    ALL,
    BENCHMARK,
    TABLES,
    Catalogue,
    Plate,
    collection,
    read_catalogue,
)
from phenovae.screen.bbbc021.download_folder import (
    DownloadFolder,
    PlateRecord,
    Record,
    Selection,
    file_record,
    found_record,
)

_MOST_TABLE_BYTES = 1 << 28
_ASKED_AT_ONCE = 8
_GROWTH = 3


class DownloadOptions(Options):
    """How plates are downloaded."""

    base: str = Field(description="address that tables and archives lie under")
    jobs: int = Field(4, ge=1, description="plates at once")
    extract: bool = Field(default=True, description="unpack the archives")
    keep_archives: bool = Field(default=False, description="keep archives that were unpacked")
    check: bool = Field(default=False, description="compare what is there with its checksums")
    fetch: FetchOptions = FetchOptions()
    limits: ArchiveLimits = ArchiveLimits()


@dataclass
class Work:
    """What every step of a download shares; `progress` is told bytes of files, `steps` counts."""

    folder: DownloadFolder
    options: DownloadOptions
    progress: Progress = SILENT
    steps: Progress = SILENT
    halt: Halt = field(default_factory=Halt)

    def url(self, name: str) -> str:
        """Address of a file of the collection."""
        return urljoin(self.options.base, name)


@dataclass(frozen=True)
class DownloadPlan:
    """What is asked for, what of it is done, and the room [bytes] that the rest needs.

    `todo` has the plates to fetch with the reason, `known` what was found to be there unrecorded,
    `blocked` the plates whose folder is in the way.
    """

    selection: Selection
    done: tuple[str, ...]
    todo: dict[str, str]
    known: dict[str, PlateRecord]
    blocked: dict[str, str]
    images: dict[str, frozenset[str]]
    archive_bytes: int
    needed: int
    free: int

    def check_room(self, folder: Path) -> None:
        """Raise PhenovaeError where the disk has too little room."""
        if self.needed > self.free:
            raise PhenovaeError(
                f"{len(self.todo)} plates need about {self.needed / 1e9:.1f} GB of room, "
                f"{self.free / 1e9:.1f} GB are free",
                where=folder,
                mend="make room, choose another --to, or ask for fewer plates at a time",
            )


def utc_now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def fetch_tables(
    work: Work, asked: Sequence[str], record: Record, metadata: Path | None, moa: Path | None
) -> tuple[Record, Catalogue]:
    """Fetch the tables that are needed and not there; the record with them, and the catalogue.

    `metadata` and `moa` are tables to use instead.
    """
    folder = work.folder
    for given in (metadata, moa):
        if given is not None and not given.is_file():
            raise InputError("there is no such table", where=given)
    wanted = {folder.image_table} if metadata is None else set()
    if moa is None and (metadata is None or {TABLES, BENCHMARK} & set(asked)):
        wanted.add(folder.mechanism_table)
    tables = dict(record.tables)
    for path in sorted(wanted):
        if path.exists():
            told = tables.setdefault(path.name, found_record(path, utc_now()))
            if work.options.check and sha256_of_file(path) != told.sha256:
                what = f"{path.name} is not as it was fetched"
                raise InputError(what, where=path, mend="remove it to have it fetched anew")
            continue
        fetched = fetch(
            work.url(path.name),
            path,
            most_bytes=_MOST_TABLE_BYTES,
            options=work.options.fetch,
            progress=work.progress,
            halt=work.halt,
        )
        tables[path.name] = file_record(path, fetched, utc_now())
    mechanisms = moa if moa is not None else folder.mechanism_table
    try:
        catalogue = read_catalogue(
            metadata if metadata is not None else folder.image_table,
            mechanisms if mechanisms.exists() else None,
        )
    except FaultsError as error:
        here = sorted({Path(fault.file).name for fault in error.faults} & tables.keys())
        mend = f"; to have it fetched anew, remove {' and '.join(here)}" if here else ""
        raise FaultsError(f"{error.what}{mend}", error.faults) from error
    return record.model_copy(update={"tables": tables}), catalogue


def make_plan(
    work: Work, asked: Sequence[str], record: Record, catalogue: Catalogue
) -> DownloadPlan:
    """Say what is to be done. Raises UsageError where a name is not known."""
    chosen = catalogue.chosen(asked)
    done: list[str] = []
    todo: dict[str, str] = {}
    known: dict[str, PlateRecord] = {}
    blocked: dict[str, str] = {}
    with work.steps.bar("looking at what is there", len(chosen)) as bar:
        for plate in chosen:
            bar.advance()
            told = record.plates.get(plate.name)
            if told is None and (found := _found(work, plate)) is not None:
                known[plate.name] = told = found
            fault = _fault(work, plate.name, told)
            in_the_way = _in_the_way(work, plate.name) if fault else 0
            if not fault:
                done.append(plate.name)
            elif in_the_way:
                blocked[plate.name] = (
                    f"its folder is there with {in_the_way} files that were not downloaded here; "
                    "move it away to have the plate fetched"
                )
            else:
                todo[plate.name] = fault
    images = {plate.name: plate.images for plate in chosen if plate.name in todo}
    archive_bytes, needed = _room(work, images)
    return DownloadPlan(
        selection=_selection(asked, chosen, catalogue),
        done=tuple(done),
        todo=todo,
        known=known,
        blocked=blocked,
        images=images,
        archive_bytes=archive_bytes,
        needed=needed,
        free=_free(work.folder.root),
    )


def _fault(work: Work, plate: str, told: PlateRecord | None) -> str:
    """Why a plate has to be fetched, or nothing."""
    check = work.options.check
    if told is None:
        return "not there"
    if not work.options.extract:
        if told.archive is None:
            return "not there"
        return work.folder.fault_of_archive(plate, told.archive, check=check)
    if not told.bytes:
        return "not unpacked"
    return work.folder.fault_of_images(plate, told, check=check)


def _found(work: Work, plate: Plate) -> PlateRecord | None:
    """A plate whose images are all there without a record, as when unpacked by hand."""
    folder = work.folder.images(plate.name)
    if not work.options.extract or not folder.is_dir():
        return None
    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
    if not plate.images <= sizes.keys() or not all(sizes[name] for name in plate.images):
        return None
    return PlateRecord(
        images=len(plate.images),
        stray=tuple(sorted(sizes.keys() - plate.images)),
        bytes=sum(sizes.values()),
    )


def _in_the_way(work: Work, plate: str) -> int:
    """Files in a plate's folder that replacing it would lose."""
    folder = work.folder.images(plate)
    if not work.options.extract or not folder.exists():
        return 0
    if not folder.is_dir():
        return 1
    own = work.folder.read_checksums(plate)
    there = [path for path in folder.rglob("*") if not path.is_dir()]
    return sum(path.relative_to(folder).as_posix() not in own for path in there)


def _selection(asked: Sequence[str], chosen: Sequence[Plate], catalogue: Catalogue) -> Selection:
    used = sum(plate.controls for plate in chosen)
    names = f"{len(chosen)} of {len(catalogue.plates)} plates"
    if BENCHMARK in asked and ALL not in asked:
        names += ", those with a treatment of known mechanism among them"
    return Selection(
        asked=tuple(asked),
        plates=tuple(plate.name for plate in chosen),
        plates_in_table=len(catalogue.plates),
        dmso_wells_used=used,
        dmso_wells_in_table=catalogue.controls,
        note=f"{names}; {used} of {catalogue.controls} DMSO wells are then used",
    )


def _room(work: Work, images: dict[str, frozenset[str]]) -> tuple[int, int]:
    """Bytes of the archives to fetch, and of disk that fetching and unpacking them takes.

    What a server does not tell is taken as usual for the collection.
    """
    archives: dict[str, int] = {}
    fetched = work.folder.archive

    def ask_length(plate: str) -> int | None:
        url = work.url(collection().archive_of(plate))
        return length_at(url, work.options.fetch)

    absent = [plate for plate in images if not fetched(plate).exists()]
    with (
        closing(together(absent, ask_length, _ASKED_AT_ONCE, work.halt)) as outcomes,
        work.steps.bar("asking for sizes", len(absent)) as bar,
    ):
        for outcome in outcomes:
            bar.advance()
            if outcome.error is not None:
                raise outcome.error
            archives[outcome.key] = outcome.result or collection().archive_bytes
    unpacked = 0
    if work.options.extract:
        for plate, names in images.items():
            packed = archives.get(plate) or fetched(plate).stat().st_size
            unpacked += min(len(names) * collection().image_bytes, packed * _GROWTH)
    to_come = {
        plate: max(size - bytes_in_part(fetched(plate)), 0) for plate, size in archives.items()
    }
    kept = sorted(to_come.values(), reverse=True)
    if work.options.extract and not work.options.keep_archives:
        kept = kept[: work.options.jobs]
    return sum(to_come.values()), sum(kept) + unpacked


def _free(folder: Path) -> int:
    """Free bytes of the disk that a folder is on, or will be."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free
