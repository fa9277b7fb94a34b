"""`phenovae train`: Splits and the model."""

from __future__ import annotations

import typer

from phenovae.cli.shared import Again, ConfigFile, Resume, RunFolder, Settings, run_stage_verb


def command(
    context: typer.Context,
    run: RunFolder,
    config: ConfigFile = None,
    settings: Settings = None,
    again: Again = False,
    resume: Resume = True,
) -> None:
    """Split the cells and train the model; a stopped training goes on where it was.

    Example: phenovae train --run RUN --set train.epochs=40
    """
    run_stage_verb(context, "train", run, config, settings, again=again, resume=resume)
