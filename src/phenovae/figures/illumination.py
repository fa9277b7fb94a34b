"""How the light falls over the fields of a plate, and how even it is after correction."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from phenovae.figures.colours import channel_inks, in_order
from phenovae.figures.drawing import INK, SOFT, in_house_style, name_text, new_figure
from phenovae.images.illumination import Illumination

_COLUMNS = 4
_LEAST = 5.0
_STEPS = (1, 2, 5, 10, 20, 50)
_NAMED = 40


@in_house_style
def light_of_plate(lights: Mapping[str, Illumination], plate: str) -> Figure:
    """The light of each channel of a plate, in percent of its mean, all on one scale.

    Lines are of equal light. Above each map: how uneven the mean of fields is before and after
    correction, and how uneven the lie of the cells alone makes it.
    """
    columns = min(len(lights), _COLUMNS)
    rows = -(-len(lights) // columns)
    height, width = next(iter(lights.values())).shape
    across = 3.1
    figure = new_figure(across * columns + 0.9, rows * (across * height / width + 0.45) + 0.3)
    percent = {name: 100 * (light.field - 1.0) for name, light in lights.items()}
    reach = max(_LEAST, *(float(np.abs(field).max()) for field in percent.values()))
    step = next((step for step in _STEPS if reach / step <= 6), _STEPS[-1])
    panels = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
    for axes in panels[len(lights) :]:
        axes.set_axis_off()
    shown = None
    for axes, (name, light) in zip(panels, lights.items(), strict=False):
        shown = axes.imshow(
            percent[name],
            cmap="RdBu_r",
            vmin=-reach,
            vmax=reach,
            extent=(0, light.shape[1], light.shape[0], 0),
            interpolation="bilinear",
        )
        _lines(axes, light, percent[name], step, reach)
        axes.set_title(f"{name_text(name)}\n{_evenness(light)}", fontsize=8.5, linespacing=1.35)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
    if shown is not None:
        bar = figure.colorbar(shown, ax=panels.tolist(), shrink=0.85, pad=0.015)
        bar.set_label("light, from its mean [%]")
        bar.outline.set_visible(False)
    figure.suptitle(f"Light over a field, {name_text(plate, 48)}", x=0.01, ha="left", fontsize=10)
    return figure


def _lines(
    axes: Axes,
    light: Illumination,
    percent: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    step: int,
    reach: float,
) -> None:
    levels = np.arange(-math.floor(reach / step) * step, reach + step / 2, step)
    crossed = levels[(levels > percent.min()) & (levels < percent.max())]
    if not len(crossed) or min(percent.shape) < 2:
        return
    y, x = ((np.arange(count) + 0.5) * light.side for count in percent.shape)
    drawn = axes.contour(x, y, percent, levels=crossed, colors=INK, linewidths=0.6, linestyles="-")
    axes.clabel(drawn, fmt=lambda level: f"{level:+.0f} %" if level else "0", fontsize=7)


def _evenness(light: Illumination) -> str:
    if light.fallback:
        return name_text(f"taken as flat: {light.fallback}", 48)
    return (
        f"unevenness {light.flatness_before:.0%}, corrected {light.flatness_after:.0%} "
        f"(chance {light.flatness_chance:.0%})"
    )


@in_house_style
def light_of_screen(table: pd.DataFrame) -> Figure:
    """For every plate and channel, how uneven the mean of fields is, and what is left corrected.

    `table` is that of `images.illumination_files.illumination_table`. Open marks are before
    correction, filled ones after; the grey band is what the lie of the cells alone may make.
    """
    channels = list(dict.fromkeys(table["Channel"]))
    plates = in_order([str(plate) for plate in table["Metadata_Plate"]])
    place = {plate: number for number, plate in enumerate(plates)}
    wide = float(np.clip(1.6 + 0.16 * len(plates), 5.0, 10.0))
    figure = new_figure(wide, 1.45 * len(channels) + 1.5)
    panels = figure.subplots(len(channels), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, channel, ink in zip(panels, channels, channel_inks(channels), strict=True):
        rows = table[table["Channel"] == channel]
        at = rows["Metadata_Plate"].map(place).to_numpy()
        told = (rows["Light_Fallback"] == "").to_numpy()
        before, after, chance = (
            100 * rows[f"Light_Flatness{when}"].to_numpy(float)
            for when in ("Before", "After", "Chance")
        )
        axes.bar(at[told], chance[told], width=0.9, color="#ececec", zorder=0)
        axes.vlines(at[told], after[told], before[told], color=ink, linewidth=0.8, alpha=0.6)
        axes.plot(at[told], before[told], "o", mfc="white", mec=ink, markersize=4.5)
        axes.plot(at[told], after[told], "o", color=ink, markersize=4.5)
        if not told.all():  # a line of no points, not clipped, lies at 0, 0 of the picture
            axes.plot(at[~told], 0 * at[~told], "x", color=SOFT, markersize=6, clip_on=False)
        axes.set_title(name_text(channel))
        axes.grid(axis="y")
    # once for all: a limit that is set stops the shared axis from growing with the channels to come
    panels[0].set_ylim(bottom=0)
    panels[-1].set_xlim(-0.7, len(plates) - 0.3)
    _name_plates(panels[-1], plates)
    panels[0].set_ylim(top=1.08 * panels[0].get_ylim()[1])
    figure.supylabel("unevenness of the mean [%]", fontsize=9)
    _explain(figure, flat=bool((table["Light_Fallback"] != "").any()))
    return figure


def _name_plates(axes: Axes, plates: list[str]) -> None:
    """Names under the plates, as many as there is room for."""
    every = -(-len(plates) // _NAMED)
    shown = range(0, len(plates), every)
    axes.set_xticks(
        shown,
        [name_text(plates[number], 20) for number in shown],
        rotation=60,
        ha="right",
        rotation_mode="anchor",
        fontsize=8,
    )


def _explain(figure: Figure, *, flat: bool) -> None:
    words = "○ before correction   ● after   grey: by chance alone"
    if flat:
        words += "   × taken as flat"
    figure.suptitle(words, x=0.99, ha="right", fontsize=8.5, color=SOFT)
