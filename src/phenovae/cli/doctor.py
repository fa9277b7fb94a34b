"""`phenovae doctor`: what is wrong with the installation, or with what lies at a path."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phenovae.cli.findings import FOUND, JsonFile, tell_facts, tell_findings, write_findings


def command(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PATH]",
            help="A table (Parquet, CSV), a cell store, a model's folder or a run; else the "
            "installation.",
        ),
    ] = None,
    json: JsonFile = None,
) -> None:
    """Look for everything that is wrong, all at once, each with what to do.

    Exit 3 where there is a fault or a warning; notes alone are no reason.

    Example: phenovae doctor
    or: phenovae doctor RUN
    """
    from phenovae.base.findings import as_records, calls_for_action
    from phenovae.pipeline.doctor import examine_path
    from phenovae.pipeline.installation import examine_installation

    found = examine_installation() if path is None else examine_path(path)
    if path is None or found.findings:
        tell_facts(found.facts)
        tell_findings(found.findings)
    else:
        typer.echo(f"nothing found in {found.what}")
    write_findings(
        json,
        {
            "what": found.what,
            "facts": dict(found.facts),
            "findings": as_records(found.findings),
        },
    )
    if calls_for_action(found.findings):
        raise typer.Exit(FOUND)
