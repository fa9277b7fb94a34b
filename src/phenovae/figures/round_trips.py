"""How well a latent survives being decoded and encoded again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from phenovae.figures.drawing import ACCENT, FAINT, SECOND, in_house_style, new_figure

Doubles = npt.NDArray[np.float64]


@in_house_style
def round_trips(
    kept: Sequence[tuple[str, Doubles]], distances: Sequence[tuple[str, Doubles]]
) -> Figure:
    """What comes back of each dimension, and how far from where they were points come back.

    `kept` has shares of variance by dimension, from the most used, each of a name; `distances` have
    one for every point, the last those of two different cells.
    """
    figure = new_figure(9.4, 3.5)
    left, right = figure.subplots(1, 2)
    looks = ((ACCENT, "o"), (SECOND, "^"))
    lowest = 0.0
    for (name, shares), (colour, shape) in zip(kept, looks, strict=False):
        places = np.arange(len(shares)) + 1
        shown = np.clip(shares, -1, 1)
        lowest = min(lowest, float(np.nanmin(shown, initial=0.0)))
        left.plot(places, shown, shape, color=colour, markersize=3.6, label=name, alpha=0.85)
    left.axhline(1, color=FAINT, linewidth=0.8)
    left.axhline(0, color=FAINT, linewidth=0.8)
    left.set_ylim(-1.08 if lowest < -0.3 else -0.35, 1.08)
    left.set_xlabel("latent dimension, from the most used")
    left.set_ylabel("share of variance that comes back")
    left.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    left.grid(axis="y")
    if lowest <= -1:
        left.set_title("shares below −1 are drawn at −1", fontsize=8.5)
    top = max(float(np.quantile(each, 0.995)) for _, each in distances if len(each)) * 1.05
    edges = np.linspace(0, max(top, 1e-6), 41)
    styles = ((ACCENT, "-"), (SECOND, "--"), (FAINT, ":"))
    for (name, values), (colour, dash) in zip(distances, styles, strict=False):
        counts, _ = np.histogram(np.minimum(values, edges[-1]), edges)
        right.stairs(
            counts / max(len(values), 1), edges, color=colour, linestyle=dash, linewidth=1.8,
            label=f"{name} ({len(values):,})",
        )  # fmt: skip
    right.set_xlabel("RMS distance [standard deviations over cells]")
    right.set_ylabel("share of points")
    right.set_ylim(bottom=0)
    right.set_xlim(0, edges[-1])
    keys: tuple[tuple[Axes, Literal["outside lower left", "outside lower right"]], ...] = (
        (left, "outside lower left"),
        (right, "outside lower right"),
    )
    for axes, place in keys:
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc=place, fontsize=8.5)
    return figure
