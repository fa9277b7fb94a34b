"""A stage: what it needs, what it leaves, and the fingerprint that says whether it must run."""

from __future__ import annotations

import logging
import shutil
import stat
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from phenovae import __version__
from phenovae.base.errors import InputError, PhenovaeError, UsageError
from phenovae.base.files import sha256_of, sha256_of_file
from phenovae.base.progress import SILENT, Progress
from phenovae.pipeline.changes import Basis, changes
from phenovae.pipeline.config import Config
from phenovae.pipeline.journal import Entry, Journal, collecting_warnings
from phenovae.vae.meeting import Meeting

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Work:
    """What a stage is given: the run's folder, the configuration, where to tell progress.

    `resume`: whether work that was stopped half-way is gone on with. `fingerprint` is the stage's:
    what was left half-done belongs to it only if made under the same one. `meeting` is where other
    machines join the training, if it has several.
    """

    run: Path
    config: Config
    progress: Progress = SILENT
    resume: bool = True
    fingerprint: str = ""
    meeting: Meeting | None = None


@dataclass(frozen=True)
class Outcome:
    """What a stage has to say: facts for the journal, and how many named inputs were not used."""

    facts: dict[str, object] = field(default_factory=dict)
    unread: int = 0


@dataclass(frozen=True)
class Stage:
    """One arrow of the data's way.

    `version` grows when the stage's code changes what it writes; `options` picks the part of the
    configuration that matters to it, under the configuration's own keys; `inputs` names files and
    folders outside the run. `why_not` gives the reason where the data leave the stage nothing to
    do; the stages that need it are then skipped too, but for those that can do without.
    """

    name: str
    version: int
    needs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: Callable[[Config], Mapping[str, object]]
    perform: Callable[[Work], Outcome]
    inputs: Callable[[Config], Mapping[str, Path]] = lambda _config: {}
    says: str = ""
    verb: str = ""
    why_not: Callable[[Work], str | None] = lambda _work: None
    can_do_without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Whether a stage would run, and why; `basis` is what its outcome would rest on."""

    stage: Stage
    fingerprint: str
    basis: Basis
    runs: bool
    why: str


def fingerprint_of_input(path: Path) -> str:
    """What identifies a named input: a file's SHA-256, or a folder's names, sizes and times.

    Raises InputError where the path does not exist.
    """
    if path.is_file():
        return sha256_of_file(path)
    if path.is_dir():
        listed = []
        for file in sorted(path.rglob("*")):
            name = file.relative_to(path).as_posix()
            try:
                found = file.stat()
            except OSError:
                # A link to nothing, say: the stage itself will say what it makes of it.
                listed.append((name, -1, 0))
                continue
            if stat.S_ISREG(found.st_mode):
                listed.append((name, found.st_size, found.st_mtime_ns))
        return sha256_of(listed)
    raise InputError(
        "a named input does not exist", where=path, mend="check the path in the configuration"
    )


def basis_of(stage: Stage, config: Config, journal: Journal) -> Basis:
    """What the stage's outcome rests on, besides the stages that it needs.

    What a finished stage has read may be gone since: its recorded hash then stands for it, so that
    a run can be moved, or its crops put away, once they are imported.
    """
    entry = journal.stages.get(stage.name)
    kept = entry.inputs if entry is not None and journal.whole(stage.name) else {}
    inputs: dict[str, str] = {}
    for name, path in stage.inputs(config).items():
        if name in kept and not path.exists():
            logger.info("%s: %s is gone; the run has what was read of it", stage.name, path)
            inputs[name] = kept[name]
        else:
            inputs[name] = fingerprint_of_input(path)
    return Basis(
        settings={"seed": config.seed, **stage.options(config)},
        made_with={"phenovae": __version__, "version of the stage": str(stage.version)},
        inputs=inputs,
    )


def fingerprint(stage: Stage, basis: Basis, upstream: Mapping[str, str]) -> str:
    """What tells a stage's outcome from that of other options, inputs, code or stages before it."""
    parts = {
        "stage": stage.name,
        "settings": basis.settings,
        "made_with": basis.made_with,
        "inputs": basis.inputs,
        "upstream": {name: upstream[name] for name in stage.needs},
    }
    return sha256_of(parts)


