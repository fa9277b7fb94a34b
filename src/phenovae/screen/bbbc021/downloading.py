"""Plates of BBBC021 into a folder, several at once; one that fails stops no other."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from phenovae.base.errors import ArchiveError, PhenovaeError
from phenovae.base.files import write_text
from phenovae.fetch.archive import check_contents
from phenovae.fetch.together import together
from phenovae.fetch.transfer import fetch
from phenovae.fetch.unpack import unpack
from phenovae.screen.bbbc021.catalogue import source_text
from phenovae.screen.bbbc021.download_folder import (
    FileRecord,
    PlateRecord,
    Record,
    file_record,
    found_record,
)
from phenovae.screen.bbbc021.download_plan import (
    DownloadPlan,
    Work,
    fetch_tables,
    make_plan,
    utc_now,
)

logger = logging.getLogger(__name__)

_MOST_ARCHIVE_BYTES = 1 << 33


@dataclass(frozen=True)
class Ended:
    """How a download ended: the plan it had, and the record as it is now."""

    plan: DownloadPlan
    record: Record

    @property
    def failed(self) -> dict[str, str]:
        """Plates that are not there, with the reason."""
        return self.record.failed


def download(
    work: Work, asked: Sequence[str], metadata: Path | None = None, moa: Path | None = None
) -> Ended:
    """Download tables and plates; what is done already is left as it is.

    The record is written after every plate. Raises FetchError and FaultsError where the tables
    cannot be had, UsageError where a name is not known, and PhenovaeError where the disk has no
    room; a plate that fails is in the record.
    """
    folder, base = work.folder, work.options.base
    record = folder.read_record(base, utc_now())
    record, catalogue = fetch_tables(work, asked, record, metadata, moa)
    folder.write_record(record)
    plan = make_plan(work, asked, record, catalogue)
    plan.check_room(folder.root)
    write_text(folder.root / "SOURCE.txt", source_text(base))
    record = record.model_copy(
        update={
            "base": base,
            "updated": utc_now(),
            "selection": plan.selection if plan.selection.plates else record.selection,
            "plates": record.plates | plan.known,
            "failed": dict(plan.blocked),
        }
    )
    folder.write_record(record)

    def get(plate: str) -> PlateRecord:
        return _get_plate(work, plate, plan.images[plate], before.get(plate))

    before = dict(record.plates)
    with (
        closing(together(list(plan.todo), get, work.options.jobs, work.halt)) as outcomes,
        work.steps.bar("plates", len(plan.todo)) as bar,
    ):
        for outcome in outcomes:
            record = _recorded(record, outcome.key, outcome.result, outcome.error)
            folder.write_record(record)
            bar.advance()
    with suppress(OSError):
        (folder.root / "archives").rmdir()  # only where none is kept
    return Ended(plan, record)


def _recorded(
    record: Record, plate: str, told: PlateRecord | None, error: Exception | None
) -> Record:
    """The record with one more plate done or failed."""
    if isinstance(error, PhenovaeError):
        logger.warning("%s: %s", plate, error.what)
        mend = f" ({error.mend})" if error.mend else ""
        failed = record.failed | {plate: f"{error.what}{mend}"}
        return record.model_copy(update={"failed": failed, "updated": utc_now()})
    if error is not None:
        raise error
    if told is None:
        return record
    logger.info("%s: %s", plate, remark_on(told))
    return record.model_copy(update={"plates": record.plates | {plate: told}, "updated": utc_now()})


def remark_on(told: PlateRecord) -> str:
    """What there is of a plate, and what is odd about it, in words."""
    if not told.bytes:
        return "archive kept"
    parts = [f"{told.images} of the {told.images + told.missing} images in the table"]
    if told.missing:
        parts.append(f"missing: {told.missing}")
    if told.stray:
        more = f" and {len(told.stray) - 1} more" if len(told.stray) > 1 else ""
        parts.append(f"beside them, in no row of the table: {told.stray[0]}{more}")
    if told.left_out:
        parts.append(f"{len(told.left_out)} files of the archive outside its folder left out")
    return "; ".join(parts)


def _get_plate(
    work: Work,
    plate: str,
    images: frozenset[str],
    before: PlateRecord | None,
    *,
    again: bool = True,
) -> PlateRecord:
    """Fetch the archive of a plate and unpack it; once `again` where it is damaged."""
    path = work.folder.archive(plate)
    source = work.folder.read_archive_note(plate)
    if path.exists() and source is None:
        try:
            return _finish(work, plate, images, before, found_record(path, utc_now()))
        except ArchiveError as error:
            mend = "it was there before; move it away to have it fetched"
            raise ArchiveError(error.what, where=path, mend=mend) from error
    if source is not None and work.options.check:
        fault = work.folder.fault_of_archive(plate, source, check=True)
        if fault:
            logger.info("%s: %s; fetching it anew", plate, fault)
            work.folder.remove_archive(plate)
            source = None
    whole = False
    if source is None:
        source, whole = _fetch_archive(work, plate)
    try:
        told = _finish(work, plate, images, before, source)
    except ArchiveError as error:
        work.folder.remove_archive(plate)
        # Parts of two versions, or an archive of an earlier day, may be damaged where one that
        # comes in one piece today is not.
        if whole or not again:
            raise
        logger.info("%s: %s; fetching it anew", plate, error.what)
        return _get_plate(work, plate, images, before, again=False)
    if work.options.extract and not work.options.keep_archives:
        work.folder.remove_archive(plate)
    return told


def _fetch_archive(work: Work, plate: str) -> tuple[FileRecord, bool]:
    """Fetch an archive; its record, and whether it came in one piece."""
    path = work.folder.archive(plate)
    work.folder.make_folder(path.parent)
    fetched = fetch(
        work.url(path.name),
        path,
        most_bytes=_MOST_ARCHIVE_BYTES,
        label=plate,
        options=work.options.fetch,
        progress=work.progress,
        halt=work.halt,
    )
    source = file_record(path, fetched, utc_now())
    work.folder.write_archive_note(plate, source)
    return source, not fetched.resumed


def _finish(
    work: Work,
    plate: str,
    images: frozenset[str],
    before: PlateRecord | None,
    source: FileRecord,
) -> PlateRecord:
    """Unpack an archive, or check it where that is all that is wanted; the plate's record."""
    path, limits = work.folder.archive(plate), work.options.limits
    if not work.options.extract:
        check_contents(path, plate, limits, work.halt)
        return (before or PlateRecord()).model_copy(update={"archive": source})
    folder = work.folder.images(plate)
    got = unpack(
        path,
        folder,
        limits=limits,
        progress=work.progress,
        halt=work.halt,
        note=lambda unpacked: work.folder.write_checksums(plate, unpacked.checksums),
    )
    there = images & got.checksums.keys()
    return PlateRecord(
        archive=source,
        images=len(there),
        missing=len(images - there),
        stray=tuple(sorted(got.checksums.keys() - images)),
        left_out=got.outside,
        bytes=got.size,
    )
