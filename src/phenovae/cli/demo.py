"""`phenovae demo`: the whole way on a synthetic screen, in minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phenovae.cli.shared import Settings, console_of


def command(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="Folder of the run.")] = Path(
        "runs/demo"
    ),
    settings: Settings = None,
) -> None:
    """Draw a small synthetic screen, train on it, score it and write a report.

    Nothing is downloaded. Example: phenovae demo --out runs/demo
    """
    from phenovae.cli.summary import run_and_tell
    from phenovae.pipeline.config import load_config
    from phenovae.pipeline.examples import example

    run_and_tell(load_config(example("demo"), settings or []), out, console_of(context))
