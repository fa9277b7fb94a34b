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
    """Make the sites table of a run, check its design and say what it is like.

    A synthetic screen is drawn first; the official tables are enough without any crops.

    Examples: phenovae sites --run RUN --set input.source=twin
    or: phenovae sites --run RUN --set input.metadata=BBBC021_v1_image.csv
    --set input.moa=BBBC021_v1_moa.csv
    """
    from phenovae.cli.summary import tell_design

    run_stage_verb(context, "sites", run, config, settings, again=again, tell=tell_design)
