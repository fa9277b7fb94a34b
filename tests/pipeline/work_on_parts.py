"""Functions for workers of tests: worker processes import them by name."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from phenovae.base.errors import InputError


@dataclass(frozen=True)
class Task:
    """A number, and a folder to leave marks in."""

    number: int
    folder: Path


def square(task: Task) -> int:
    """The square of the number."""
    return task.number**2


def refuse_three(task: Task) -> int:
    """As `square`, but 3 is an error of ours."""
    if task.number == 3:
        raise InputError("three is no good", where="here", mend="take four")
    return task.number**2


def die_once(task: Task) -> int:
    """As `square`, but the first worker that gets 2 is killed."""
    mark = task.folder / "died"
    if task.number == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return task.number**2


def die_always(task: Task) -> int:
    """Kills every worker that gets 2."""
    if task.number == 2:
        with (task.folder / "deaths").open("a", encoding="utf-8") as file:
            file.write("x")
        os.kill(os.getpid(), signal.SIGKILL)
    return task.number**2
