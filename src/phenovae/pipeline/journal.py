"""The journal of a run, `run.json`: what ran, on what, with which versions, and what was said."""

from __future__ import annotations

import logging
import platform
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from phenovae import __version__
from phenovae.base.errors import InputError
from phenovae.base.files import read_json, write_json

FORMAT = 2
_NAME = "run.json"
_RECORDED = (
    "numpy", "scipy", "pandas", "pyarrow", "scikit-learn", "scikit-image", "torch",
    "lightning-fabric", "pydantic", "matplotlib", "safetensors",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One finished stage, or one that had nothing to do for the reason that `skipped` gives.

    `settings` is the part of the configuration that it rests on, `made_with` the versions of the
    code; journals of format 1 have neither.
    """

    fingerprint: str
    started: str
    seconds: float
    outputs: list[str]
    inputs: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)
    unread: int = 0
    skipped: str = ""
    settings: dict[str, object] | None = None
    made_with: dict[str, str] = field(default_factory=dict)


@dataclass
class Journal:
    """All finished stages of a run, kept in `run.json`."""

    run: Path
    seed: int
    stages: dict[str, Entry]

    @classmethod
    def open(cls, run: Path, seed: int) -> Journal:
        """Read the journal of a run, or begin one. Raises InputError if it cannot be read."""
        path = run / _NAME
        if not path.exists():
            return cls(run, seed, {})
        told = read_json(path)
        try:
            if not isinstance(told, dict) or int(told["format"]) > FORMAT:
                raise InputError(
                    "the journal is of a newer format", where=path, mend="install a newer phenovae"
                )
            stages = {str(name): Entry(**entry) for name, entry in told["stages"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"the journal is damaged: {error}", where=path, mend="delete it; all stages rerun"
            ) from error
        return cls(run, seed, stages)

    def finished(self, name: str, fingerprint: str) -> bool:
        """Whether this stage ran on just these inputs and its outputs are still there."""
        entry = self.stages.get(name)
        return entry is not None and entry.fingerprint == fingerprint and self.whole(name)

    def whole(self, name: str) -> bool:
        """Whether this stage ran and all that it left is still there."""
        entry = self.stages.get(name)
        return entry is not None and all((self.run / each).exists() for each in entry.outputs)

    def record(self, name: str, entry: Entry) -> None:
        """Write a finished stage down."""
        self.stages[name] = entry
        self.save()

    def forget(self, names: Collection[str]) -> None:
        """Strike stages that are about to run anew, or whose inputs are about to change."""
        known = [name for name in names if name in self.stages]
        for name in known:
            del self.stages[name]
        if known:
            self.save()

    def save(self) -> None:
        """Write the journal whole."""
        write_json(self.run / _NAME, self.as_dict())

    def as_dict(self) -> dict[str, object]:
        """The journal as JSON."""
        return {
            "format": FORMAT,
            "seed": self.seed,
            "versions": versions(),
            "machine": machine(),
            "stages": {name: asdict(entry) for name, entry in self.stages.items()},
        }


def versions() -> dict[str, str]:
    """Versions of phenovae, Python and the libraries that touch the numbers."""
    found = {"phenovae": __version__, "python": platform.python_version()}
    for name in _RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, str]:
    """The machine, as far as it can change the last digits."""
    return {"system": platform.system(), "architecture": platform.machine()}


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text not in self.said:
            self.said.append(text)


@contextmanager
def collecting_warnings() -> Iterator[list[str]]:
    """Gather what phenovae warns of while the block runs."""
    collector = _Collector()
    logger = logging.getLogger("phenovae")
    logger.addHandler(collector)
    try:
        yield collector.said
    finally:
        logger.removeHandler(collector)
