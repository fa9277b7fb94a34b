"""One process at a time on a run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from phenovae.base.lock import locked_folder


def locked(run: Path) -> AbstractContextManager[None]:
    """Hold the run's lock. Raises RunBusyError, naming the process that has it."""
    return locked_folder(run, name="run", option="--out")
