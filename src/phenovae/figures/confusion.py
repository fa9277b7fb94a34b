"""Which mechanism was taken for which."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from phenovae.figures.drawing import INK, in_house_style, name_text, new_figure

_DARK = 0.55


@in_house_style
def confusion_matrix(counts: pd.DataFrame) -> Figure:
    """Treatments by their mechanism (rows) and their nearest neighbour's (columns).

    Numbers are treatments, shades the shares of a row; squares of right neighbours are framed.
    """
    names = [name_text(str(name)) for name in counts.index]
    values = counts.to_numpy(dtype=float)
    shares = values / np.maximum(values.sum(axis=1, keepdims=True), 1)
    side = 2.6 + 0.36 * len(names)
    figure = new_figure(side + 0.6, side)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(values), strict=True):
        axes.text(
            column,
            row,
            f"{values[row, column]:g}",
            ha="center",
            va="center",
            fontsize=9,
            color="white" if shares[row, column] > _DARK else INK,
        )
    for place in range(len(names)):
        axes.add_patch(_frame(place))
    axes.set_xticks(range(len(names)), names, rotation=50, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0, labelsize=8.5)
    axes.set_xlabel("mechanism of its nearest neighbour")
    axes.set_ylabel("mechanism of the treatment")
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color("#cccccc")
    return figure


def _frame(place: int) -> Rectangle:
    return Rectangle(
        (place - 0.5, place - 0.5), 1, 1, fill=False, edgecolor=INK, linewidth=0.8, clip_on=False
    )
