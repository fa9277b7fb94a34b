"""`phenovae figures`: pictures of a run, for papers and talks."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from phenovae.cli.shared import console_of


class FileFormat(StrEnum):
    """Formats of files of pictures."""

    PNG = "png"
    SVG = "svg"
    PDF = "pdf"


class Colours(StrEnum):
    """Colours of the channels."""

    FIELD = "field"
    SAFE = "safe"


def command(
    context: typer.Context,
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="Folder of the run.", show_default=False)
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="NAME", help="Kind of picture; repeatable. All by default."),
    ] = None,
    file_format: Annotated[
        list[FileFormat] | None,
        typer.Option("--format", help="Format; repeatable. PNG by default."),
    ] = None,
    palette: Annotated[
        Colours,
        typer.Option(
            "--palette",
            help="field: DAPI blue, tubulin green, actin red; safe: colours that people who "
            "confuse red and green tell apart.",
        ),
    ] = Colours.FIELD,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Else RUN/figures.")
    ] = None,
    treatment: Annotated[
        list[str] | None,
        typer.Option(
            "--treatment",
            metavar="COMPOUND[@DOSE]",
            help="Treatment to show, its concentration in µM; repeatable.",
        ),
    ] = None,
    cells: Annotated[
        list[str] | None,
        typer.Option(
            "--cells", metavar="CELL", help="Cell to show: its row, or its file; repeatable."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Seed of what is chosen; else the run's.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the kinds and exit.")] = False,
) -> None:
    """Draw pictures of a run into files, with a caption and the number of cells for each.

    What a run cannot give is listed with the reason.

    Example: phenovae figures RUN --kind traversals --kind interpolation --format pdf
    """
    from phenovae.base.errors import UsageError
    from phenovae.pipeline.execute import config_of_run, existing_run
    from phenovae.pipeline.figure_kinds import KINDS, Gathered, Wanted, kinds_of
    from phenovae.pipeline.picturing import FIGURES, LIST, Format, draw_figures

    if listed:
        width = max(len(each.name) for each in KINDS)
        for each in KINDS:
            typer.echo(f"{each.name:<{width}}  {each.says}")
        return
    if run is None:
        raise UsageError("no run was named", mend="phenovae figures RUN, or --list for the kinds")
    kinds = kinds_of(tuple(kind or ()))
    config = config_of_run(existing_run(run), None, ())
    wanted = Wanted(
        seed=config.seed if seed is None else seed,
        palette=palette.value,
        treatments=tuple(treatment or ()),
        cells=tuple(cells or ()),
    )
    gathered = Gathered(run, config, wanted, console_of(context).progress)
    folder = run / FIGURES if out is None else out
    formats: list[Format] = [each.value for each in file_format or (FileFormat.PNG,)]
    drawn = draw_figures(gathered, kinds, formats, folder)
    for line in drawn.lines:
        typer.echo(f"{folder / str(line['file'])}")
    for name, why in drawn.missing.items():
        typer.echo(f"{name}: not drawn: {why}")
    typer.echo(f"captions and numbers of cells: {folder / LIST}")
