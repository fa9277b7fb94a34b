"""Maps: points in the plane, marked by what they are, or coloured by a measure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from phenovae.figures.colours import in_order, marks
from phenovae.figures.drawing import in_house_style, name_text, new_figure

Matrix = npt.NDArray[np.float64]

_KEY_ROWS = 20
_MOST_GROUPS = 60
"""More marks than these nobody tells apart: the smallest groups are one then."""
_FAINT = (("#bfc4cc", "o"), ("#dccfb8", "s"), ("#e4e4e4", "D"))
_NO_VALUE = "#d9d9d9"
_COLOURS = "viridis"
_MANY = 600
_ROUNDS = 8
_TAIL = 1.0
# Shapes of the same nominal size look unlike in size.
_WEIGHTS = {"s": 0.85, "D": 0.7, "^": 1.1, "v": 1.1, "P": 1.15, "X": 1.1, "*": 1.8}


@dataclass(frozen=True)
class Ground:
    """Where points lie (n, 2) and what the axes are; `distances` say whether both have one scale.

    Where distances mean nothing the axes have no numbers.
    """

    plane: Matrix
    axis_labels: tuple[str, str]
    distances: bool = True


@in_house_style
def group_map(
    ground: Ground, groups: Sequence[str], what: str, *, faint: Sequence[str] = ()
) -> Figure:
    """Points marked by group; the key stands beside, off the data, with the points of each.

    `faint` groups are grey and lie below the others. Of more than sixty groups the smallest are
    one, grey as well, and the key says how many they are.
    """
    members, shown, rest = _groups(groups, faint)
    style = marks(shown)
    style |= dict(zip(rest, cycle(_FAINT), strict=False))
    names = [*shown, *rest]
    columns = -(-len(names) // _KEY_ROWS)
    figure = new_figure(7.6 + 2.0 * (columns - 1), 4.6)
    axes = figure.subplots()
    size = _size(len(members))
    for name in rest:
        _scatter(axes, ground.plane[members == name], style[name], 0.8 * size)
    # In turns, so that no group lies upon another merely for its name.
    rounds = _ROUNDS if len(members) > _MANY else 1
    for turn in range(rounds):
        for name in shown:
            here = ground.plane[members == name][turn::rounds]
            _scatter(axes, here, style[name], size)
    _frame(axes, ground)
    handles = [
        Line2D(
            [],
            [],
            linestyle="",
            marker=style[name][1],
            color=style[name][0],
            markersize=(44.0 * _WEIGHTS.get(style[name][1], 1.0)) ** 0.5,
        )
        for name in names
    ]
    key = figure.legend(
        handles,
        ["M" * len(name_text(name)) for name in names],
        loc="outside right upper",
        fontsize=8.5,
        title=what,
        alignment="left",
        ncols=columns,
    )
    # matplotlib drops entries whose label begins with an underscore, and names may.
    for text, name in zip(key.get_texts(), names, strict=True):
        text.set_text(name_text(name))
    return figure


@in_house_style
def measure_map(
    ground: Ground, values: npt.NDArray[np.float64], label: str, *, logarithmic: bool = False
) -> Figure:
    """Points coloured by a measure (n,) whose name and unit `label` tells; grey without a value.

    The colours span the middle 98 % of the values. `logarithmic` ones leave what is 0 or less
    without a value.
    """
    there = np.isfinite(values) & ((values > 0) | (not logarithmic))
    figure = new_figure(7.0, 4.6)
    axes = figure.subplots()
    size = _size(len(values))
    if not there.all():
        _scatter(axes, ground.plane[~there], (_NO_VALUE, "o"), 0.8 * size)
    if there.any():
        norm, extend = scale_of(values[there], logarithmic=logarithmic)
        drawn = axes.scatter(
            ground.plane[there, 0],
            ground.plane[there, 1],
            c=values[there],
            cmap=_COLOURS,
            norm=norm,
            s=size,
            linewidths=0.4 if len(values) <= _MANY else 0,
            edgecolors="white",
            rasterized=len(values) > _MANY,
        )
        bar = figure.colorbar(drawn, ax=axes, extend=extend, shrink=0.85, pad=0.02)
        finish_bar(bar, label)
    _frame(axes, ground)
    return figure


def finish_bar(bar: Colorbar, label: str) -> None:
    """Give a bar of colours its label, and numbers as a person writes them."""
    bar.set_label(label)
    bar.outline.set_visible(False)
    if isinstance(bar.norm, LogNorm):
        # Powers as formulas would need the parser that names from data must not meet.
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        bar.ax.yaxis.set_minor_formatter(NullFormatter())


def scale_of(
    values: npt.NDArray[np.float64], *, logarithmic: bool = False
) -> tuple[Normalize, str]:
    """The scale of colours of finite values, and at which ends (`extend`) values lie beyond it."""
    low, high = (float(each) for each in np.percentile(values, (_TAIL, 100 - _TAIL)))
    if low == high:
        low, high = float(values.min()), float(values.max())
    if low == high:
        low, high = (low / 2, 2 * high) if logarithmic else (low - 0.5, high + 0.5)
    beyond = (bool(values.min() < low), bool(values.max() > high))
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max"}
    norm = LogNorm(low, high) if logarithmic else Normalize(low, high)
    return norm, extend.get(beyond, "both")


def _groups(
    groups: Sequence[str], faint: Sequence[str]
) -> tuple[npt.NDArray[np.object_], list[str], list[str]]:
    """The group of each point, the groups that are marked, and those that are grey."""
    members = np.asarray(groups, dtype=object)
    counts = Counter(groups)
    grey = [name for name in in_order(tuple(counts)) if name in faint]
    marked = [name for name in in_order(tuple(counts)) if name not in faint]
    if len(marked) <= _MOST_GROUPS:
        return members, marked, grey
    largest = sorted(marked, key=lambda name: -counts[name])[:_MOST_GROUPS]
    others = f"{len(marked) - _MOST_GROUPS} more"
    lumped = set(marked) - set(largest)
    members = np.array([others if name in lumped else name for name in groups], dtype=object)
    return members, in_order(largest), [*grey, others]


def _size(count: int) -> float:
    """Area of a mark [points²], so that some thousand points do not become one blot."""
    return float(np.clip(44.0 * (150 / max(count, 1)) ** 0.6, 7.0, 44.0))


def _scatter(axes: Axes, points: Matrix, style: tuple[str, str], size: float) -> None:
    colour, shape = style
    axes.scatter(
        points[:, 0],
        points[:, 1],
        c=colour,
        marker=shape,
        s=size * _WEIGHTS.get(shape, 1.0),
        linewidths=0.5 if size > 20 else 0,
        edgecolors="white",
        alpha=0.9,
        rasterized=size <= 12,
    )


def _frame(axes: Axes, ground: Ground) -> None:
    axes.margins(0.06)
    if ground.distances:
        axes.set_aspect("equal", adjustable="datalim")
        axes.grid()
    else:
        axes.set_xticks([])
        axes.set_yticks([])
    axes.set_xlabel(ground.axis_labels[0])
    axes.set_ylabel(ground.axis_labels[1])
