"""One process at a time in a folder; the lock falls with its holder, however that ends."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

from phenovae.base.errors import PhenovaeError, RunBusyError

_LOCK = ".lock"
_HOLDER = ".holder.json"
_LOOK_AGAIN = 0.05


@contextmanager
def locked_folder(folder: Path, *, name: str, option: str, patience: float = 0.0) -> Iterator[None]:
    """Hold the lock of a folder, made where it is missing.

    `name` is what the folder is to its user (`run`), `option` names it on the command line. Raises
    RunBusyError, naming the process that has the lock, where that keeps it for longer than
    `patience` [s], and PhenovaeError where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / _LOCK).open("a+b")
    except OSError as error:
        raise PhenovaeError(
            f"cannot write into the {name}'s folder: {error.strerror or error}",
            where=folder,
            mend=f"choose a folder that you may write to with {option}",
        ) from error
    with file:
        if not _taken_within(patience, file):
            raise RunBusyError(
                f"another process is at work on this {name}: {_holder(folder)}",
                where=folder,
                mend=f"wait for it to end, stop it, or use another {option}",
            )
        note = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        # The note is a courtesy to the second; a full disk is told of by what needs the room.
        with suppress(OSError):
            (folder / _HOLDER).write_text(json.dumps(note), encoding="utf-8")
        try:
            yield
        finally:
            with suppress(OSError):
                (folder / _HOLDER).unlink(missing_ok=True)


def lock_state(folder: Path) -> tuple[Literal["free", "held", "left behind"], str]:
    """Whether a process holds a folder's lock, or was killed while it did; and which one it is."""
    try:
        file = (folder / _LOCK).open("rb")
    except OSError:
        return "free", ""
    with file:
        if not _take(file):
            return "held", _holder(folder)
    noted = (folder / _HOLDER).exists()
    return ("left behind", _holder(folder)) if noted else ("free", "")


def _taken_within(seconds: float, file: IO[bytes]) -> bool:
    end = time.monotonic() + seconds
    while not _take(file):
        if time.monotonic() >= end:
            return False
        time.sleep(_LOOK_AGAIN)
    return True


def _holder(folder: Path) -> str:
    try:
        note = json.loads((folder / _HOLDER).read_text(encoding="utf-8"))
        return f"process {note['pid']} on {note['host']} since {note['since']}"
    except (OSError, ValueError, KeyError):
        return "its name is not known"


if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[bytes]) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _take(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
