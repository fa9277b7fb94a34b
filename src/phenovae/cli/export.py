"""`phenovae export`: a run's model as a folder to hand to others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phenovae.cli.shared import console_of


def command(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder of the model.")
    ],
    onnx: Annotated[
        bool,
        typer.Option("--onnx/--no-onnx", help="Also write encoder and decoder as ONNX, checked."),
    ] = True,
    license_: Annotated[
        str,
        typer.Option("--license", metavar="ID", help="Licence of the weights, as in cc-by-4.0."),
    ] = "",
    name: Annotated[
        str, typer.Option("--name", metavar="TEXT", help="Title of the card; else the run's.")
    ] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Replace all that is in the folder.")
    ] = False,
    push: Annotated[
        str | None,
        typer.Option(
            "--push",
            metavar="OWNER/NAME",
            help="Then push the folder to a hub of models, with the token in HF_TOKEN.",
        ),
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(
            "--endpoint", metavar="URL", help="Which hub; else HF_ENDPOINT, or Hugging Face."
        ),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="A model that the hub does not have becomes public.")
    ] = False,
) -> None:
    """Write weights, card, scores and ONNX of a run's model into a folder of its own.

    Example: phenovae export RUN --out FOLDER --license cc-by-4.0
    """
    from phenovae.base.errors import UsageError
    from phenovae.fetch.hub import check_push, push_folder
    from phenovae.pipeline.sharing import SharingOptions, export_model

    if push is None and (endpoint is not None or public):
        raise UsageError("--endpoint and --public go with --push", mend="--push OWNER/NAME")
    if push is not None:
        check_push(push, endpoint)
    options = SharingOptions(onnx=onnx, force=force, license=license_, name=name)
    files = export_model(run, out, options, console_of(context).progress)
    typer.echo(f"{len(files)} files in {out}: {', '.join(files)}")
    typer.echo(f"used by: phenovae embed --model '{out}' --crops FOLDER -o embeddings.parquet")
    if push is not None:
        typer.echo(f"pushed to {push_folder(out, push, endpoint=endpoint, public=public)}")
