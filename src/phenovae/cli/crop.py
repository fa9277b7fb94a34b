"""`phenovae crop`: kept nuclei of a run's fields into the cell store."""

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
    """Cut a crop around every nucleus that is kept, or tiles, into the run's cell store.

    Example: phenovae crop --run RUN --set cells.pixels=corrected
    """
    run_stage_verb(
        context,
        "crop",
        run,
        config,
        settings,
        again=again,
        workers=workers,
        scheduler=scheduler,
    )
