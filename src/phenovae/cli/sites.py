"""`phenovae sites`: The sites table: what was done to every well."""

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
    """Make the sites table of a run and check its design; a synthetic screen is drawn first.

    Example: phenovae sites --run RUN --set input.source=twin
    """
    run_stage_verb(context, "sites", run, config, settings, again=again)
