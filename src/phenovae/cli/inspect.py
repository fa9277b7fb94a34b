"""`phenovae inspect`: what is in a store, a table or a folder of crops."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="Cell store, Parquet table, or folder of crops.")
    ],
    verify: Annotated[
        bool, typer.Option("--verify", help="Of a store: also check every pixel's checksum.")
    ] = False,
) -> None:
    """Show what is in a cell store, one of phenovae's tables, or a folder of single-cell files.

    Example: phenovae inspect RUN/cells
    """
    import yaml

    from phenovae.cells.inspect import describe
    from phenovae.cells.store import CellStore

    found = describe(path)
    if verify:
        CellStore.open(path).verify()
        found["checksums"] = "every shard is as it was written"
    typer.echo(yaml.safe_dump(found, sort_keys=False, allow_unicode=True), nl=False)
