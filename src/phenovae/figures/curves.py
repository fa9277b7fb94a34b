"""How training went."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from phenovae.figures.drawing import ACCENT, FAINT, SECOND, axes_of, new_figure


def training_curves(history: pd.DataFrame, kept_epoch: int | None = None) -> Figure:
    """ELBO, KL and σ by epoch: training, and validation where there is one.

    `history` has epoch, and of train_elbo, validation_elbo, train_kl, validation_kl and sigma_*
    those that were recorded.
    """
    figure = new_figure(9.2, 2.7)
    epochs = history["epoch"]
    panels = (
        ("elbo", "ELBO [nats a cell]"),
        ("kl", "KL [nats a cell]"),
    )
    for number, (term, label) in enumerate(panels, start=1):
        axes = axes_of(figure, 1, 3, number)
        for side, colour in (("train", ACCENT), ("validation", SECOND)):
            column = f"{side}_{term}"
            if column in history:
                axes.plot(epochs, history[column], color=colour, label=side, linewidth=1.6)
        if kept_epoch is not None:
            axes.axvline(kept_epoch, color=FAINT, linewidth=0.8, linestyle=":")
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        if term == "elbo":
            axes.legend(loc="lower right", fontsize=8)
    axes = axes_of(figure, 1, 3, 3)
    sigmas = [name for name in history.columns if str(name).startswith("sigma_")]
    for number, name in enumerate(sigmas):
        style = ("-", "--", ":", "-.")[number % 4]
        label = str(name).removeprefix("sigma_")
        axes.plot(epochs, history[name], color=ACCENT, linestyle=style, label=label, linewidth=1.6)
    axes.set_xlabel("epoch")
    axes.set_ylabel("σ of a pixel [share of the view's range]")
    axes.set_ylim(bottom=0)
    if sigmas:
        axes.legend(loc="upper right", fontsize=8)
    return figure
