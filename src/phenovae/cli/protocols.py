"""`phenovae protocols`: the ways of scoring, listed and explained."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]…", help="Protocols to explain, or YAML files of your own."),
    ] = None,
    as_yaml: Annotated[
        bool, typer.Option("--yaml", help="Print the protocol itself, to begin your own from.")
    ] = False,
) -> None:
    """List the protocols by which treatments are scored, or explain some.

    Examples: phenovae protocols
    or: phenovae protocols caicedo2018@1 caicedo2018@2
    or: phenovae protocols cells-mean --yaml > my.yaml
    """
    import textwrap

    import yaml

    from phenovae.evaluate.explain import explain
    from phenovae.evaluate.protocol import load_protocol, protocol_labels

    shown = [load_protocol(name) for name in names or protocol_labels()]
    for number, protocol in enumerate(shown):
        if number:
            typer.echo("")
        if as_yaml:
            told = protocol.model_dump(mode="json", exclude_unset=True)
            typer.echo(yaml.safe_dump(told, sort_keys=False, allow_unicode=True), nl=False)
            continue
        typer.echo(protocol.label)
        typer.echo(textwrap.fill(protocol.summary, 88, initial_indent="  ", subsequent_indent="  "))
        if not names:
            continue
        for question, answer in explain(protocol):
            lead = f"  {question:14s}"
            typer.echo(textwrap.fill(answer, 88, initial_indent=lead, subsequent_indent=" " * 16))
    if not names:
        typer.echo("\nphenovae protocols NAME explains one step by step.")
