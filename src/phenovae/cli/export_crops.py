"""`phenovae export-crops`: a cell store back to single-cell files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from phenovae.cli.shared import console_of


class Layout(StrEnum):
    """How the files lie."""

    NESTED = "nested"
    FLAT = "flat"


def command(
    context: typer.Context,
    store: Annotated[
        Path, typer.Argument(metavar="STORE", help="A cell store, such as RUN/cells.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="An empty folder.")],
    layout: Annotated[
        Layout, typer.Option(help="A folder for each field, or none.")
    ] = Layout.NESTED,
) -> None:
    """Write every crop as <field>_<cell>.npy, with the metadata table, as they were imported.

    Example: phenovae export-crops RUN/cells --out FOLDER
    """
    from phenovae.cells.export import export_crops
    from phenovae.cells.store import CellStore

    written = export_crops(
        CellStore.open(store), out, layout=layout.value, progress=console_of(context).progress
    )
    typer.echo(f"{written} crops in {out}")
