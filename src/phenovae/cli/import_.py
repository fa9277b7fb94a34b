"""`phenovae import`: Single-cell .npy files into the cell store."""

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
    """Import single-cell .npy files into the run's cell store.

    Example: phenovae import --run RUN --set input.crops=FOLDER --set input.metadata=CSV
    """
    run_stage_verb(context, "import", run, config, settings, again=again)
