"""Running stages in order: finished ones are skipped, changed ones rerun, a killed run goes on."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from phenovae.base.errors import InputError, UsageError
from phenovae.base.progress import SILENT, Progress
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config, load_config, write_config
from phenovae.pipeline.journal import Journal
from phenovae.pipeline.lock import locked
from phenovae.pipeline.order import stages_of
from phenovae.pipeline.several_nodes import open_meeting
from phenovae.pipeline.stage import Plan, Stage, Work, perform, plan, reason_to_skip, skip
from phenovae.pipeline.stages.train import TRAIN
from phenovae.vae.meeting import Meeting

logger = logging.getLogger(__name__)

CONFIG_NAME = paths.CONFIG
_NEWS = {False: logging.WARNING, True: logging.INFO}


@dataclass(frozen=True)
class Finished:
    """What a run came to: which stages ran, and how many named inputs could not be used.

    `skipped` were finished before; `without` had nothing to do, for the reason given.
    """

    ran: tuple[str, ...]
    skipped: tuple[str, ...]
    unread: int
    without: Mapping[str, str] = field(default_factory=dict)


def config_of_run(run: Path, config: Path | None, settings: Sequence[str]) -> Config:
    """The configuration of a run: a named file, else the one that the run was made with."""
    return load_config(config or own_config(run), settings)


def own_config(run: Path) -> Path | None:
    """The configuration that a run was made with, or None where there is no run yet."""
    own = run / CONFIG_NAME
    return own if own.is_file() else None


def plan_run(config: Config, run: Path) -> list[Plan]:
    """What `run_all` would do now, stage by stage, without doing it."""
    return plan(stages_of(config), config, Journal.open(run, config.seed))


def run_all(
    config: Config, run: Path, progress: Progress = SILENT, *, resume: bool = True
) -> Finished:
    """Run every stage that is not finished. Raises what a stage raises; nothing done is lost."""
    stages = stages_of(config)
    names = {stage.name for stage in stages}
    return _run(stages, names, config, run, progress, force=False, resume=resume)


def run_stages(
    names: Collection[str], config: Config, run: Path, progress: Progress = SILENT
) -> Finished:
    """Run the stages of these names, and those that they need, where they are not finished."""
    stages = stages_of(config)
    return _run(
        stages, needed_stages(names, stages), config, run, progress, force=False, resume=True
    )


def needed_stages(names: Collection[str], stages: tuple[Stage, ...]) -> set[str]:
    """These stages and all that they need."""
    return set(names) | _needed_by(set(names), stages)


def run_verbs(
    verbs: Sequence[str],
    config: Config,
    run: Path,
    progress: Progress = SILENT,
    *,
    force: bool = False,
    resume: bool = True,
) -> Finished:
    """Run the stages of these verbs alone; what they need must be finished.

    `force` runs them even if they are. Raises UsageError where an earlier stage has yet to run, or
    where the source of the cells has no such stage.
    """
    stages = stages_of(config)
    names = {stage.name for stage in stages if stage.verb in verbs}
    if not names:
        raise UsageError(
            f"a run with input.source={config.input.source} has nothing to {' or '.join(verbs)}",
            mend=f"its verbs are {', '.join(dict.fromkeys(stage.verb for stage in stages))}",
        )
    return _run(stages, names, config, run, progress, force=force, resume=resume)


def _run(
    stages: tuple[Stage, ...],
    wanted: set[str],
    config: Config,
    run: Path,
    progress: Progress,
    *,
    force: bool,
    resume: bool,
) -> Finished:
    concerned = tuple(
        stage for stage in stages if stage.name in wanted | _needed_by(wanted, stages)
    )

    def planned() -> list[Plan]:
        journal = Journal.open(run, config.seed)
        plans = plan(concerned, config, journal, again=wanted if force else ())
        _check_upstream(plans, wanted, run)
        return plans

    # A mistake in the configuration is told before a new folder is made or anything is computed.
    plans = None if run.exists() else planned()
    with locked(run), _meeting(config, run, wanted) as meeting:
        _sweep(run)
        plans = planned() if plans is None else plans
        journal = Journal.open(run, config.seed)
        journal.seed = config.seed
        write_config(config, run / CONFIG_NAME)
        work = Work(run=run, config=config, progress=progress, resume=resume, meeting=meeting)
        ran: list[str] = []
        skipped: list[str] = []
        without: dict[str, str] = {}
        for each in plans:
            name = each.stage.name
            if name not in wanted:
                continue
            if not each.runs:
                skipped.append(name)
                logger.info("%s: finished and unchanged", name)
                continue
            # What follows is struck as well: stopped in between, it must not pass for finished.
            journal.forget({name} | _followers(name, stages))
            reason = reason_to_skip(each.stage, work, journal)
            if reason is not None:
                skip(each, work, journal, reason)
                said = reason in without.values()
                logger.log(_NEWS[said], "%s: skipped: %s", name, "likewise" if said else reason)
                without[name] = reason
                continue
            logger.info("%s: %s", name, each.stage.says)
            entry = perform(each, work, journal)
            logger.info("%s: done in %.1f s", name, entry.seconds)
            ran.append(name)
        unread = sum(
            journal.stages[stage.name].unread for stage in stages if stage.name in journal.stages
        )
    return Finished(tuple(ran), tuple(skipped), unread, without)


def _meeting(config: Config, run: Path, wanted: set[str]) -> AbstractContextManager[Meeting | None]:
    if config.train.nodes == 1 or TRAIN.name not in wanted:
        return nullcontext()
    return open_meeting(run, config)


def _sweep(run: Path) -> None:
    """Remove unfinished files of a killed process; the lock says that none is at work."""
    unfinished = [folder for folder in run.glob("*.partial") if folder.is_dir()]
    for files in (run.glob(".*.partial"), *(each.rglob(".*.partial") for each in unfinished)):
        for file in files:
            if file.is_file():
                file.unlink(missing_ok=True)


def _check_upstream(plans: list[Plan], wanted: set[str], run: Path) -> None:
    for each in plans:
        if each.runs and each.stage.name not in wanted:
            raise UsageError(
                f"the stage {each.stage.name} must run first, with the configuration as it is "
                f"now: {each.why}",
                where=run,
                mend=f"phenovae {each.stage.verb} --run {run}, or phenovae run for all stages in "
                "order",
            )


def _needed_by(wanted: set[str], stages: tuple[Stage, ...]) -> set[str]:
    needs = {stage.name: stage.needs for stage in stages}
    found: set[str] = set()
    waiting = [need for name in wanted if name in needs for need in needs[name]]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(needs[name])
    return found


def _followers(name: str, stages: tuple[Stage, ...]) -> set[str]:
    return {stage.name for stage in stages if name in _needed_by({stage.name}, stages)}


def skipped_stages(run: Path) -> dict[str, list[str]]:
    """Stages of a run that had nothing to do, by the reason."""
    found: dict[str, list[str]] = {}
    for name, entry in Journal.open(run, 0).stages.items():
        if entry.skipped:
            found.setdefault(entry.skipped, []).append(name)
    return found


def existing_run(run: Path) -> Path:
    """The run's folder, or an InputError where there is none."""
    if own_config(run) is None:
        raise InputError(
            "this folder holds no run",
            where=run,
            mend="phenovae run CONFIG --out FOLDER makes one; or name a --config",
        )
    return run
