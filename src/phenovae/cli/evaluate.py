"""`phenovae evaluate`: scores of mechanisms, of a run or of anybody's table of features."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phenovae.base.errors import UsageError
from phenovae.base.files import write_json
from phenovae.cli.foreign_options import (
    BatchPattern,
    Columns,
    DropCopies,
    DropCorrelated,
    DropFeatures,
    DropNonfinite,
    IgnoreUnmatched,
    LevelName,
    Metadata,
    MinReplicateCorrelation,
    MoA,
    NegativeControls,
    Normalize,
    choice_of,
    one_of,
    reading_of,
)
from phenovae.cli.shared import Again, ConfigFile, Settings, console_of, run_stage_verb

if TYPE_CHECKING:
    from phenovae.evaluate.measures import Measures

_SHARED = ("--config", "--set", "--again")


def command(
    context: typer.Context,
    run: Annotated[
        Path | None,
        typer.Option("--run", metavar="RUN", help="Folder of the run: the stage of that run."),
    ] = None,
    config: ConfigFile = None,
    settings: Settings = None,
    again: Again = False,
    profiles: Annotated[
        Path | None,
        typer.Option(
            "--profiles",
            metavar="PATH",
            help="Instead: a table of features of cells, sites, wells or treatments. Parquet, CSV, "
            ".h5ad, or a folder of DeepProfiler's .npz files.",
        ),
    ] = None,
    metadata: Metadata = None,
    moa: MoA = None,
    level: LevelName = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What scores call the features.")
    ] = None,
    protocols: Annotated[
        list[str] | None,
        typer.Option(
            "--protocol",
            metavar="NAME",
            help="Protocol; else the one that made the table, or caicedo2018; repeatable.",
        ),
    ] = None,
    normalize: Normalize = None,
    regularization: Annotated[
        float | None,
        typer.Option("--regularization", min=0, metavar="λ", help="λ of sphere and coral."),
    ] = None,
    lambda_mode: Annotated[
        str | None,
        typer.Option(
            "--lambda-mode",
            metavar="MODE",
            help="λ is added to the eigenvalues (absolute), or λ times their mean is (relative).",
        ),
    ] = None,
    fit_on: Annotated[
        str | None,
        typer.Option(
            "--fit-on",
            metavar="WELLS",
            help="Wells that fit the transforms: negative_controls, all_wells, or auto (all where "
            "there are no controls).",
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", metavar="NAME", help="cosine, pearson or euclidean."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            metavar="KIND",
            help="What the training of the features was told: none, treatment, compound, "
            "mechanism. By default as the table says, or not stated.",
        ),
    ] = None,
    plates_are_batches: Annotated[
        bool,
        typer.Option("--plates-are-batches", help="Score NSCB though every batch is one plate."),
    ] = False,
    drop_features: DropFeatures = None,
    drop_copies: DropCopies = False,
    drop_correlated: DropCorrelated = None,
    min_replicate_correlation: MinReplicateCorrelation = None,
    drop_nonfinite: DropNonfinite = None,
    columns: Columns = None,
    ignore_unmatched: IgnoreUnmatched = False,
    negative_controls: NegativeControls = None,
    batch_pattern: BatchPattern = None,
    votes: Annotated[
        list[int] | None,
        typer.Option(
            "--votes",
            min=2,
            metavar="K",
            help="Score also by the votes of K neighbours, by default 3; repeatable.",
        ),
    ] = None,
    mixing: Annotated[
        list[int] | None,
        typer.Option(
            "--mixing",
            min=3,
            metavar="K",
            help="Measure how batches mix among K neighbours of control wells, by default 10; "
            "repeatable.",
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            metavar="MEASURE",
            help="Leave out votes, before-transforms, replicates, mixing, batch-classifier or "
            "well-probe; repeatable.",
        ),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(
            "--draws",
            min=1,
            metavar="N",
            help="Draws of the interval and of chance; else as the table says, or 10000.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", help="Seed of the draws; else the table's own, or 0."),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the scores as a list of records."),
    ] = None,
    misses: Annotated[
        bool, typer.Option("--misses", help="List the treatments that were taken for another.")
    ] = False,
) -> None:
    """Score treatments by mechanism, and measure replicates and batches beside: of a run, or of any
    table of features.

    Example: phenovae evaluate --run RUN --set evaluate.draws=1000

    Example: phenovae evaluate --profiles wells.csv.gz --metadata BBBC021_v1_image.csv.gz --moa
    BBBC021_v1_moa.csv --protocol ljosa2013-wells
    """
    if (run is None) == (profiles is None):
        raise UsageError(
            "evaluate needs a run or a table of features, and not both",
            mend="--run RUN, or --profiles TABLE",
        )
    if run is not None:
        _refuse_foreign(context)
        run_stage_verb(context, "evaluate", run, config, settings, again=again)
        return
    if config is not None or settings or again:
        raise UsageError(f"{', '.join(_SHARED)} are of a run", mend="leave them out")
    from phenovae.cli.summary import tell_misses, tell_records
    from phenovae.evaluate.neighbours import Metric
    from phenovae.evaluate.provenance import Labels
    from phenovae.evaluate.variants import FitOn, LambdaMode
    from phenovae.pipeline.foreign import Changes, Scoring, score_table

    if profiles is None:
        return
    changes = Changes(
        normalize=tuple(normalize or ()),
        regularization=regularization,
        lambda_mode=one_of(lambda_mode, LambdaMode, "--lambda-mode"),
        metric=one_of(metric, Metric, "--metric"),
        fit_on=one_of(fit_on, FitOn, "--fit-on") or "auto",
    )
    scoring = Scoring(
        draws=draws,
        seed=seed,
        labels=one_of(labels, Labels, "--labels"),
        plates_are_batches=plates_are_batches,
        measures=_measures(votes, mixing, without),
    )
    choice = choice_of(
        drop_features, drop_nonfinite, drop_copies=drop_copies, drop_correlated=drop_correlated,
        replicate_correlation=min_replicate_correlation,
    )  # fmt: skip
    reading = reading_of(
        name, level, columns, choice, negative_controls, batch_pattern,
        ignore_unmatched=ignore_unmatched,
    )  # fmt: skip
    scored = score_table(
        profiles, metadata, moa, protocols or [], reading, changes, scoring,
        console_of(context).progress,
    )  # fmt: skip
    records = list(scored.records)
    tell_records(records)
    if misses:
        tell_misses(records)
    if json_file is not None:
        write_json(json_file, records)


def _measures(
    votes: list[int] | None, mixing: list[int] | None, without: list[str] | None
) -> Measures:
    from phenovae.evaluate.measures import Measures

    usual = Measures()
    return Measures(
        votes=tuple(dict.fromkeys(votes or usual.votes)),
        mixing=tuple(dict.fromkeys(mixing or usual.mixing)),
    ).without(tuple(without or ()))


def _refuse_foreign(context: typer.Context) -> None:
    """With --run the settings of a run say what the options of tables say."""
    given = [
        name
        for name in context.params
        if name not in ("run", "config", "settings", "again")
        and str(context.get_parameter_source(name)).endswith("COMMANDLINE")
    ]
    if given:
        raise UsageError(
            f"--{given[0].replace('_', '-')} goes with --profiles",
            mend="a run has settings, evaluate.… among them: phenovae config --defaults",
        )
