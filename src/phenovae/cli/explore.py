"""`phenovae explore`: a run as a local web page where a point is a cell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phenovae.cli.shared import console_of


def command(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    port: Annotated[
        int,
        typer.Option("--port", min=0, max=65535, help="Port to listen on; 0: any that is free."),
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address alone; open no browser.")
    ] = False,
    static: Annotated[
        Path | None,
        typer.Option(
            "--static",
            metavar="FOLDER",
            help="Write a version that opens by double-click instead, with fewer cells.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Look at a run in the browser: cells, their neighbours, and what the model makes of them.

    Prints one line, the address, as soon as the page answers; Ctrl-C ends it. Only this machine
    can reach it, and only with the token of the address.

    Example: phenovae explore runs/demo
    """
    from phenovae.explore.levels import LIMIT, read_points
    from phenovae.explore.opening import open_run

    opened = open_run(run)
    if static is not None:
        from phenovae.explore.frozen import write_frozen

        told = write_frozen(opened, static, console_of(context).progress)
        typer.echo(f"{told.page} ({told.megabytes:.1f} MB, {told.cells:,} cells)")
        return
    from phenovae.explore.answers import Answers
    from phenovae.explore.server import bound, serve

    listening = bound(port)
    answers = Answers(opened, read_points(opened, LIMIT))
    serve(answers, listening, typer.echo, browser=not no_browser)
