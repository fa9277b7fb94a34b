"""What a finished run says on the terminal: the scores, what went wrong, where the report is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from phenovae.base.files import read_json
from phenovae.cli.console import Console
from phenovae.evaluate.provenance import read_training
from phenovae.evaluate.scores import MECHANISM, MIXING, REPLICATES, kind_of, label_of
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.pipeline.execute import run_all

_LEFT_OUT = {
    "at_border": "at a border",
    "small": "too small",
    "large": "too large",
    "in_flagged_fields": "in fields thrown out",
}
_HEADINGS = {
    MECHANISM: "",
    REPLICATES: "replicates of a treatment among the controls of their plate:",
    MIXING: "batches among control wells (no score; by chance is best, and says nothing of drugs):",
}


_FIRST = {"NSC", "NSCB", "probe"}


def run_and_tell(config: Config, run: Path, console: Console, *, resume: bool = True) -> int:
    """Run every stage, print the scores and the report's path; return the inputs left unread."""
    finished = run_all(config, run, console.progress, resume=resume)
    tell_fields(run, config.cells.layout)
    tell_skipped(run)
    tell_scores(run)
    tell_unread(finished.unread, run)
    return finished.unread


def tell_fields(run: Path, layout: str = "nuclei") -> None:
    """Say what became of a run's fields and of what was found in them, if it began with fields."""
    path = run / paths.IMPORT
    told = read_json(path) if path.exists() else {}
    if not isinstance(told, dict) or "read_fields" not in told:
        return
    typer.echo(
        f"fields: {told['read_fields']:,} of {told['fields']:,} read, {told['refused']:,} unread, "
        f"{told['flagged_fields']:,} flagged"
    )
    left = [f"{told[key]:,} {words}" for key, words in _LEFT_OUT.items() if told[key]]
    more = f"; {', '.join(left)}" if left else ""
    what = {"nuclei": "nuclei", "grid": "tiles"}.get(layout, "cells")
    typer.echo(f"{what}: {told['kept']:,} of {told['positions']:,} kept{more}")


def tell_skipped(run: Path) -> None:
    """Name the stages of a run that had nothing to do, with the reason."""
    from phenovae.pipeline.execute import skipped_stages

    for reason, names in skipped_stages(run).items():
        typer.echo(f"not done: {', '.join(names)}: {reason}")


def tell_unread(unread: int, run: Path) -> None:
    """Say how many named inputs could not be used, if any, and where they are listed."""
    if unread:
        typer.echo(
            f"{unread} of the named inputs could not be used; {run / paths.ERRORS} lists each "
            "with its reason"
        )


def tell_design(run: Path) -> None:
    """Print what the checked design of a run's screen is like, in the words of the report."""
    from phenovae.pipeline.gather import design_of
    from phenovae.report.facts import design_facts, listed

    design = design_of(run)
    facts = design_facts(design)
    width = max((len(name) for name, _ in facts), default=0)
    for name, text in facts:
        typer.echo(f"{name.ljust(width)}  {text}")
    departures = listed(design.get("departures"))
    typer.echo("what departs from the usual:" if departures else "nothing departs from the usual")
    for sentence in departures:
        typer.echo(f"  {sentence}")


def tell_diagnosis(run: Path) -> None:
    """Print what the test of a run's model came to, in the words of the report."""
    from phenovae.report.diagnosis_words import diagnosis_sentences

    path = run / paths.DIAGNOSIS
    told = read_json(path) if path.exists() else {}
    if isinstance(told, dict) and told:
        for sentence in diagnosis_sentences(told):
            typer.echo(sentence)
        typer.echo(f"all figures: {path}")


def tell_generation(run: Path) -> None:
    """Print how good the images of a run's model are, in the words of the report."""
    from phenovae.report.generation import generation_sentences

    path = run / paths.GENERATION
    told = read_json(path) if path.exists() else {}
    if isinstance(told, dict) and told:
        for sentence in generation_sentences(told):
            typer.echo(sentence)
        typer.echo(f"all figures: {path}")


def tell_scores(run: Path) -> None:
    """Print the first scores of a run as a table of text, and where all and the report are."""
    scores = run / paths.SCORES
    found = read_json(scores) if scores.exists() else []
    records = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    first = [record for record in records if record["metric"] in _FIRST]
    if first:
        tell_records(first)
        more = len(records) - len(first)
        if more:
            typer.echo(f"{more} more (average precision, replicates, batches): {scores}, report")
    else:
        typer.echo("no treatment could be scored; the report says why")
    if (run / paths.REPORT).exists():
        typer.echo(f"report: {run / paths.REPORT}")


def tell_records(records: Sequence[dict[str, object]]) -> None:
    """Print records of scores as a table of text, and what the training of the features saw."""
    for kind, heading in _HEADINGS.items():
        here = [record for record in records if kind_of(record) == kind]
        rows = [_row(record) for record in here if kind == MECHANISM or _has_value(record)]
        if rows and heading:
            typer.echo(heading)
        widths = [max(len(row[column]) for row in rows) for column in range(5)] if rows else []
        for row in rows:
            line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
            typer.echo(line.rstrip())
        if kind != MECHANISM:
            _tell_reasons([record for record in here if not _has_value(record)])
    _tell_training(records)


def _has_value(record: dict[str, object]) -> bool:
    return isinstance(record.get("value"), int | float)


def _tell_reasons(records: Sequence[dict[str, object]]) -> None:
    """Say once of each measure, and each reason, why it was not made."""
    told = [
        f"not measured, {str(record['metric']).partition(', k=')[0]}: {record.get('reason')}"
        for record in records
    ]
    for line in dict.fromkeys(told):
        typer.echo(line)


def tell_misses(records: Sequence[dict[str, object]]) -> None:
    """Print what each record's treatments were taken for, where that was wrong."""
    for record in records:
        missed = record.get("misses")
        if not isinstance(missed, list) or not missed:
            continue
        typer.echo(f"misses of {record['metric']} by {label_of(record)}:")
        for miss in missed:
            typer.echo(
                f"  {miss['treatment']} ({miss['moa']}): {miss['neighbour']} ({miss['predicted']})"
            )


def _tell_training(records: Sequence[dict[str, object]]) -> None:
    """Say once of all features what their training saw."""
    told = {
        str(record["features"]): record["training"] for record in records if "training" in record
    }
    for features, training in told.items():
        if isinstance(training, dict):
            typer.echo(f"training of {features}: {read_training(training).text}")


def _row(record: dict[str, object]) -> tuple[str, str, str, str, str]:
    protocol = label_of(record)
    value, low, high = record.get("value"), record.get("low"), record.get("high")
    if not isinstance(value, int | float):
        shown = "not scored"
    elif record.get("correct") is not None:
        # A tie between mechanisms counts for its share.
        counts = f"{record['correct']:.4g}/{record['total']}"
        macro = record.get("headline") == "macro_compound"
        shown = f"{value:.1%} of compounds" if macro else f"{counts} = {value:.1%}"
    else:
        shown = f"{value:.3f}"
    remark = str(record.get("reason", ""))
    if isinstance(low, int | float) and isinstance(high, int | float):
        remark = f"[{low:.3f}, {high:.3f}]"
    chance = record.get("null_mean", record.get("chance"))
    if kind_of(record) != MECHANISM and isinstance(chance, int | float):
        remark += f", by chance {chance:.3f}"
    return str(record["metric"]), str(record["features"]), protocol, shown, remark
