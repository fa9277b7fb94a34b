"""A stage: what it needs, what it leaves, and the fingerprint that says whether it must run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from phenovae import __version__
from phenovae.base.errors import InputError, UsageError
from phenovae.base.files import sha256_of, sha256_of_file
from phenovae.base.progress import SILENT, Progress
from phenovae.pipeline.config import Config
from phenovae.pipeline.journal import Entry, Journal, collecting_warnings


@dataclass(frozen=True)
class Work:
    """What a stage is given: the run's folder, the configuration, where to tell progress."""

    run: Path
    config: Config
    progress: Progress = SILENT


@dataclass(frozen=True)
class Outcome:
    """What a stage has to say: facts for the journal, and how many named inputs were not used."""

    facts: dict[str, object] = field(default_factory=dict)
    unread: int = 0


@dataclass(frozen=True)
class Stage:
    """One arrow of the data's way.

    `version` grows when the stage's code changes what it writes; `options` picks the part of the
    configuration that matters to it; `inputs` names files and folders outside the run.
    """

    name: str
    version: int
    needs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: Callable[[Config], object]
    perform: Callable[[Work], Outcome]
    inputs: Callable[[Config], Mapping[str, Path]] = lambda _config: {}
    says: str = ""
    verb: str = ""


@dataclass(frozen=True)
class Plan:
    """Whether a stage would run, and why."""

    stage: Stage
    fingerprint: str
    runs: bool
    why: str


def fingerprint_of_input(path: Path) -> str:
    """What identifies a named input: a file's SHA-256, or a folder's names, sizes and times.

    Raises InputError where the path does not exist.
    """
    if path.is_file():
        return sha256_of_file(path)
    if path.is_dir():
        listed = [
            (file.relative_to(path).as_posix(), file.stat().st_size, file.stat().st_mtime_ns)
            for file in sorted(path.rglob("*"))
            if file.is_file()
        ]
        return sha256_of(listed)
    raise InputError(
        "a named input does not exist", where=path, mend="check the path in the configuration"
    )


def fingerprint(
    stage: Stage, config: Config, upstream: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    """The stage's fingerprint, and the hashes of the named inputs that went into it."""
    inputs = {name: fingerprint_of_input(path) for name, path in stage.inputs(config).items()}
    parts = {
        "stage": stage.name,
        "version": stage.version,
        "phenovae": __version__,
        "seed": config.seed,
        "options": stage.options(config),
        "inputs": inputs,
        "upstream": {name: upstream[name] for name in stage.needs},
    }
    return sha256_of(parts), inputs


def plan(stages: tuple[Stage, ...], config: Config, journal: Journal) -> list[Plan]:
    """What a run of these stages would do, in order."""
    plans: list[Plan] = []
    upstream: dict[str, str] = {}
    changed: set[str] = set()
    for stage in stages:
        mark, _ = fingerprint(stage, config, upstream)
        upstream[stage.name] = mark
        if journal.finished(stage.name, mark) and not changed & set(stage.needs):
            plans.append(Plan(stage, mark, runs=False, why="finished and unchanged"))
            continue
        changed.add(stage.name)
        plans.append(Plan(stage, mark, runs=True, why=_reason(stage, mark, journal, changed)))
    return plans


def _reason(stage: Stage, mark: str, journal: Journal, changed: set[str]) -> str:
    entry = journal.stages.get(stage.name)
    if entry is None:
        return "has not run yet"
    before = [name for name in stage.needs if name in changed]
    if before:
        return f"comes after {', '.join(before)}"
    if entry.fingerprint != mark:
        return "its part of the configuration or its input has changed"
    return "an output of it is missing"


def perform(stage: Stage, work: Work, journal: Journal, upstream: Mapping[str, str]) -> Entry:
    """Run one stage and write it into the journal."""
    mark, inputs = fingerprint(stage, work.config, upstream)
    journal.forget(stage.name)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    clock = time.perf_counter()
    with collecting_warnings() as said:
        outcome = stage.perform(work)
    missing = [name for name in stage.outputs if not (work.run / name).exists()]
    if missing:
        raise UsageError(f"the stage {stage.name} left no {', '.join(missing)}", where=work.run)
    entry = Entry(
        fingerprint=mark,
        started=started,
        seconds=round(time.perf_counter() - clock, 2),
        outputs=list(stage.outputs),
        inputs=inputs,
        warnings=list(said),
        facts=outcome.facts,
        unread=outcome.unread,
    )
    journal.record(stage.name, entry)
    return entry
