"""`phenovae evaluate`: Scores of mechanisms."""

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
    """Score treatments by mechanism: NSC, NSCB and the cell probe.

    Example: phenovae evaluate --run RUN --set evaluate.draws=1000
    """
    run_stage_verb(context, "evaluate", run, config, settings, again=again)
