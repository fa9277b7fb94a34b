"""`phenovae config`: every key with its meaning, or a commented example."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="[EXAMPLE]", help="Example to print, such as crops.")
    ] = None,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Print every key with type, default and meaning.")
    ] = False,
) -> None:
    """Print a commented example configuration, or every key there is.

    Example: phenovae config crops > my.yaml
    """
    from phenovae.base.errors import UsageError
    from phenovae.pipeline.examples import example, example_names

    if defaults:
        from phenovae.pipeline.config import describe_keys

        for key, kind, default, meaning in describe_keys():
            typer.echo(f"{key}: {default}\n    {meaning} ({kind})")
    elif name is not None:
        typer.echo(example(name).read_text(encoding="utf-8"), nl=False)
    else:
        raise UsageError(
            "say which example, or --defaults", mend=f"examples: {', '.join(example_names())}"
        )
