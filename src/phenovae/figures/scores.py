"""Scores with their intervals, model beside baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from phenovae.figures.drawing import ACCENT, FAINT, axes_of, new_figure


def score_intervals(records: Sequence[Mapping[str, object]]) -> Figure:
    """Scores of one protocol and metric a row: a point and its 95 % interval, and chance."""
    rows = [record for record in records if isinstance(record.get("value"), int | float)]
    figure = new_figure(7.2, 0.7 + 0.3 * len(rows))
    axes = axes_of(figure)
    labels = []
    for place, record in enumerate(reversed(rows)):
        model = record["features"] == "model"
        colour = ACCENT if model else "#666666"
        low, high, value = (_number(record, key) for key in ("low", "high", "value"))
        axes.plot([low, high], [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
        axes.plot(value, place, marker="o" if model else "s", color=colour, markersize=6)
        chance = record.get("null_mean", record.get("chance"))
        if isinstance(chance, int | float):
            axes.plot(chance, place, marker="|", color=FAINT, markersize=11, markeredgewidth=1.6)
        labels.append(
            f"{record['protocol']}@{record['version']}  {record['metric']}, {_who(record)}"
        )
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.set_xlabel("share right (95 % interval; grey tick: chance)")
    axes.grid(axis="x", color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure


def _number(record: Mapping[str, object], key: str) -> float:
    value = record[key]
    return float(value) if isinstance(value, int | float) else float("nan")


def _who(record: Mapping[str, object]) -> str:
    return str(record["features"]).replace("_", " ")
