"""`phenovae embed`: the model's embedding of every cell of a run, a cell store or a folder."""

from __future__ import annotations

from enum import StrEnum
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

_WAYS = (
    {"--model", "--cells", "--out"},
    {"--model", "--crops", "--out"},
    {"--model", "--crops", "--metadata", "--out"},
)


class Scale(StrEnum):
    """What scales crops of plates that the model was not trained on."""

    CROPS = "crops"
    MODEL = "model"


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
        Path | None,
        typer.Option(
            "--metadata",
            metavar="CSV",
            help="The table of the crops, if there is one: Metadata_File and what is known of each "
            "file, or a table of single cells or of fields as phenovae imports them.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="PARQUET", help="Without a run: the table."),
    ] = None,
    scale: Annotated[
        Scale,
        typer.Option(
            "--scale",
            help="Without a run: what scales crops of plates that the model was not trained on: "
            "the crops themselves, or the model's training screen.",
        ),
    ] = Scale.CROPS,
    other_size: Annotated[
        bool,
        typer.Option(
            "--other-size",
            help="Without a run: take crops of another size than the training's; right where they "
            "are as many µm wide.",
        ),
    ] = False,
) -> None:
    """Write the embedding of every cell, with its metadata, as Parquet.

    Examples: phenovae embed --run RUN
    or: phenovae embed --model RUN/model --cells STORE --out embeddings.parquet
    or: phenovae embed --model FOLDER --crops FOLDER --out embeddings.parquet
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
            "embed needs a run, or a model, an output, and a store or crops",
            mend="--run RUN, or --model FOLDER --cells STORE --out PARQUET, "
            "or --model FOLDER --crops FOLDER [--metadata CSV] --out PARQUET",
        )
    from phenovae.pipeline.config import load_config
    from phenovae.pipeline.standalone import Embedded, embed_crops, embed_store

    resolved, progress = load_config(config, settings or []), console_of(context).progress
    found = Embedded(0, "")
    if cells is not None:
        found = embed_store(
            model, cells, out, resolved, progress, scale=scale.value, other_size=other_size
        )
    elif crops is not None:
        found = embed_crops(
            model,
            crops,
            metadata,
            out,
            resolved,
            progress,
            scale=scale.value,
            other_size=other_size,
        )
    typer.echo(f"embeddings of {found.cells} cells in {out}")
    typer.echo(found.scaling)
    if found.errors is not None:
        typer.echo(f"some crops could not be used; {found.errors} lists each with its reason")
        raise typer.Exit(UNREAD)
