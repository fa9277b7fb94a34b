"""What a zip archive holds, believed only where it is safe to unpack.

Everything is checked before the first byte is unpacked: names that would leave the folder or mean
another file elsewhere, links and devices, encrypted members, sizes that the archive cannot have.
"""

from __future__ import annotations

import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from phenovae.base.errors import ArchiveError
from phenovae.fetch.halt import Halt
from phenovae.fetch.options import ArchiveLimits

_ENCRYPTED = 0x1 | 0x40 | 0x2000
_REPARSE_POINT = 0x400
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_FORBIDDEN = re.compile(r'[\\:*?"<>|]')
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST_NAME = 240
_BYTES_AN_ENTRY = 1024
_END = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\x05\x06"
_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_MARK = b"PK\x06\x06"
_LOCATOR = struct.Struct("<4sLQL")
_BLOCK = 1 << 20
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, ValueError)


@dataclass(frozen=True)
class Member:
    """One file of an archive: the parts of its path, its size in bytes."""

    parts: tuple[str, ...]
    info: zipfile.ZipInfo

    @property
    def size(self) -> int:
        """Bytes when unpacked."""
        return self.info.file_size


@contextmanager
def opened(path: Path, limits: ArchiveLimits) -> Iterator[tuple[zipfile.ZipFile, list[Member]]]:
    """An archive and its files, in their order, folders left out.

    Raises ArchiveError where it is damaged, holds what is not safe to unpack, or exceeds a limit.
    """
    try:
        _check_directory(path, limits)
        with zipfile.ZipFile(path) as archive:
            yield archive, _members(archive, path, limits)
    except _DAMAGE as error:
        raise ArchiveError(f"the archive is damaged: {error}", where=path) from error
    except OSError as error:
        raise ArchiveError(
            f"the archive cannot be read: {error.strerror or error}", where=path
        ) from error


def in_folder(
    members: Sequence[Member], name: str, path: Path
) -> tuple[dict[tuple[str, ...], Member], tuple[str, ...]]:
    """The files in the folder `name` by their place in it, and the paths of all others.

    Of several such folders the one nearest the top counts, and of those the fullest: archives made
    on a Mac have a second one for what that system adds. Raises ArchiveError where there is none.
    """
    folders = Counter(
        member.parts[: member.parts.index(name) + 1]
        for member in members
        if name in member.parts[:-1]
    )
    if not folders:
        tops = sorted({member.parts[0] for member in members if len(member.parts) > 1})
        held = f"it holds {', '.join(tops[:3])}" if tops else "it holds no folder with files"
        raise ArchiveError(f"the archive has no files in a folder {name}; {held}", where=path)
    chosen = min(folders, key=lambda folder: (len(folder), -folders[folder]))
    depth = len(chosen)
    inside = {m.parts[depth:]: m for m in members if m.parts[:depth] == chosen}
    outside = tuple("/".join(m.parts) for m in members if m.parts[:depth] != chosen)
    return inside, outside


def check_contents(path: Path, name: str, limits: ArchiveLimits, halt: Halt) -> int:
    """Read every file of an archive against its checksum; how many there are. Writes nothing.

    Raises ArchiveError as unpacking its folder `name` would.
    """
    with opened(path, limits) as (archive, members):
        in_folder(members, name, path)
        for member in members:
            for _ in blocks_of(archive, member, halt):
                pass
        return len(members)


def blocks_of(archive: zipfile.ZipFile, member: Member, halt: Halt) -> Iterator[bytes]:
    """The bytes of one file, checked against its size and checksum by the end."""
    came = 0
    with archive.open(member.info) as file:
        while block := file.read(_BLOCK):
            halt.check()
            came += len(block)
            yield block
    if came != member.size:
        raise zipfile.BadZipFile(f"{'/'.join(member.parts)} has {came} of {member.size} bytes")


