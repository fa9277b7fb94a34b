"""From untreated to treated, by dose: cells shown as if treated, and the way that means go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from phenovae.figures.colours import Palette
from phenovae.figures.drawing import (
    ACCENT,
    FAINT,
    INK,
    SECOND,
    in_house_style,
    name_text,
    new_figure,
)
from phenovae.figures.sheets import Images, Row, painted, sheet

Doubles = npt.NDArray[np.float64]


@in_house_style
def as_if_treated(
    cells: Images,
    decoded: Images,
    real: Sequence[Images],
    headings: Sequence[str],
    channels: Sequence[str],
    limits: Images,
    palette: Palette = "field",
    selected: Sequence[int] | None = None,
) -> Figure:
    """Untreated cells, decoded, and as if they had each dose; below, real cells of each dose.

    `cells` are (cell, channel, height, width), `decoded` (cell, dose, channel, height, width), dose
    0 first; `real` has for each dose, 0 first, a few cells. `headings` name the doses.
    """

    def paint(images: Images) -> npt.NDArray[np.float64]:
        return painted(images, channels, limits, palette, selected)

    rows = [
        Row(
            np.concatenate([paint(cell[None]), paint(way)]),
            "as if treated" if number == 0 else "",
            headings=["cell", *headings] if number == 0 else (),
        )
        for number, (cell, way) in enumerate(zip(cells, decoded, strict=True))
    ]
    for number in range(max((len(some) for some in real), default=0)):
        pictures = [
            paint(some[number : number + 1])
            if number < len(some)
            else np.full((1, *rows[0].pictures.shape[1:]), np.nan)
            for some in real
        ]
        blank = np.full_like(pictures[0], np.nan)
        rows.append(
            Row(
                np.concatenate([blank, *pictures]),
                "real cells" if number == 0 else "",
                opens=number == 0,
            )
        )
    return sheet(rows)


@dataclass(frozen=True)
class Way:
    """The way of a compound: its doses [µM], shifts on a plane (dose, 2), their lengths (dose,).

    `cells` (dose,) counts the cells behind each, and `usual` (dose,) is the length that 95 of 100
    groups of as many untreated cells stay below.
    """

    name: str
    doses: Doubles
    plane: Doubles
    lengths: Doubles
    cells: Sequence[int]
    usual: Doubles


_LOOKS = ((ACCENT, "o"), (SECOND, "^"), ("#0f7a3a", "s"), ("#7d1b57", "D"))


@in_house_style
def ways(shown: Sequence[Way], untreated: Doubles, shares: tuple[float, float]) -> Figure:
    """The ways of compounds on a plane, among untreated cells (cell, 2), and how far by dose.

    `shares` are those of the differences between doses that the plane's two directions have.
    """
    figure = new_figure(9.6, 4.3)
    left, right = figure.subplots(1, 2)
    left.scatter(
        untreated[:, 0], untreated[:, 1], s=5, color="#c9ced6", linewidths=0, rasterized=True,
        label=f"untreated cells ({len(untreated):,})",
    )  # fmt: skip
    for way, (colour, shape) in zip(shown, _LOOKS, strict=False):
        path = np.concatenate([np.zeros((1, 2)), way.plane])
        name = name_text(way.name, 26)
        left.plot(*path.T, color=colour, marker=shape, markersize=5, linewidth=1.6, label=name)
        left.annotate(
            f"{way.doses[-1]:g} µM", path[-1], xytext=(5, 4), textcoords="offset points",
            fontsize=8, color=INK,
        )  # fmt: skip
        right.plot(way.doses, way.lengths, color=colour, marker=shape, markersize=5)
        right.plot(way.doses, way.usual, color=colour, linestyle=":", linewidth=1.2)
    left.plot([0], [0], marker="+", color=INK, markersize=9, linestyle="none", label="their mean")
    _frame(left, untreated, shown)
    left.set_xlabel(f"direction 1 [SD of latents] ({100 * shares[0]:.0f} % of shifts)")
    left.set_ylabel(f"direction 2 [SD of latents] ({100 * shares[1]:.0f} %)")
    _dose_axis(right, np.concatenate([way.doses for way in shown]))
    right.set_ylim(bottom=0)
    right.set_xlabel("concentration [µM]")
    right.set_ylabel("distance from untreated [SD of latents]")
    right.grid(axis="y")
    (dotted,) = right.plot([], [], color=FAINT, linestyle=":", linewidth=1.2)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(
        [*handles, dotted],
        [*labels, "95 % of groups of as many untreated cells"],
        loc="outside lower center",
        ncols=3,
        fontsize=8.5,
    )
    return figure


def _dose_axis(axes: Axes, doses: Doubles) -> None:
    """A logarithmic axis with the doses themselves written, as many as there is room for."""
    places = np.unique(doses)
    if places[0] <= 0:
        return
    axes.set_xscale("log")
    room = np.log10(places[-1] / places[0]) / 16
    written = [places[-1]]
    for place in places[-2::-1]:
        if np.log10(written[-1] / place) >= room:
            written.append(place)
    axes.set_xticks(written, [f"{place:g}" for place in written])
    axes.set_xticks([], minor=True)


def _frame(axes: Axes, untreated: Doubles, shown: Sequence[Way]) -> None:
    """Limits by all ways and by 98 of 100 untreated cells, with room for the words."""
    points = np.concatenate([np.zeros((1, 2)), *(way.plane for way in shown)])
    low = np.minimum(points.min(axis=0), np.quantile(untreated, 0.01, axis=0))
    high = np.maximum(points.max(axis=0), np.quantile(untreated, 0.99, axis=0))
    room = 0.08 * np.maximum(high - low, 1e-6)
    axes.set_xlim(low[0] - room[0], high[0] + 2.2 * room[0])
    axes.set_ylim(low[1] - room[1], high[1] + room[1])
