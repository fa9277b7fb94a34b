"""The tables of a report as text: scores, misses, published results, stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phenovae.evaluate.protocol import FIT_ALL
from phenovae.evaluate.scores import MECHANISM, kind_of, label_of
from phenovae.report.content import ReportContent
from phenovae.report.facts import interval, listed, mapping, percent, plural, tally
from phenovae.report.words import MODEL
from phenovae.screen.published import Published

PROBE, WELL_PROBE = "probe", "well probe"
_PROBES = {PROBE: "cell probe", WELL_PROBE: WELL_PROBE}
_PROBE_SUMMARY = (
    "A linear classifier tells the mechanism of {unit}s of compounds it has not seen: "
    "balanced accuracy, the mean over mechanisms of the share of their {unit}s that is told right."
)
_ON_ALL_WELLS = ". Here all wells stand in for negative controls."


@dataclass(frozen=True)
class Table:
    """A table of text: its caption, names of columns, rows, and which columns are numbers.

    Rows in `strong` are those of the model.
    """

    caption: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numbers: frozenset[int] = frozenset()
    strong: frozenset[int] = frozenset()


def score_tables(content: ReportContent) -> list[Table]:
    """Scores, one table a protocol, in the order of the records."""
    groups: dict[str, list[Mapping[str, object]]] = {}
    for record in content.records:
        if kind_of(record) == MECHANISM:
            groups.setdefault(_label(record), []).append(record)
    found = []
    for label, records in groups.items():
        summary = mapping(records[0].get("parameters")).get("summary") or (
            _PROBE_SUMMARY.format(
                unit="well" if records[0]["metric"] == WELL_PROBE else f"single {content.unit}"
            )
            if records[0]["metric"] in _PROBES
            else "no summary recorded"
        )
        all_wells = str(records[0]["protocol"]).endswith(FIT_ALL)
        found.append(
            Table(
                f"{label}: {str(summary).rstrip('.')}{_ON_ALL_WELLS}"
                if all_wells
                else f"{label}: {summary}",
                (
                    "score",
                    "features",
                    "right",
                    "95 % interval",
                    "chance",
                    "p",
                    f"{content.unit}s",
                    "remark",
                ),
                [_score_row(record) for record in records],
                frozenset(range(2, 7)),
                frozenset(n for n, record in enumerate(records) if record["features"] == MODEL),
            )
        )
    return found


def parameters(content: ReportContent) -> dict[str, Mapping[str, object]]:
    """Parameters of every protocol, by its label."""
    return {
        _label(record): mapping(record["parameters"])
        for record in content.records
        if "parameters" in record
    }


def published_table(published: Sequence[Published]) -> Table:
    """Published results, with their caveats."""
    return Table(
        "NSC and NSCB as published: per cent, and counts of treatments where they are known",
        ("work", "NSC", "NSCB", "caveat", "where it was read"),
        [
            (
                each.work,
                _published(each.nsc, each.nsc_count),
                _published(each.nscb, each.nscb_count),
                each.caveat,
                each.source,
            )
            for each in published
        ],
        frozenset({1, 2}),
    )


def refusal_table(content: ReportContent, at_most: int) -> Table | None:
    """The first inputs that could not be used, or None where all could."""
    refusals = [mapping(each) for each in listed(content.imported.get("refusals"))]
    if not refusals:
        return None
    refused = content.imported.get("refused")
    total = refused if isinstance(refused, int) else len(refusals)
    shown = refusals[:at_most]
    rest = f"; the first {len(shown)}, errors.parquet lists all" if total > len(shown) else ""
    return Table(
        f"{plural(total, 'input')} that could not be used{rest}",
        ("file or field", "reason"),
        [(str(each.get("file", "")), str(each.get("reason", ""))) for each in shown],
    )


def stage_table(content: ReportContent) -> Table:
    """Stages of the run: when, how long, from which inputs."""
    rows = []
    for name, told in mapping(content.journal.get("stages")).items():
        stage = mapping(told)
        seconds = stage.get("seconds")
        rows.append(
            (
                name,
                str(stage.get("started", ""))[:19].replace("T", " "),
                f"{seconds:,.1f}" if isinstance(seconds, int | float) else "",
            )
        )
    return Table(
        "Stages of this run", ("stage", "started [UTC]", "took [s]"), rows, frozenset({1, 2})
    )


def checksum_table(content: ReportContent) -> Table:
    """SHA-256 of what the run read and what it trained."""
    rows = [
        (f"{name} (read by {stage})", str(checksum))
        for stage, told in mapping(content.journal.get("stages")).items()
        for name, checksum in mapping(mapping(told).get("inputs")).items()
    ]
    rows += list(content.checksums.items())
    return Table("Checksums, SHA-256", ("of", "checksum"), rows)


def _label(record: Mapping[str, object]) -> str:
    return label_of(record)


def _score_row(record: Mapping[str, object]) -> tuple[str, ...]:
    value = record.get("value")
    probe = record["metric"] in _PROBES
    note = str(record.get("reason", ""))
    shown = "not scored"
    if isinstance(value, int | float):
        correct = record.get("correct")
        share = percent(value)
        counted = ""
        if isinstance(correct, int | float) and not probe:
            counted = f"{tally(correct)} of {record['total']} = "
        if record.get("headline") == "macro_compound":
            shown = f"{share}, mean over compounds"
        else:
            shown = f"{counted}{share}"
        unscorable = listed(record.get("unscorable"))
        if unscorable:
            things = plural(len(unscorable), "mechanism" if probe else "treatment")
            note = f"{things} cannot be scored"
    chance = record.get("null_mean", record.get("chance"))
    p_value, cells = record.get("p_value"), record.get("cells")
    return (
        _PROBES.get(str(record["metric"]), str(record["metric"])),
        str(record["features"]).replace("_", " "),
        shown,
        interval(record),
        percent(chance, 0) if isinstance(chance, int | float) else "",
        f"{p_value:.2g}" if isinstance(p_value, int | float) else "",
        f"{cells:,}" if isinstance(cells, int) and cells else "",
        note,
    )


def _published(share: float | None, count: str) -> str:
    if share is None:
        return count
    return f"{share:g}\N{NO-BREAK SPACE}%" + (f" ({count})" if count else "")
