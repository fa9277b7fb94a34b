"""`phenovae embed`: the model's embedding of every cell of a run, a cell store or a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phenovae.cli.shared import (
    UNREAD,
    Again,
    ConfigFile,
    Settings,
    console_of,
    run_stage_verb,
)

_WAYS = ({"--model", "--cells", "--out"}, {"--model", "--crops", "--metadata", "--out"})


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
    crops: Annotated[
        Path | None,
        typer.Option("--crops", metavar="FOLDER", help="Without a run: single-cell .npy files."),
    ] = None,
    metadata: Annotated[
        Path | None, typer.Option("--metadata", metavar="CSV", help="The table of the crops.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="PARQUET", help="Without a run: the table."),
    ] = None,
) -> None:
    """Write the posterior mean of every cell, with its metadata, as Parquet.

    Examples: phenovae embed --run RUN
    or: phenovae embed --model RUN/model --cells STORE --out embeddings.parquet
    or: phenovae embed --model RUN/model --crops FOLDER --metadata CSV --out embeddings.parquet
    """
    from phenovae.base.errors import UsageError

    alone = {
        "--model": model, "--cells": cells, "--crops": crops, "--metadata": metadata, "--out": out
    }  # fmt: skip
    given = {name for name, path in alone.items() if path is not None}
    if run is not None and not given:
        run_stage_verb(context, "embed", run, config, settings, again=again)
        return
    if run is not None or given not in _WAYS or model is None or out is None:
        raise UsageError(
            "embed needs a run, or a model, an output, and a store or crops with their table",
            mend="--run RUN, or --model FOLDER --cells STORE --out PARQUET, "
            "or --model FOLDER --crops FOLDER --metadata CSV --out PARQUET",
        )
    from phenovae.pipeline.config import load_config
    from phenovae.pipeline.standalone import embed_crops, embed_store

    resolved, progress = load_config(config, settings or []), console_of(context).progress
    count, errors = 0, None
    if cells is not None:
        count = embed_store(model, cells, out, resolved, progress)
    elif crops is not None and metadata is not None:
        count, errors = embed_crops(model, crops, metadata, out, resolved, progress)
    typer.echo(f"embeddings of {count} cells in {out}")
    if errors is not None:
        typer.echo(f"some crops could not be used; {errors} lists each with its reason")
        raise typer.Exit(UNREAD)
