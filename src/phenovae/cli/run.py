"""`phenovae run`: every stage of a configuration, in order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phenovae.cli.shared import (
    UNREAD,
    FailFast,
    Resume,
    Scheduler,
    Settings,
    Workers,
    console_of,
    joined_by_slurm,
    with_workers,
)


def command(
    context: typer.Context,
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Configuration in YAML.")],
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="Folder of the run.")],
    settings: Settings = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run, and why.")
    ] = False,
    resume: Resume = True,
    workers: Workers = None,
    scheduler: Scheduler = None,
    fail_fast: FailFast = False,
) -> None:
    """Run all stages: finished ones are skipped, changed ones rerun, a killed run goes on.

    Example: phenovae run examples/bbbc021_crops.yaml --set input.crops=FOLDER
    --set input.metadata=CSV --out RUN
    """
    from phenovae.pipeline.config import load_config
    from phenovae.pipeline.execute import plan_run

    resolved = load_config(config, with_workers(settings, workers, scheduler, fail_fast=fail_fast))
    if dry_run:
        for plan in plan_run(resolved, out):
            typer.echo(f"{'run ' if plan.runs else 'skip'}  {plan.stage.name:<11} {plan.why}")
        return
    if joined_by_slurm(resolved, out):
        return
    from phenovae.cli.summary import run_and_tell

    if run_and_tell(resolved, out, console_of(context), resume=resume):
        raise typer.Exit(UNREAD)
