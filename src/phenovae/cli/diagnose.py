"""`phenovae diagnose`: how far a trained model can be trusted."""

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
    """Put the trained model to the test on cells that taught it nothing, and say what came of it.

    Runs that were trained before there was such a test need no new training for it.

    Example: phenovae diagnose --run RUN --set diagnose.draws=256
    """
    from phenovae.cli.summary import tell_diagnosis

    run_stage_verb(context, "diagnose", run, config, settings, again=again, tell=tell_diagnosis)
