"""`phenovae ablate`: what each ingredient of a design is worth, in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phenovae.cli.shared import Settings, console_of


def command(
    context: typer.Context,
    ablation: Annotated[
        Path, typer.Argument(metavar="ABLATION", help="Rows of the table, in YAML.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the runs.")],
    settings: Settings = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="ROW", help="Run this row alone; may be given again."),
    ] = None,
    seeds: Annotated[
        list[int] | None,
        typer.Option("--seed", metavar="N", help="Run this seed alone; may be given again."),
    ] = None,
) -> None:
    """Score every row with every seed, and write the table into the folder after each run.

    Runs that are finished are not run again, so the table grows and a stopped command goes on.
    Several commands may work on one folder at once, each on rows or seeds of its own.

    Example: phenovae ablate examples/ablation.yaml --set input.crops=FOLDER
    --set input.metadata=CSV --out DIR
    """
    from phenovae.pipeline.ablation import run_ablation
    from phenovae.pipeline.ablation_rows import read_ablation
    from phenovae.pipeline.ablation_table import TABLE

    read = read_ablation(ablation)
    console = console_of(context)
    run_ablation(
        read,
        out,
        list(settings or ()),
        folder=ablation.parent,
        only=list(only or ()),
        seeds=list(seeds or ()),
        progress=console.progress,
    )
    typer.echo((out / TABLE).read_text(encoding="utf-8"), nl=False)
    typer.echo(str(out / TABLE))
