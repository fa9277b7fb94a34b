"""A run whose training lies on several machines: who may join it, and how another takes part."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from phenovae.base.errors import PhenovaeError, TrainingError, UsageError
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config, load_config
from phenovae.pipeline.journal import versions
from phenovae.vae.hello import Hello, own_address
from phenovae.vae.joining import Ended, Member, find_meeting
from phenovae.vae.meeting import Meeting

_LOG = logging.getLogger(__name__)
_SHOWN = 5
_ALIKE = ("phenovae", "python", "torch", "lightning-fabric", "numpy")
"""What all machines must have in the same version: they draw and add the same numbers."""


def open_meeting(run: Path, config: Config) -> Meeting:
    """Let other machines join the training of a run. Raises TrainingError where none could."""
    return Meeting(run, config.train.nodes, _launch(), lambda hello: _why_not(hello, config))


def node_of_slurm(nodes: int) -> int:
    """Which of the nodes SLURM started this task as, from 1; 1 where it did not start several.

    Raises UsageError where it started another number of tasks than there are nodes.
    """
    tasks = os.environ.get("SLURM_NTASKS", os.environ.get("SLURM_NPROCS", "1"))
    if nodes == 1 or "SLURM_STEP_ID" not in os.environ or tasks == "1":
        return 1
    if tasks != str(nodes):
        raise UsageError(
            f"SLURM has started {tasks} tasks, and the training has {nodes} nodes",
            where="train.nodes",
            mend=f"srun --nodes={nodes} --ntasks-per-node=1; each task starts the processes of "
            "its node",
        )
    return int(os.environ.get("SLURM_PROCID", "0")) + 1


def join(run: Path, seconds: float, config: Config | None = None, node: int = 0) -> str:
    """Take part in the training of a run, once it begins, until it ends; how it ended.

    `config` is what this machine was started with, if with any, and must be the run's; `node`
    counts from 1, 0 for any. Raises UsageError where this machine may not join, TrainingError
    where nothing is there to join within so many seconds, or where all that it joined failed.
    """
    hello = Hello(
        own_address(),
        node,
        _launch() if node else "",
        _versions(),
        None if config is None else dict(_flat(config.model_dump(mode="json"))),
    )
    member = find_meeting(run, hello, seconds)
    if isinstance(member, Ended):
        return _told(member)
    _LOG.info("%s has joined and waits for the training", member.name)
    try:
        while True:
            said = member.next()
            if isinstance(said, Ended):
                return _told(said)
            begin = said.get("train") if said is not None else None
            if isinstance(begin, dict):
                _take_part(run, member, resume=bool(begin.get("resume")))
    finally:
        member.close()


def _take_part(run: Path, member: Member, *, resume: bool) -> None:
    from phenovae.pipeline.stages.train import training_job
    from phenovae.vae.nodes import report_failure, take_part
    from phenovae.vae.training import work_on

    try:
        job = training_job(run, load_config(run / paths.CONFIG), resume=resume)
    except PhenovaeError as error:
        report_failure(member, error)
        raise
    _LOG.info("training begins, with %d processes here", job.recipe.train.devices)
    take_part(work_on(job), job, member)


def _told(end: Ended) -> str:
    if end.failed:
        raise TrainingError(end.what)
    return end.what


def _launch() -> str:
    """What names the one command of SLURM that started all tasks, if one did."""
    told = [os.environ.get(f"SLURM_{name}") for name in ("JOB_ID", "STEP_ID")]
    if None in told:
        return ""
    return ".".join([*map(str, told), os.environ.get("SLURM_RESTART_COUNT", "0")])


def _versions() -> dict[str, str]:
    found = versions()
    return {name: found.get(name, "none") for name in _ALIKE}


def _why_not(hello: Hello, config: Config) -> str:
    """Why a machine may not join, or nothing: other versions, other settings."""
    own = _versions()
    theirs = hello.versions or {}
    other = [
        f"{name} {theirs.get(name, 'none')} (here {here})"
        for name, here in own.items()
        if theirs.get(name) != here
    ]
    if other:
        return f"it has other versions: {', '.join(other)}"
    if hello.settings is None:
        return ""
    settings = dict(_flat(config.model_dump(mode="json")))
    keys = [
        key
        for key in {**settings, **hello.settings}
        if settings.get(key, ...) != hello.settings.get(key, ...)
    ]
    if not keys:
        return ""
    told = [f"{key} is {hello.settings.get(key)} (here {settings.get(key)})" for key in keys]
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return f"its configuration differs: {', '.join(told[:_SHOWN])}{more}"


def _flat(tree: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    for name, value in tree.items():
        key = f"{before}{name}"
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{key}.")
        else:
            yield key, value
