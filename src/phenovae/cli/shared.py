"""Options that several verbs share, and the one call behind every stage verb."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phenovae.cli.console import Console

if TYPE_CHECKING:
    from phenovae.pipeline.config import Config

UNREAD = 3

RunFolder = Annotated[
    Path, typer.Option("--run", metavar="RUN", help="Folder of the run.", show_default=False)
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="YAML", help="Configuration; else the run's own."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=C", help="Set one key of the configuration; repeatable."),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume/--no-resume",
        help="Go on with a stopped training as if it had never stopped, or train anew.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=0,
        metavar="N",
        help="Local worker processes for work on fields; 0: one for each core. The outcome is the "
        "same.",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler", metavar="ADDRESS", help="Dask scheduler to work on fields instead."
    ),
]
FailFast = Annotated[
    bool,
    typer.Option("--fail-fast", help="End at the first field that cannot be read."),
]
Again = Annotated[bool, typer.Option("--again", help="Run the stage even if nothing has changed.")]


def with_workers(
    settings: list[str] | None,
    workers: int | None,
    scheduler: str | None,
    *,
    fail_fast: bool = False,
) -> list[str]:
    """The settings, with those that `--workers`, `--scheduler` and `--fail-fast` stand for."""
    found = list(settings or [])
    if workers is not None:
        found.append(f"workers.count={workers}")
    if scheduler is not None:
        found.append(f"workers.scheduler={scheduler}")
    if fail_fast:
        found.append("workers.fail_fast=true")
    return found


def console_of(context: typer.Context) -> Console:
    """The console that the options before the verb made."""
    if not isinstance(context.obj, Console):
        raise TypeError("a verb was called without the options before it")
    return context.obj


def joined_by_slurm(config: Config, run: Path) -> bool:
    """Where SLURM started this as another node of a training, take part in it, and say so.

    Raises as `several_nodes.join`.
    """
    from phenovae.pipeline.several_nodes import join, node_of_slurm

    node = node_of_slurm(config.train.nodes)
    if node == 1:
        return False
    typer.echo(join(run, config.train.nodes_wait, config, node))
    return True


def run_stage_verb(
    context: typer.Context,
    verb: str,
    run: Path,
    config: Path | None,
    settings: list[str] | None,
    *,
    again: bool,
    resume: bool = True,
    tell: Callable[[Path], None] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> None:
    """Run the stages of a verb and say what they left, `tell` in more words.

    Exit 3 where a named input was not read.
    """
    from phenovae.cli.summary import tell_unread
    from phenovae.pipeline.execute import config_of_run, existing_run, run_verbs

    settings = with_workers(settings, workers, scheduler)
    if config is None and not settings:
        existing_run(run)
    resolved = config_of_run(run, config, settings)
    if verb == "train" and joined_by_slurm(resolved, run):
        return
    finished = run_verbs(
        [verb], resolved, run, console_of(context).progress, force=again, resume=resume
    )
    for name in finished.skipped:
        typer.echo(f"{name}: finished and unchanged (--again runs it once more)")
    for name in finished.ran:
        typer.echo(f"{name}: done, in {run}")
    if tell is not None:
        tell(run)
    tell_unread(finished.unread, run)
    if finished.unread:
        raise typer.Exit(UNREAD)
