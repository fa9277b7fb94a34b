"""Replicates: whether the wells of a treatment look like each other and unlike controls."""

from __future__ import annotations

from dataclasses import dataclass

from phenovae.evaluate.scores import REPLICATES, kind_of, label_of
from phenovae.report.content import Record, ReportContent
from phenovae.report.facts import interval, mapping, percent, plural
from phenovae.report.tables import Table
from phenovae.report.words import MODEL


@dataclass(frozen=True)
class Replicates:
    """What can be said of replicates: a table a protocol, and reasons where there is none."""

    tables: list[Table]
    reasons: list[str]


def replicate_part(content: ReportContent) -> Replicates | None:
    """Replicates of every protocol, features as rows; None where they were not asked for."""
    records = [record for record in content.records if kind_of(record) == REPLICATES]
    if not records:
        return None
    groups: dict[str, list[Record]] = {}
    for record in records:
        if isinstance(record.get("value"), int | float):
            groups.setdefault(label_of(record), []).append(record)
    reasons = [
        f"{label_of(record)}, {str(record['features']).replace('_', ' ')}: {record['reason']}"
        for record in records
        if "reason" in record
    ]
    return Replicates(
        [_table(label, found) for label, found in groups.items()], list(dict.fromkeys(reasons))
    )


def _table(label: str, records: list[Record]) -> Table:
    return Table(
        f"{label}: {_wells(records[0])}",
        (
            "features",
            "average precision",
            "95 % interval",
            "by chance",
            "before the transforms",
            "treatments with p < 0.05",
        ),
        [_row(record) for record in records],
        frozenset(range(1, 6)),
        frozenset(n for n, record in enumerate(records) if record["features"] == MODEL),
    )


def _wells(record: Record) -> str:
    total, treatments = record.get("total"), record.get("treatments")
    if not isinstance(total, int) or not isinstance(treatments, int):
        return "an unknown number of wells"
    alone = record.get("unasked")
    left = (
        f"; {plural(alone, 'well')} could not be asked, for want of a replicate or of controls"
        if isinstance(alone, int) and alone
        else ""
    )
    return f"{plural(total, 'well')} of {plural(treatments, 'treatment')}{left}."


def _row(record: Record) -> tuple[str, ...]:
    value, chance = record.get("value"), record.get("null_mean")
    before = mapping(record.get("before_transforms")).get("value")
    found, could = record.get("found"), record.get("could")
    return (
        str(record["features"]).replace("_", " "),
        percent(value) if isinstance(value, int | float) else "",
        interval(record),
        percent(chance) if isinstance(chance, int | float) else "",
        percent(before) if isinstance(before, int | float) else "",
        f"{found} of {could}" if could else "none can be: too few controls",
    )
