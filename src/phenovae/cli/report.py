"""`phenovae report`: The report."""

from __future__ import annotations

import typer

from phenovae.cli.shared import Again, ConfigFile, RunFolder, Settings, run_stage_verb


def command(
    context: typer.Context,
    run: RunFolder,
    config: ConfigFile = None,
    settings: Settings = None,
    again: Again = False,
) -> None:
    """Write the report of a run.

    Example: phenovae report --run RUN
    """
    run_stage_verb(context, "report", run, config, settings, again=again)
