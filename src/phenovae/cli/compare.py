"""`phenovae compare`: which of some models is better, and whether by more than noise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from phenovae.pipeline.compare import Compared


def command(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN…", help="Folders of scored runs.", show_default=False),
    ],
    against: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="FEATURES", help="Also compare with this baseline of the runs."
        ),
    ] = None,
    draws: Annotated[int, typer.Option("--draws", min=100, help="Draws of each test.")] = 10_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the draws.")] = 0,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write it as JSON.")
    ] = None,
) -> None:
    """Compare runs on the same treatments. Runs that differ in their seed alone are one model.

    One model alone is compared with the baseline `intensity`.

    Examples: phenovae compare runs/a runs/b
    or: phenovae compare runs/a-seed0 runs/a-seed1 runs/b-seed0 runs/b-seed1 --against intensity
    """
    from dataclasses import asdict

    from phenovae.base.files import write_json
    from phenovae.pipeline.compare import compare_runs

    found = compare_runs(runs, against=against, draws=draws, seed=seed)
    for number, compared in enumerate(found):
        if number:
            typer.echo("")
        _tell(compared)
    typer.echo("\nIntervals and p are over compounds; ± is twice the standard error over seeds.")
    if json is not None:
        told = [asdict(each) for each in found]
        for each, compared in zip(told, found, strict=True):
            for row, difference in zip(each["differences"], compared.differences, strict=True):
                row["verdict"] = difference.verdict
        write_json(json, told)


def _tell(compared: Compared) -> None:
    typer.echo(
        f"{compared.metric} by {compared.protocol}, of {compared.models[0].total} treatments"
    )
    width = max(len(model.name) for model in compared.models)
    for model in compared.models:
        low, high = model.interval.low, model.interval.high
        spread = (
            f", {model.seeds} seeds {model.lowest:.1%} to {model.highest:.1%}"
            if model.seeds > 1
            else ""
        )
        typer.echo(
            f"  {model.name.ljust(width)}  {model.mean:6.1%}  [{low:.1%}, {high:.1%}]{spread}"
        )
    for each in compared.differences:
        low, high = 100 * each.interval.low, 100 * each.interval.high
        error = each.training_error
        training = "" if error is None else f" ± {200 * error:.1f}"
        typer.echo(
            f"  {each.first} less {each.second}: {100 * each.difference:+.1f} points{training}"
        )
        typer.echo(f"    [{low:+.1f}, {high:+.1f}], p {each.p_value:.2g}: {each.verdict}")
