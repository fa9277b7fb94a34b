"""One folder of an archive, unpacked whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from phenovae.base.errors import PhenovaeError
from phenovae.base.files import replace_folder
from phenovae.base.progress import SILENT, Bar, Progress
from phenovae.fetch.archive import Member, blocks_of, in_folder, opened
from phenovae.fetch.halt import Halt
from phenovae.fetch.options import ArchiveLimits


@dataclass(frozen=True)
class Unpacked:
    """What was unpacked: the SHA-256 of each file by its path in the folder, all bytes, the rest.

    `outside` are files of the archive that lie elsewhere than in the folder and were left there.
    """

    checksums: dict[str, str]
    size: int
    outside: tuple[str, ...]


def unpack(
    path: Path,
    folder: Path,
    *,
    limits: ArchiveLimits | None = None,
    progress: Progress = SILENT,
    halt: Halt | None = None,
    note: Callable[[Unpacked], None] = lambda _: None,
) -> Unpacked:
    """Unpack the folder of an archive that has the name of `folder`, in place of `folder`.

    Files go to `<folder>.partial`, renamed when all are whole; `note` is called just before, so
    that no folder is ever there unknown. The archive may have the folder within others.
    Raises ArchiveError where the archive is damaged, unsafe or has no such folder; HaltedError; and
    PhenovaeError where there is no room.
    """
    limits, halt = limits or ArchiveLimits(), halt or Halt()
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        with opened(path, limits) as (archive, members):
            inside, outside = in_folder(members, folder.name, path)
            size = sum(member.size for member in inside.values())
            _make_room(partial, size)
            with progress.bar(f"{folder.name}, unpacking", size) as bar:
                checksums = {
                    "/".join(place): _unpack_one(archive, member, partial / Path(*place), bar, halt)
                    for place, member in inside.items()
                }
        unpacked = Unpacked(dict(sorted(checksums.items())), size, outside)
        note(unpacked)
        _publish(partial, folder)
    finally:
        # What is left of a failure would only take room: it is made anew from the archive.
        shutil.rmtree(partial, ignore_errors=True)
    return unpacked


def _unpack_one(archive: zipfile.ZipFile, member: Member, path: Path, bar: Bar, halt: Halt) -> str:
    """Write one file; its SHA-256."""
    digest = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("xb")
    except OSError as error:
        raise _unwritable(path, error) from error
    with file:
        for block in blocks_of(archive, member, halt):
            try:
                file.write(block)
            except OSError as error:
                raise _unwritable(path, error) from error
            digest.update(block)
            bar.advance(len(block))
    return digest.hexdigest()


def _make_room(partial: Path, size: int) -> None:
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        free = shutil.disk_usage(partial).free
    except OSError as error:
        raise _unwritable(partial, error) from error
    if size > free:
        raise PhenovaeError(
            f"no room to unpack {size / 1e9:.1f} GB: {free / 1e9:.1f} GB are free",
            where=partial.parent,
            mend="make room and run the same command again; the archive is kept",
        )


def _publish(partial: Path, folder: Path) -> None:
    try:
        replace_folder(partial, folder)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(path: Path, error: OSError) -> PhenovaeError:
    return PhenovaeError(
        f"cannot write {path.name}: {error.strerror or error}",
        where=path,
        mend="make room, or choose a folder that you may write to",
    )