def _check_directory(path: Path, limits: ArchiveLimits) -> None:
    """Bound the archive's table of contents before it is read into memory."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(4)
        tail_at = max(size - (1 << 16) - _END.size - _LOCATOR.size, 0)
        file.seek(tail_at)
        tail = file.read()
        at = tail.rfind(_END_MARK)
        if at < 0:
            whole = "it is cut short" if start[:2] == b"PK" else "no zip archive came"
            raise zipfile.BadZipFile(whole)
        _, _, _, _, count, length, _, _ = _END.unpack_from(tail, at)
        if at >= _LOCATOR.size and tail[at - _LOCATOR.size : at].startswith(b"PK\x06\x07"):
            _, _, end64_at, _ = _LOCATOR.unpack_from(tail, at - _LOCATOR.size)
            file.seek(min(end64_at, size))
            end64 = _END64.unpack(file.read(_END64.size))
            if end64[0] != _END64_MARK:
                raise zipfile.BadZipFile("its end is damaged")
            count, length = end64[7], end64[8]
    if count > limits.files or length > limits.files * _BYTES_AN_ENTRY:
        raise ArchiveError(f"the archive tells of more than {limits.files} files", where=path)


def _members(archive: zipfile.ZipFile, path: Path, limits: ArchiveLimits) -> list[Member]:
    infos = archive.infolist()
    members: list[Member] = []
    seen: dict[tuple[str, ...], str] = {}
    for info in infos:
        name = info.orig_filename
        fault = _fault_of(info)
        if fault:
            raise ArchiveError(f"the archive is not safe to unpack: {name!r} {fault}", where=path)
        parts = tuple(name.rstrip("/").split("/"))
        # On many systems names that differ in case or in how an accent is written are one file.
        key = tuple(unicodedata.normalize("NFKC", part).casefold() for part in parts)
        if key in seen:
            what = f"{name!r} and {seen[key]!r} are one file, or are on some systems"
            raise ArchiveError(f"the archive is not safe to unpack: {what}", where=path)
        seen[key] = name
        if not info.is_dir():
            members.append(Member(parts, info))
    files = {key for key, name in seen.items() if not name.endswith("/")}
    for key, name in seen.items():
        if any(key[:depth] in files for depth in range(1, len(key))):
            what = f"{name!r} lies in a folder that is a file"
            raise ArchiveError(f"the archive is not safe to unpack: {what}", where=path)
    _check_sizes(members, path, limits)
    return members


def _fault_of(info: zipfile.ZipInfo) -> str:
    """What makes a member unsafe; empty where nothing does."""
    name = info.orig_filename
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted"
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or info.external_attr & _REPARSE_POINT:
        return "is a link or a device"
    if (kind == stat.S_IFDIR) != info.is_dir() and kind:
        return "is a folder by its mode and a file by its name, or the other way round"
    if info.compress_type not in _METHODS:
        return f"is compressed by a method that is not read ({info.compress_type})"
    if info.is_dir() and info.file_size:
        return "is a folder with bytes of its own"
    return _fault_of_name(name)


def _fault_of_name(name: str) -> str:
    if name.startswith("/"):
        return "has an absolute path"
    if "\\" in name or ":" in name:
        return "has a backslash or a drive in its path"
    if not name.isprintable() or _FORBIDDEN.search(name):
        return "has characters that file names cannot have everywhere"
    for part in name.rstrip("/").split("/"):
        plain = unicodedata.normalize("NFKC", part)
        if plain.strip(". ") == "" or "/" in plain or "\\" in plain:
            return "has a path that leads elsewhere"
        if part != part.strip() or part.endswith(".") or _DEVICE.fullmatch(plain):
            return "has a name that some systems read as another"
        if len(part.encode()) > _LONGEST_NAME:
            return f"has a name longer than {_LONGEST_NAME} bytes"
    return ""


def _check_sizes(members: list[Member], path: Path, limits: ArchiveLimits) -> None:
    size = path.stat().st_size
    total = sum(member.size for member in members)
    packed = sum(member.info.compress_size for member in members)
    largest = max((member.size for member in members), default=0)
    for what, too_much in (
        (f"it tells of {packed} packed bytes in {size}", packed > size),
        (f"a file of {largest} bytes, more than {limits.file_bytes}", largest > limits.file_bytes),
        (f"{total} bytes in all, more than {limits.total_bytes}", total > limits.total_bytes),
        (f"it grows from {size} to {total} bytes", total > limits.ratio * size),
    ):
        if too_much:
            raise ArchiveError(f"the archive is not safe to unpack: {what}", where=path)
