"""`phenovae repro`: replay a run from its journal, and say what differs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phenovae.cli.findings import (
    FOUND,
    JsonFile,
    tell_findings,
    tell_table,
    tell_wrapped,
    write_findings,
)
from phenovae.cli.shared import console_of

if TYPE_CHECKING:
    from phenovae.pipeline.repro import Compared, Outcome

_PLACES = 5


def command(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="New folder; else RUN-repro beside the run."),
    ] = None,
    stages: Annotated[
        list[str] | None,
        typer.Option("--stages", metavar="STAGE", help="A stage, and what it needs; repeatable."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="STAGE", help="The last stage to replay.")
    ] = None,
    json: JsonFile = None,
) -> None:
    """Run a finished run anew in a new folder, and say what comes out otherwise.

    Exit 0 where every output is the same, 3 where one differs or could not be made.

    Example: phenovae repro RUN --until evaluate
    """
    from phenovae.pipeline.repro import check_new, default_folder, plan_replay, replay_run

    folder = out or default_folder(run)
    check_new(folder)
    replay = plan_replay(run, stages or [], until)
    typer.echo("before anything runs")
    tell_findings(replay.before)
    outcome = replay_run(replay, folder, console_of(context).progress)
    _tell(outcome)
    write_findings(json, outcome.as_dict())
    if not outcome.same:
        raise typer.Exit(FOUND)


def _tell(outcome: Outcome) -> None:
    typer.echo("")
    rows = [(each.output, each.stage, str(each.likeness)) for each in outcome.compared]
    tell_table(("output", "stage", "is"), rows, left=3)
    for each in outcome.compared:
        if not each.same:
            _tell_places(each)
    for name, why in outcome.replay.blocked.items():
        tell_wrapped("not replayed: ", f"{name}: {why}")
    told = "the same" if outcome.same else "not the same"
    tell_wrapped("", f"{told}; the replay is in {outcome.out}")


def _tell_places(one: Compared) -> None:
    for file in one.files:
        if file.places:
            for place in file.places[:_PLACES]:
                tell_wrapped(f"{file.name}: ", place)
            if len(file.places) > _PLACES:
                typer.echo(f"{file.name}: and {len(file.places) - _PLACES:,} more")
