"""`phenovae generation`: how good the images are that a model makes."""

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
    """Judge the images that a run's model makes, each figure beside that of real cells.

    Example: phenovae generation --run RUN --set generation.cells=2000
    """
    from phenovae.cli.summary import tell_generation

    run_stage_verb(context, "generation", run, config, settings, again=again, tell=tell_generation)
