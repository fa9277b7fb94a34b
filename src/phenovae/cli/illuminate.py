"""`phenovae illuminate`: how evenly the plates of a run were lit."""

from __future__ import annotations

import typer

from phenovae.cli.shared import (
    Again,
    ConfigFile,
    RunFolder,
    Scheduler,
    Settings,
    Workers,
    run_stage_verb,
)


def command(
    context: typer.Context,
    run: RunFolder,
    config: ConfigFile = None,
    settings: Settings = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    again: Again = False,
) -> None:
    """Tell the uneven light of every plate and channel from its fields.

    Example: phenovae illuminate --run RUN
    """
    run_stage_verb(
        context,
        "illuminate",
        run,
        config,
        settings,
        again=again,
        workers=workers,
        scheduler=scheduler,
    )
