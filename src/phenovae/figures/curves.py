"""How training went."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from phenovae.figures.colours import channel_inks
from phenovae.figures.drawing import (
    ACCENT,
    FAINT,
    SECOND,
    SOFT,
    in_house_style,
    name_text,
    new_figure,
)

# A column of the history that begins like the σ of a channel and is none.
_BOUND = "sigma_at_bound"
_SIGMA = "sigma_"
_DASHES = ("-", "--", "-.", ":")
_SIDES = (("train", "training", ACCENT, "-"), ("validation", "validation", SECOND, "--"))
# Epochs whose values lie this many times the range of the later half below it are cut off.
_REACH = 1.5


@in_house_style
def training_curves(history: pd.DataFrame, kept_epoch: int | None = None) -> Figure:
    """ELBO, KL and σ by epoch: training, and validation where there is one.

    `history` has epoch, and of train_elbo, validation_elbo, train_kl, validation_kl and
    sigma_<channel> those that were recorded. The ELBO's axis shows the later epochs; where the
    first ones lie far below, a note says so.
    """
    figure = new_figure(9.4, 3.0)
    panels = figure.subplots(1, 3)
    for axes, term, title in (
        (panels[0], "elbo", "ELBO, more is better [nats a cell]"),
        (panels[1], "kl", "KL [nats a cell]"),
    ):
        _sides(axes, history, term)
        axes.set_title(title)
    _cut_off_start(panels[0], history)
    panels[0].yaxis.set_major_formatter(FuncFormatter(_thousands))
    _sigmas(panels[2], history)
    for axes in panels:
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(
            MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
        )
        axes.grid(axis="y")
        if kept_epoch is not None:
            axes.axvline(kept_epoch, color=FAINT, linewidth=1.0, linestyle=":", zorder=0.5)
    handles, labels = panels[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower left", ncols=2, fontsize=8.5)
    handles, labels = panels[2].get_legend_handles_labels()
    if handles:
        key = figure.legend(
            handles,
            ["σ"] * len(labels),
            loc="outside lower right",
            ncols=min(4, len(labels)),
            fontsize=8.5,
        )
        # matplotlib drops entries whose label begins with an underscore; channels may.
        for text, column in zip(key.get_texts(), _sigma_columns(history), strict=True):
            text.set_text(f"σ {name_text(column.removeprefix(_SIGMA), 14)}")
    return figure


def _thousands(value: float, _: int | None = None) -> str:
    return f"{value:,.0f}".replace("-", "−")


def _sides(axes: Axes, history: pd.DataFrame, term: str) -> None:
    drawn = False
    for side, label, colour, dash in _SIDES:
        column = f"{side}_{term}"
        if column in history:
            drawn = True
            axes.plot(
                history["epoch"],
                history[column],
                color=colour,
                linestyle=dash,
                label=label,
                linewidth=1.7,
                marker="o" if len(history) == 1 else "",
            )
    if not drawn:
        _say(axes, "not recorded")


def _cut_off_start(axes: Axes, history: pd.DataFrame) -> None:
    columns = [f"{side}_elbo" for side, *_ in _SIDES if f"{side}_elbo" in history]
    if len(history) < 6 or not columns:
        return
    values: npt.NDArray[np.float64] = history[columns].to_numpy(dtype=float)
    late = values[len(values) // 2 :]
    if not np.isfinite(values).all():
        return
    low, high = float(late.min()), float(values.max())
    floor = low - _REACH * max(high - low, 1e-6)
    if values.min() < floor:
        axes.set_ylim(floor, high + 0.05 * (high - floor))
        lowest = f"{values.min():,.0f}".replace("-", "−")
        axes.text(
            0.97,
            0.04,
            f"starts at {lowest},\nbelow this axis",
            transform=axes.transAxes,
            color=SOFT,
            fontsize=8,
            ha="right",
            va="bottom",
        )


def _sigma_columns(history: pd.DataFrame) -> list[str]:
    return [
        str(name)
        for name in history.columns
        if str(name).startswith(_SIGMA) and str(name) != _BOUND
    ]


def _sigmas(axes: Axes, history: pd.DataFrame) -> None:
    axes.set_title("σ of a pixel [share of the range]")
    names = _sigma_columns(history)
    inks = channel_inks([name.removeprefix(_SIGMA) for name in names])
    for number, (name, ink) in enumerate(zip(names, inks, strict=True)):
        axes.plot(
            history["epoch"],
            history[name],
            color=ink,
            linestyle=_DASHES[number % len(_DASHES)],
            label=f"σ {number}",
            linewidth=1.7,
            marker="o" if len(history) == 1 else "",
        )
    if names:
        axes.set_ylim(bottom=0)
    else:
        _say(axes, "not recorded")


def _say(axes: Axes, text: str) -> None:
    axes.set_yticks([])
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=SOFT)
