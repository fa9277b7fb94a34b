"""`phenovae crop`: Crops at the true positions of a synthetic screen."""

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
    """Cut single cells out of the fields of a synthetic screen, at their true positions.

    Example: phenovae crop --run RUN --set input.source=twin
    """
    run_stage_verb(context, "crop", run, config, settings, again=again)
