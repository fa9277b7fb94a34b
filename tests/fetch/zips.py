"""Archives made by code, whole and hostile."""

from __future__ import annotations

import io
import stat
import struct
import warnings
import zipfile
from collections.abc import Sequence


def zipped(
    *files: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """An archive of the files in their order; names twice are written twice."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for name, content in files:
                archive.writestr(name, content)
    return buffer.getvalue()


def plate_zip(plate: str, names: Sequence[str], content: bytes = b"pixels " * 50) -> bytes:
    """An archive laid out like the official ones: a folder of the plate with its files."""
    files = [(f"{plate}/{name}", content + name.encode()) for name in names]
    return zipped((f"{plate}/", b""), *files)


def with_mode(name: str, mode: int) -> zipfile.ZipInfo:
    """A member of another kind: a link, a device, a pipe."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def link(name: str) -> zipfile.ZipInfo:
    """A symbolic link."""
    return with_mode(name, stat.S_IFLNK | 0o777)


def renamed(archive: bytes, old: bytes, new: bytes) -> bytes:
    """An archive whose names are changed in its bytes, as no writer would have them."""
    assert len(old) == len(new)
    assert archive.count(old) >= 2
    return archive.replace(old, new)


def flagged(archive: bytes, flag: int) -> bytes:
    """An archive with a bit set in the flags of its first member, in both headers."""
    changed = bytearray(archive)
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = archive.index(mark) + at
        (value,) = struct.unpack_from("<H", changed, place)
        struct.pack_into("<H", changed, place, value | flag)
    return bytes(changed)


def claiming(archive: bytes, size: int) -> bytes:
    """An archive that tells another unpacked size of its first member, in both headers."""
    changed = bytearray(archive)
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", changed, archive.index(mark) + at, size)
    return bytes(changed)


def overlapping(copies: int = 26) -> bytes:
    """A bomb whose table of contents names the same packed bytes many times."""
    one = zipped(("P/a", bytes(1_000_000)))
    start = one.index(b"PK\x01\x02")
    entry = one[start : one.index(b"PK\x05\x06")]
    entries = b"".join(
        entry.replace(b"P/a", b"P/" + bytes([ord("A") + number])) for number in range(copies)
    )
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, copies, copies, len(entries), start, 0)
    return one[:start] + entries + end
