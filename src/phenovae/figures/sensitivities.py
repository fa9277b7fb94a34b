"""Where in the picture a latent dimension is at work, and what of the picture moves it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from phenovae.figures.drawing import in_house_style, name_text, new_figure
from phenovae.figures.sheets import shrunk

Floats = npt.NDArray[np.floating]

_MAP = "magma"
_TILE = 0.78


@in_house_style
def sensitivities(
    groups: Sequence[tuple[str, str, Floats]], labels: Sequence[str], channels: Sequence[str]
) -> Figure:
    """Heat maps by latent dimension and channel, in groups side by side, each with its own scale.

    A group has a title, a unit and values (dimension, channel, height, width), none below 0.
    """
    down, across = len(labels), len(channels)
    left, gap, head, foot = 1.35, 0.24, 0.5, 0.72
    wide = left + len(groups) * (across * _TILE + gap)
    tall = head + down * _TILE + foot
    figure = new_figure(wide, tall, arranged=False)
    for number, (title, unit, values) in enumerate(groups):
        maps = shrunk(values)
        top = max(float(np.quantile(maps, 0.998)), 1e-12)
        start = left + number * (across * _TILE + gap)
        for row in range(down):
            for column in range(across):
                axes = figure.add_axes(
                    (
                        (start + column * _TILE) / wide,
                        1 - (head + (row + 1) * _TILE) / tall,
                        0.96 * _TILE / wide,
                        0.96 * _TILE / tall,
                    )
                )
                image = axes.imshow(
                    maps[row, column], cmap=_MAP, vmin=0, vmax=top, interpolation="nearest"
                )
                axes.set_axis_off()
                if row == 0:
                    axes.set_title(name_text(channels[column], 9), fontsize=8, loc="center", pad=3)
        figure.text(start / wide, 1 - 0.12 / tall, title, fontsize=9, va="top")
        bar = figure.add_axes((start / wide, 0.44 / tall, across * _TILE * 0.96 / wide, 0.1 / tall))
        figure.colorbar(image, cax=bar, orientation="horizontal", extend="max")
        bar.tick_params(labelsize=7)
        bar.locator_params(nbins=4)
        bar.set_xlabel(unit, fontsize=7.5, labelpad=2)
    for row, label in enumerate(labels):
        figure.text(
            (left - 0.1) / wide, 1 - (head + (row + 0.5) * _TILE) / tall, label,
            ha="right", va="center", fontsize=8.5,
        )  # fmt: skip
    return figure


@in_house_style
def by_channel(values: Floats, labels: Sequence[str], channels: Sequence[str]) -> Figure:
    """How much each latent dimension moves each channel (dimension, channel), written out.

    Root mean squared change of a pixel [share of the view's range for a standard deviation].
    """
    figure = new_figure(1.9 + 1.0 * len(channels), 1.2 + 0.3 * len(labels))
    axes = figure.subplots()
    top = max(float(values.max()), 1e-12)
    image = axes.imshow(100 * values, cmap=_MAP, vmin=0, vmax=100 * top, aspect="auto")
    for row, column in np.ndindex(*values.shape):
        share = values[row, column] / top
        axes.text(
            column, row, f"{100 * values[row, column]:.2f}",
            ha="center", va="center", fontsize=8, color="white" if share < 0.6 else "black",
        )  # fmt: skip
    axes.set_xticks(range(len(channels)), [name_text(name, 12) for name in channels])
    axes.set_yticks(range(len(labels)), [label.replace("\n", ", ") for label in labels])
    axes.set_ylabel("latent dimension")
    axes.tick_params(length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    figure.colorbar(image, label="RMS change of pixels\n[% of range for one SD]")
    return figure
