"""`phenovae embed`: the model's embedding of every cell, of a run or of any cell store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phenovae.cli.shared import Again, ConfigFile, Settings, console_of, run_stage_verb


def command(
    context: typer.Context,
    run: Annotated[
        Path | None, typer.Option("--run", metavar="RUN", help="Folder of the run.")
    ] = None,
    config: ConfigFile = None,
    settings: Settings = None,
    again: Again = False,
    model: Annotated[
        Path | None,
        typer.Option("--model", metavar="FOLDER", help="Without a run: a model's folder."),
    ] = None,
    cells: Annotated[
        Path | None, typer.Option("--cells", metavar="STORE", help="Without a run: a cell store.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="PARQUET", help="Without a run: the table."),
    ] = None,
) -> None:
    """Write the posterior mean of every cell, with its metadata, as Parquet.

    Examples: phenovae embed --run RUN
    or: phenovae embed --model RUN/model --cells STORE --out embeddings.parquet
    """
    if run is not None:
        run_stage_verb(context, "embed", run, config, settings, again=again)
        return
    from phenovae.base.errors import UsageError

    if model is None or cells is None or out is None:
        raise UsageError(
            "embed needs a run, or a model, a cell store and an output",
            mend="phenovae embed --run RUN, or --model FOLDER --cells STORE --out PARQUET",
        )
    from phenovae.cells.store import CellStore
    from phenovae.pipeline.config import load_config
    from phenovae.vae.embedding import embed

    options = load_config(config, settings or []).embed
    embed(model, CellStore.open(cells), out, options, console_of(context).progress)
    typer.echo(f"embeddings of {len(CellStore.open(cells))} cells in {out}")
