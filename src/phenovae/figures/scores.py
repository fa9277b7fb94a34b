"""Scores with their intervals, model beside baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from phenovae.figures.drawing import (
    ACCENT,
    FAINT,
    INK,
    SOFT,
    in_house_style,
    name_text,
    new_figure,
)

_Record = Mapping[str, object]
_MODEL = "model"
_PROBE = "probe"


@in_house_style
def score_intervals(records: Sequence[_Record]) -> Figure:
    """Scores in per cent by protocol: a point, its 95 % interval, and a tick for chance.

    Records have features, protocol, version, metric, value, low, high; those without a value are
    left out.
    """
    groups: dict[str, list[_Record]] = {}
    for record in records:
        if isinstance(record.get("value"), int | float):
            label = f"{record['protocol']}@{record['version']}"
            groups.setdefault(label, []).append(record)
    lines = sum(map(len, groups.values())) + len(groups)
    figure = new_figure(8.2, 0.9 + 0.24 * lines)
    axes = figure.subplots()
    place, places, labels = 0.0, [], []
    for label, rows in groups.items():
        axes.annotate(
            name_text(label, 40),
            (0, place),
            xycoords=("axes fraction", "data"),
            xytext=(-3.5, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            weight="bold",
        )
        axes.axhline(place - 0.5, color="#d5d5d5", linewidth=0.6)
        place += 1
        for record in sorted(rows, key=_order):
            _draw(axes, record, place)
            places.append(place)
            labels.append(_label(record))
            place += 1
    axes.set_yticks(places, labels, fontsize=8.5)
    axes.set_xlim(0, 100)
    axes.set_ylim(place - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("right [%] (probes: balanced accuracy [%])")
    axes.grid(axis="x")
    figure.legend(handles=_key(), loc="outside lower center", ncols=4, fontsize=8.5)
    return figure


def _draw(axes: Axes, record: _Record, place: float) -> None:
    model = record["features"] == _MODEL
    colour = ACCENT if model else SOFT
    low, high, value = (_percent(record.get(key)) for key in ("low", "high", "value"))
    axes.plot([low, high], [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
    axes.plot(value, place, "o" if model else "s", color=colour, markersize=6, clip_on=False)
    chance = _percent(record.get("null_mean", record.get("chance")))
    axes.plot(chance, place, "|", color=INK, markersize=10, markeredgewidth=1.3)


def _key() -> list[Line2D]:
    return [
        Line2D([], [], color=ACCENT, marker="o", linestyle="", label="model"),
        Line2D([], [], color=SOFT, marker="s", linestyle="", label="baseline"),
        Line2D([], [], color=FAINT, linewidth=2.2, label="95 % interval"),
        Line2D([], [], color=INK, marker="|", markersize=10, linestyle="", label="chance"),
    ]


def _order(record: _Record) -> tuple[str, bool]:
    return str(record["metric"]), record["features"] != _MODEL


def _label(record: _Record) -> str:
    metric = "balanced accuracy" if record["metric"] == _PROBE else str(record["metric"])
    return name_text(f"{metric}, {str(record['features']).replace('_', ' ')}", 40)


def _percent(value: object) -> float:
    return 100 * float(value) if isinstance(value, int | float) else float("nan")
