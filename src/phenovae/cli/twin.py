"""`phenovae twin`: draw a synthetic screen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phenovae.cli.shared import Settings, console_of


def command(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where to draw it.")],
    settings: Settings = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the drawing.")] = 0,
) -> None:
    """Draw a synthetic screen with known truth: images, official tables, masks, positions.

    Example: phenovae twin --out twin --set sites=4    (keys: those of `twin` in the configuration)
    """
    from phenovae.pipeline.config import load_config
    from phenovae.twin.screen import make_twin

    options = load_config(None, [f"twin.{setting}" for setting in settings or []]).twin
    summary = make_twin(options, out, seed, console_of(context).progress)
    typer.echo(summary.in_words())
