"""A file that has come in part, and a note of which version of it the part is."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from email.message import Message
from pathlib import Path
from typing import IO

from phenovae.base.errors import InputError, PhenovaeError
from phenovae.base.files import read_json, write_json


@dataclass(frozen=True)
class Version:
    """What a server tells of a file, to know it again; empty where it does not tell.

    `length` is in bytes, None where it is not known.
    """

    length: int | None = None
    etag: str = ""
    last_modified: str = ""

    @property
    def validator(self) -> str:
        """What If-Range takes: an entity tag that stands for the very bytes, else the date."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified

    def differs(self, other: Version) -> bool:
        """Whether anything that both tell is not the same."""
        return any(
            mine not in (None, "") and theirs not in (None, "") and mine != theirs
            for mine, theirs in zip(
                (self.length, self.etag, self.last_modified),
                (other.length, other.etag, other.last_modified),
                strict=True,
            )
        )


def version_of(headers: Message, length: int | None) -> Version:
    """The version that the headers of an answer tell."""
    return Version(length, headers.get("ETag", ""), headers.get("Last-Modified", ""))


def bytes_in_part(path: Path) -> int:
    """Bytes that have come of a file that is not there yet."""
    try:
        return _data_of(path).stat().st_size
    except OSError:
        return 0


def _data_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")


class Partial:
    """`<name>.partial` beside the file to be, and `<name>.partial.json` saying what it is of.

    Bytes are only ever added at the end, so that a killed process leaves a part to go on from.
    """

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.begun = 0
        self._url = url
        self._data = _data_of(path)
        self._note = path.with_name(f"{path.name}.partial.json")
        self.version = self._read_note()
        if self.version is None or self.size > (self.version.length or self.size):
            self.discard()

    @property
    def size(self) -> int:
        """Bytes that have come."""
        return bytes_in_part(self.path)

    @property
    def whole(self) -> bool:
        """Whether all bytes of a known length have come."""
        return self.version is not None and self.version.length == self.size

    def _read_note(self) -> Version | None:
        try:
            note = read_json(self._note)
        except InputError:
            return None
        if not isinstance(note, dict) or note.get("url") != self._url:
            return None
        length, etag, date = (note.get(key) for key in ("length", "etag", "last_modified"))
        if not isinstance(length, int | None) or not isinstance(etag, str):
            return None
        if not isinstance(date, str) or (length is None and not (etag or date)):
            return None
        return Version(length, etag, date)

    def discard(self) -> None:
        """Throw away what has come."""
        self.version = None
        try:
            self._data.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self._data, error) from error

    def begin(self, version: Version) -> None:
        """Begin anew with the first byte of a version."""
        self.discard()
        self.begun += 1
        self.version = version
        write_json(self._note, {"url": self._url, **asdict(version)})

    def open(self) -> IO[bytes]:
        """Open for adding at the end; without a buffer, so that what was added is on disk."""
        try:
            return self._data.open("ab", buffering=0)
        except OSError as error:
            raise _unwritable(self._data, error) from error

    def add(self, file: IO[bytes], block: bytes) -> None:
        """Add bytes. Raises PhenovaeError where the disk is full."""
        rest = memoryview(block)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError as error:
            raise _unwritable(self._data, error) from error

    def finish(self) -> None:
        """Give the file its name."""
        try:
            self._data.touch()
            self._data.replace(self.path)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        with suppress(OSError):
            self._note.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> PhenovaeError:
    return PhenovaeError(
        f"cannot write {path.name}: {error.strerror or error}",
        where=path,
        mend="make room, or choose a folder that you may write to; what has come is kept",
    )
