"""Mechanism by mechanism: how many of its treatments were found, and what was taken for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from phenovae.evaluate.retrieval_records import MAP
from phenovae.evaluate.scores import METRICS, label_of
from phenovae.report.content import Record, ReportContent
from phenovae.report.facts import listed, mapping, percent, plural
from phenovae.report.tables import Table
from phenovae.report.words import MODEL

_ACROSS = {"NSC": "", "NSCB": ", across batches"}


@dataclass(frozen=True)
class ByMechanism:
    """One protocol's mechanisms: a headline and the table."""

    headline: str
    table: Table


def mechanism_tables(content: ReportContent) -> list[ByMechanism]:
    """A table for each protocol that scored the model, best found mechanisms first.

    Columns are those of the metrics that were scored: found (recall), rightly taken for it
    (precision), and how early treatments of the mechanism stand (mean average precision).
    """
    found = []
    for label in dict.fromkeys(label_of(r) for r in content.records if r["metric"] in METRICS):
        records = {
            str(record["metric"]): _rows(record)
            for record in content.records
            if record["features"] == MODEL and label_of(record) == label
        }
        scored = [metric for metric in METRICS if records.get(metric)]
        if scored:
            found.append(_table(label, scored, records))
    return found


def _table(
    label: str, scored: list[str], records: Mapping[str, Mapping[str, Record]]
) -> ByMechanism:
    first = records[scored[0]]
    names = sorted(
        {name for metric in scored for name in records[metric]},
        key=lambda name: (-_share(first.get(name, {}), "recall"), name),
    )
    ranked = [metric for metric in scored if records.get(f"{metric}{MAP}")]
    columns = ["mechanism"]
    for metric in scored:
        columns += [f"found{_ACROSS[metric]}", f"rightly taken for it{_ACROSS[metric]}"]
    columns += [f"{metric}{MAP}" for metric in ranked]
    rows = []
    for name in names:
        cells = [name]
        for metric in scored:
            told = records[metric].get(name, {})
            cells += [_of(told, "support"), _of(told, "predicted")]
        cells += [_precision(records[f"{metric}{MAP}"].get(name, {})) for metric in ranked]
        rows.append(tuple(cells))
    recalls = [_share(each, "recall") for each in first.values() if each.get("support")]
    whole, least = (sum(recall == each for recall in recalls) for each in (1, 0))
    return ByMechanism(
        f"{label}: {whole} of {plural(len(recalls), 'mechanism')} found whole by {scored[0]}, "
        f"{least} not at all",
        Table(
            "Found: of the mechanism’s treatments, those whose nearest neighbour has it (recall). "
            "Rightly taken for it: of the treatments whose neighbour has it, those that have it "
            "themselves (precision). mAP: how early all of them stand. Few treatments stand behind "
            "a mechanism, so small differences say little.",
            tuple(columns),
            rows,
            frozenset(range(1, len(columns))),
        ),
    )


def _rows(record: Record) -> dict[str, Record]:
    told = (mapping(each) for each in listed(record.get("by_moa")))
    return {str(each["moa"]): each for each in told if "moa" in each}


def _share(told: Record, key: str) -> float:
    value = told.get(key)
    return float(value) if isinstance(value, int | float) else -1.0


def _of(told: Record, key: str) -> str:
    """`3 of 8`; a dash where there is nothing that it could be of."""
    right, total = told.get("right"), told.get(key)
    if not isinstance(right, int | float) or not isinstance(total, int | float) or not total:
        return "–"
    return f"{right:.3g} of {total:.3g}"


def _precision(told: Record) -> str:
    value = told.get("value")
    return percent(value, 0) if isinstance(value, int | float) else "–"
