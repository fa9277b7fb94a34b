"""How much each latent dimension carries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from phenovae.figures.drawing import ACCENT, in_house_style, new_figure

_IDLE = "#b9bec6"


@in_house_style
def latent_usage(kl: Sequence[float], active: Sequence[bool]) -> Figure:
    """KL of every latent dimension, largest first, the active ones in colour [nats a cell].

    `kl` and `active` have one entry a dimension.
    """
    values = np.asarray(kl, dtype=float)
    order = np.argsort(-values, kind="stable")
    values, used = values[order], np.asarray(active, dtype=bool)[order]
    figure = new_figure(7.4, 2.7)
    axes = figure.subplots()
    _bars(axes, values, used, 0.1)
    axes.set_xlabel("latent dimension, by its KL")
    axes.set_ylabel("KL [nats a cell]")
    _count_active(figure, used)
    return figure


@in_house_style
def usage_and_variance(
    kl: npt.NDArray[np.float64] | None,
    variance: npt.NDArray[np.float64],
    active: npt.NDArray[np.bool_],
    cells: int,
) -> Figure:
    """KL of every dimension [nats a cell], where there is one, and the variance of its means.

    All have one entry a dimension, in the order in which they are drawn; `cells` were measured.
    """
    figure = new_figure(7.4, 4.4 if kl is not None else 2.7)
    panels = figure.subplots(2 if kl is not None else 1, 1, sharex=True, squeeze=False)[:, 0]
    if kl is not None:
        _bars(panels[0], kl, active)
        panels[0].set_ylabel("KL [nats a cell]")
    _bars(panels[-1], variance, active)
    panels[-1].set_ylabel("variance of means")
    panels[-1].set_xlabel("latent dimension, from the most used")
    panels[0].set_title(f"{cells:,} cells")
    _count_active(figure, active)
    return figure


def _count_active(figure: Figure, active: npt.NDArray[np.bool_]) -> None:
    figure.legend(
        handles=[
            Patch(color=colour, label=f"{int(kind.sum())} {what}")
            for kind, colour, what in ((active, ACCENT, "active"), (~active, _IDLE, "idle"))
            if kind.any()
        ],
        loc="outside right upper",
        fontsize=8.5,
    )


def _bars(
    axes: Axes,
    values: npt.NDArray[np.float64],
    active: npt.NDArray[np.bool_],
    lowest_top: float = 0.01,
) -> None:
    edges = np.arange(len(values) + 1) + 0.5
    for kind, colour in ((active, ACCENT), (~active, _IDLE)):
        axes.stairs(np.where(kind, values, 0.0), edges, fill=True, color=colour, linewidth=0)
    axes.set_xlim(0.5, len(values) + 0.5)
    axes.set_ylim(0, max(float(values.max()) * 1.08, lowest_top))
    axes.xaxis.set_major_locator(
        MaxNLocator(nbins=9, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    )
    axes.grid(axis="y")
