"""`phenovae profile`: Profiles of treatments."""

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
    """Make profiles of treatments from the model's embedding, by every protocol.

    Example: phenovae profile --run RUN
    """
    run_stage_verb(context, "profile", run, config, settings, again=again)
