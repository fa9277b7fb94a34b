"""`phenovae join`: another machine takes part in a run's training."""

from __future__ import annotations

from typing import Annotated

import typer

from phenovae.cli.shared import RunFolder


def command(
    run: RunFolder,
    wait: Annotated[
        float, typer.Option("--wait", min=0, metavar="S", help="Wait so long for the run [s].")
    ] = 600.0,
) -> None:
    """Take part in the training of a run that another machine leads, until it ends.

    That machine runs it with train.nodes of 2 or more; both see the same folder.

    Example: phenovae join --run RUN
    """
    from phenovae.pipeline.several_nodes import join

    typer.echo(join(run, wait))
