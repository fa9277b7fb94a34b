"""All scores with their intervals, as a plot that tells its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from phenovae.evaluate.scores import MECHANISM, kind_of, label_of
from phenovae.report.content import Record, ReportContent
from phenovae.report.facts import interval, percent, plural, tally
from phenovae.report.words import MODEL

WIDTH = 760
_LEFT, _RIGHT = 250, 736
_ROW, _TOP = 22, 8
_PROBES = {"probe": "cell probe", "well probe": "well probe"}


@dataclass(frozen=True)
class Row:
    """A score at its height [px]: its name, its marks [px] and all of it in words.

    `chance` is None where it is not known.
    """

    y: float
    name: str
    title: str
    model: bool
    at: float
    low: float
    high: float
    chance: float | None


@dataclass(frozen=True)
class Group:
    """The rows of one protocol, under its label, from the height `y` [px] on."""

    y: float
    label: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class ScorePlot:
    """The plot in px of its own; `ticks` are places of 0 to 100 %."""

    groups: Sequence[Group]
    ticks: Sequence[tuple[float, str]]
    height: float
    caption: str
    width: int = WIDTH
    left: int = _LEFT
    right: int = _RIGHT


def score_plot(content: ReportContent) -> ScorePlot | None:
    """The plot of all scores; None where nothing could be scored.

    Votes are in the tables: beside the nearest neighbour they would crowd the picture.
    """
    by_label: dict[str, list[Record]] = {}
    for record in content.records:
        if (
            kind_of(record) == MECHANISM
            and "k" not in record
            and all(isinstance(record.get(key), int | float) for key in ("value", "low", "high"))
        ):
            by_label.setdefault(label_of(record), []).append(record)
    if not by_label:
        return None
    groups, y = [], float(_TOP)
    for label, records in by_label.items():
        start, y = y, y + _ROW
        rows = []
        for record in sorted(records, key=_order):
            rows.append(_row(record, label, y + _ROW / 2))
            y += _ROW
        groups.append(Group(start + _ROW / 2, label, rows))
        y += 6
    counts = [
        cells
        for records in by_label.values()
        for record in records
        if isinstance(cells := record.get("cells"), int) and cells
    ]
    behind = f" At most {plural(max(counts), content.unit)} stand behind a score." if counts else ""
    return ScorePlot(
        groups,
        [(_x(share / 100), f"{share}") for share in range(0, 101, 20)],
        y + 44,
        "Scores by protocol, with 95 % intervals over compounds. Scores of different protocols are "
        f"different quantities.{behind}",
    )


def _row(record: Record, label: str, y: float) -> Row:
    value, low, high = (_share(record, key) for key in ("value", "low", "high"))
    metric = _PROBES.get(str(record["metric"]), str(record["metric"]))
    features = str(record["features"]).replace("_", " ")
    chance = record.get("null_mean", record.get("chance"))
    known = float(chance) if isinstance(chance, int | float) else None
    correct = record.get("correct")
    of = ""
    if metric == str(record["metric"]) and isinstance(correct, int | float):
        of = f"{tally(correct)} of {record['total']} = "
    luck = f"; by chance {percent(known, 0)}" if known is not None else ""
    return Row(
        y=y,
        name=f"{metric}, {features}",
        title=f"{metric} of {features} by {label}: {of}{percent(value)}, 95 % interval "
        f"{interval(record)}{luck}",
        model=record["features"] == MODEL,
        at=_x(value),
        low=_x(low),
        high=_x(high),
        chance=None if known is None else _x(known),
    )


def _share(record: Record, key: str) -> float:
    value = record[key]
    return float(value) if isinstance(value, int | float) else 0.0


def _x(share: float) -> float:
    return round(_LEFT + (_RIGHT - _LEFT) * min(max(share, 0.0), 1.0), 1)


def _order(record: Record) -> tuple[str, bool]:
    return str(record["metric"]), record["features"] != MODEL
