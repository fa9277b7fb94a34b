"""`phenovae evaluate`: scores of mechanisms, of a run or of anybody's table of features."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from phenovae.cli.shared import Again, ConfigFile, Settings, run_stage_verb


class LevelName(StrEnum):
    """What a row of a table may be."""

    CELL = "cell"
    SITE = "site"
    WELL = "well"
    TREATMENT = "treatment"


class LabelsName(StrEnum):
    """What the training of features may have seen."""

    NONE = "none"
    TREATMENT = "treatment"
    COMPOUND = "compound"
    MECHANISM = "mechanism"
    NOT_STATED = "not stated"


class FitOnName(StrEnum):
    """Wells that transforms may be fitted on."""

    AUTO = "auto"
    NEGATIVE_CONTROLS = "negative_controls"
    ALL_WELLS = "all_wells"


def command(
    context: typer.Context,
    run: Annotated[
        Path | None, typer.Option("--run", metavar="RUN", help="Folder of the run.")
    ] = None,
    config: ConfigFile = None,
    settings: Settings = None,
    again: Again = False,
    profiles: Annotated[
        Path | None,
        typer.Option("--profiles", metavar="TABLE", help="Without a run: a table of features."),
    ] = None,
    metadata: Annotated[
        Path | None,
        typer.Option(
            "--metadata", metavar="CSV", help="Of the table: BBBC021's image table or a plate map."
        ),
    ] = None,
    moa: Annotated[
        Path | None, typer.Option("--moa", metavar="CSV", help="Known mechanisms, with BBBC021's.")
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option("--protocol", metavar="NAME", help="Protocol or YAML file; repeatable."),
    ] = None,
    normalize: Annotated[
        list[str] | None,
        typer.Option(
            "--normalize",
            metavar="NAME",
            help="In place of the protocol's transforms, in order: zscore, robust-z, percentile, "
            "sphere, coral, tvn, none; repeatable.",
        ),
    ] = None,
    regularization: Annotated[
        float | None,
        typer.Option("--regularization", min=0, metavar="λ", help="Added to the eigenvalues."),
    ] = None,
    level: Annotated[
        LevelName | None, typer.Option("--level", help="What a row is, if it is not told right.")
    ] = None,
    drop_features: Annotated[
        list[str] | None,
        typer.Option("--drop-features", metavar="PATTERN", help="Leave these out; repeatable."),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What scores call these features.")] = "",
    fit_on: Annotated[
        FitOnName, typer.Option("--fit-on", help="Wells that transforms are fitted on.")
    ] = FitOnName.AUTO,
    labels: Annotated[
        LabelsName, typer.Option("--labels", help="Strongest label that training saw.")
    ] = LabelsName.NOT_STATED,
    plates_are_batches: Annotated[
        bool, typer.Option("--plates-are-batches", help="NSCB even if each batch is one plate.")
    ] = False,
    draws: Annotated[int, typer.Option("--draws", min=100, help="Draws of each test.")] = 10_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the draws.")] = 0,
    misses: Annotated[bool, typer.Option("--misses", help="Also list the misses.")] = False,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the records as JSON.")
    ] = None,
) -> None:
    """Score treatments by mechanism: NSC, NSCB and, of a run's cells, the cell probe.

    Examples: phenovae evaluate --run RUN --set evaluate.draws=1000
    or: phenovae evaluate --profiles wells.csv.gz --metadata BBBC021_v1_image.csv
    --moa BBBC021_v1_moa.csv --protocol ljosa2013-wells --json scores.json
    """
    from phenovae.base.errors import UsageError

    if run is not None and profiles is None:
        run_stage_verb(context, "evaluate", run, config, settings, again=again)
        return
    if run is not None or profiles is None:
        raise UsageError(
            "evaluate needs a run or a table of features, and not both",
            mend="--run RUN, or --profiles TABLE",
        )
    from phenovae.base.files import write_json
    from phenovae.cli.summary import tell_misses, tell_records
    from phenovae.pipeline.foreign import ForeignOptions, score_table

    records = score_table(
        ForeignOptions(
            profiles=profiles,
            metadata=metadata,
            moa=moa,
            level=None if level is None else level.value,
            name=name,
            drop=drop_features or (),
            protocols=protocol or ("caicedo2018",),
            normalize=normalize or (),
            regularization=regularization,
            fit_on=fit_on.value,
            labels=labels.value,
            plates_are_batches=plates_are_batches,
            draws=draws,
            seed=seed,
        )
    )
    tell_records(records)
    if misses:
        tell_misses(records)
    if json is not None:
        write_json(json, records)
