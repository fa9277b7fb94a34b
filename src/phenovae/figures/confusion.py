"""Which mechanism was taken for which."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from phenovae.figures.drawing import axes_of, new_figure


def confusion_matrix(counts: pd.DataFrame) -> Figure:
    """Treatments by their mechanism (rows) and their nearest neighbour's (columns)."""
    names = [str(name) for name in counts.index]
    values = counts.to_numpy(dtype=float)
    shares = values / np.maximum(values.sum(axis=1, keepdims=True), 1)
    side = 2.4 + 0.3 * len(names)
    figure = new_figure(side + 0.6, side)
    axes = axes_of(figure)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(values), strict=True):
        axes.text(
            column,
            row,
            f"{values[row, column]:g}",
            ha="center",
            va="center",
            fontsize=7.5,
            color="white" if shares[row, column] > 0.55 else "#222222",
        )
    axes.set_xticks(range(len(names)), names, rotation=55, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0, labelsize=8)
    axes.set_xlabel("mechanism of the nearest neighbour")
    axes.set_ylabel("mechanism of the treatment")
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color("#cccccc")
    return figure
