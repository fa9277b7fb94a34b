"""`phenovae profile`: Profiles of treatments, and rows of any level for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phenovae.base.errors import UsageError
from phenovae.cli.foreign_options import Normalize, one_of
from phenovae.cli.shared import Again, ConfigFile, RunFolder, Settings, run_stage_verb

if TYPE_CHECKING:
    from phenovae.pipeline.profiles_out import Wanted


def command(
    context: typer.Context,
    run: RunFolder,
    config: ConfigFile = None,
    settings: Settings = None,
    again: Again = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Also write rows for other tools: .parquet, .csv.gz or .h5ad.",
        ),
    ] = None,
    level: Annotated[
        str | None,
        typer.Option(
            "--level",
            metavar="LEVEL",
            help="What a row of the file is: cell, site, well, plate or treatment (default).",
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol", metavar="NAME", help="Protocol that makes the file; else the run's first."
        ),
    ] = None,
    normalize: Normalize = None,
) -> None:
    """Make profiles of treatments from the model's embedding, by every protocol, and write rows of
    any level by one of them.

    Example: phenovae profile --run RUN

    Example: phenovae profile --run RUN --level well --protocol caicedo2018 --out wells.parquet
    """
    if out is None:
        if level is not None or protocol is not None or normalize:
            raise UsageError(
                "--level, --protocol and --normalize are of a file", mend="name it: --out FILE"
            )
        run_stage_verb(context, "profile", run, config, settings, again=again)
        return
    from phenovae.pipeline.profiles_out import Wanted
    from phenovae.profiles.levels import Level
    from phenovae.profiles.writing import kind_of

    found: Level | None = one_of(level, Level, "--level")
    kind_of(out)
    wanted = Wanted(found or "treatment", protocol or "", tuple(normalize or ()))
    run_stage_verb(context, "profile", run, config, settings, again=again)
    _write(run, config, settings, wanted, out)


def _write(
    run: Path, config: Path | None, settings: list[str] | None, wanted: Wanted, out: Path
) -> None:
    from phenovae.pipeline.execute import config_of_run
    from phenovae.pipeline.profiles_out import write_run_profiles

    written = write_run_profiles(run, config_of_run(run, config, settings or []), wanted, out)
    making = written.making
    how = "transformed" if making.done.transformed else "not yet transformed"
    typer.echo(
        f"{written.rows} {making.level}s of {written.features} features by {making.label}, {how}: "
        f"{out}"
    )
