"""Scores in words, made from the numbers and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from phenovae.evaluate.scores import label_of
from phenovae.report.facts import listed, mapping, percent, tally

Record = Mapping[str, object]

MODEL, INTENSITY = "model", "intensity"


def find(
    records: Sequence[Record], features: str, metric: str, protocol: str | None = None
) -> Record | None:
    """The first record of these features and metric (and protocol, by its label) with a value."""
    for record in records:
        if (
            record["features"] == features
            and record["metric"] == metric
            and (protocol is None or label_of(record) == protocol)
            and isinstance(record.get("value"), int | float)
        ):
            return record
    return None


def headline(records: Sequence[Record]) -> str:
    """The protocol that scored the model first, by its label; empty where none did."""
    return next(
        (
            label_of(record)
            for record in records
            if record["features"] == MODEL
            and record["metric"] == "NSC"
            and isinstance(record.get("value"), int | float)
        ),
        "",
    )


def number(record: Record, key: str) -> float:
    """A number of a record. Raises TypeError where it is none."""
    value = record[key]
    if not isinstance(value, int | float):
        raise TypeError(f"{key} of the record is {value!r}")
    return float(value)


def interval_text(record: Record) -> str:
    """`95 % interval 30–52 %`."""
    low, high = 100 * number(record, "low"), percent(number(record, "high"), 0)
    return f"{percent(0.95, 0)} interval {low:.0f}–{high}"


def against(model: Record, base: Record) -> str:
    """A baseline's count with the verdict: `36 of 99 (NSC 36.4 %): the model is better`."""
    counts = f"{tally(number(base, 'correct'))} of {base['total']}"
    return f"{counts} ({base['metric']} {percent(number(base, 'value'))}): {verdict(model, base)}"


def verdict(model: Record, base: Record) -> str:
    """Whether the model is better than a baseline, by the paired difference where it is known."""
    paired = _paired(model, str(base["features"]))
    mine, theirs = number(model, "value"), number(base, "value")
    if paired is not None:
        return paired
    apart = number(model, "low") > number(base, "high") or number(base, "low") > number(
        model, "high"
    )
    if mine == theirs:
        return "the model does no better"
    said = "the model is better" if mine > theirs else "the model is worse"
    return said + ("" if apart else ", though the intervals overlap")


def _paired(model: Record, features: str) -> str | None:
    """The paired difference of a record to other features, in words, if it is recorded."""
    for each in listed(model.get("against")):
        told = mapping(each)
        if told.get("features") != features:
            continue
        difference, p_value = number(told, "difference"), number(told, "p_value")
        if not difference:
            return "the model does no better"
        low, high = (f"{100 * number(told, end):+.0f}".replace("-", "−") for end in ("low", "high"))
        return (
            f"the model is {'better' if difference > 0 else 'worse'} by "
            f"{100 * abs(difference):.1f} points (95 % interval {low} to {high}, "
            f"p {p_value:.2g}), which is {told.get('verdict')}"
        )
    return None