def plan(
    stages: tuple[Stage, ...], config: Config, journal: Journal, again: Collection[str] = ()
) -> list[Plan]:
    """What a run of these stages would do, in order; `again` names stages that run anyway.

    Raises UsageError or InputError where options or named inputs of any stage are at fault.
    """
    for stage in stages:
        stage.options(config)  # a fault of the last stage is told before the first one's inputs
    plans: list[Plan] = []
    upstream: dict[str, str] = {}
    changed: set[str] = set()
    for stage in stages:
        basis = basis_of(stage, config, journal)
        mark = fingerprint(stage, basis, upstream)
        upstream[stage.name] = mark
        if (
            journal.finished(stage.name, mark)
            and not changed & set(stage.needs)
            and stage.name not in again
        ):
            plans.append(Plan(stage, mark, basis, runs=False, why="finished and unchanged"))
            continue
        why = _reason(stage, mark, basis, journal, changed)
        changed.add(stage.name)
        plans.append(Plan(stage, mark, basis, runs=True, why=why))
    return plans


def _reason(stage: Stage, mark: str, basis: Basis, journal: Journal, changed: set[str]) -> str:
    entry = journal.stages.get(stage.name)
    if entry is None:
        return "has not run yet"
    before = [name for name in stage.needs if name in changed]
    reasons = [f"comes after {', '.join(before)}"] if before else []
    reasons += changes(entry, basis)
    if reasons:
        return "; ".join(reasons)
    if entry.fingerprint != mark:
        return (
            "its part of the configuration, its input or its code has changed; the run's journal "
            "does not say which"
        )
    return "an output of it is missing" if not journal.whole(stage.name) else "asked for again"


def reason_to_skip(stage: Stage, work: Work, journal: Journal) -> str | None:
    """Why a stage has nothing to do: a stage that it needs was skipped, or the data are not there.

    Raises what the stage's own question raises.
    """
    for need in stage.needs:
        entry = journal.stages.get(need)
        if entry is not None and entry.skipped and need not in stage.can_do_without:
            return entry.skipped
    return stage.why_not(work)


def skip(planned: Plan, work: Work, journal: Journal, reason: str) -> None:
    """Write a stage into the journal as skipped; what an earlier run of it left is removed."""
    for name in planned.stage.outputs:
        path = work.run / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    entry = Entry(
        fingerprint=planned.fingerprint,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=0.0,
        outputs=[],
        inputs=dict(planned.basis.inputs),
        skipped=reason,
        settings=dict(planned.basis.settings),
        made_with=dict(planned.basis.made_with),
    )
    journal.record(planned.stage.name, entry)


def perform(planned: Plan, work: Work, journal: Journal) -> Entry:
    """Run one stage and write it into the journal.

    Raises what the stage raises, and PhenovaeError where the disk is full or refuses.
    """
    stage = planned.stage
    started = datetime.now(UTC).isoformat(timespec="seconds")
    clock = time.perf_counter()
    try:
        with collecting_warnings() as said:
            outcome = stage.perform(replace(work, fingerprint=planned.fingerprint))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise PhenovaeError(
            f"the stage {stage.name} cannot go on: {error.strerror or error}",
            where=error.filename or work.run,
            mend="make room, or choose a folder that you may write to; "
            "the same command then goes on from there",
        ) from error
    missing = [name for name in stage.outputs if not (work.run / name).exists()]
    if missing:
        raise UsageError(f"the stage {stage.name} left no {', '.join(missing)}", where=work.run)
    entry = Entry(
        fingerprint=planned.fingerprint,
        started=started,
        seconds=round(time.perf_counter() - clock, 2),
        outputs=list(stage.outputs),
        inputs=dict(planned.basis.inputs),
        warnings=list(said),
        facts=outcome.facts,
        unread=outcome.unread,
        settings=dict(planned.basis.settings),
        made_with=dict(planned.basis.made_with),
    )
    journal.record(stage.name, entry)
    return entry
