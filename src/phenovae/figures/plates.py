"""Plate maps: a measure of every well, where the well lies on its plate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from phenovae.figures.drawing import INK, SOFT, in_house_style, name_text, new_figure
from phenovae.figures.maps import finish_bar, scale_of
from phenovae.screen.wells import row_and_column, well_name

FORMATS = ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))
"""Rows and columns of plates of 6, 12, 24, 48, 96, 384 and 1,536 wells."""

_COLOURS = "viridis"
_EMPTY = "#ececec"
_ACROSS = 3
_LARGE = 96


@dataclass(frozen=True)
class Plate:
    """A plate: its name; by well (`A01`) a value, NaN where there is none, and whether a control.

    Wells that are not named hold nothing.
    """

    name: str
    wells: tuple[str, ...]
    values: npt.NDArray[np.float64]
    controls: npt.NDArray[np.bool_]


def plate_format(wells: Sequence[str]) -> tuple[int, int]:
    """Rows and columns of the smallest usual plate that has all of these wells.

    Raises InputError where a name is none of a well.
    """
    places = [row_and_column(well) for well in wells] or [(0, 0)]
    rows, columns = (1 + max(each) for each in zip(*places, strict=True))
    return next((tall, wide) for tall, wide in FORMATS if tall >= rows and wide >= columns)


@in_house_style
def plate_maps(
    plates: Sequence[Plate],
    label: str,
    *,
    limits: npt.NDArray[np.float64] | None = None,
    shape: tuple[int, int] | None = None,
    logarithmic: bool = False,
) -> Figure:
    """Plates side by side, one bar of colours for all; `label` names the measure and its unit.

    Wells without a value are crossed, wells that hold nothing are empty, negative controls have a
    ring. The colours span the middle 98 % of `limits`, by default of the values shown. `shape` is
    rows and columns of the plates, by default of the smallest usual ones.
    """
    rows, columns = shape or plate_format([well for plate in plates for well in plate.wells])
    across = min(_ACROSS, len(plates)) if rows * columns <= _LARGE else min(2, len(plates))
    down = -(-len(plates) // across)
    pitch = 0.27 if rows * columns <= _LARGE else 0.16 if rows <= 16 else 0.1
    wide, tall = max(columns * pitch, 1.6), rows * pitch
    figure = new_figure(0.9 + across * (wide + 0.35) + 0.8, 0.5 + down * (tall + 0.55) + 0.35)
    panels = figure.subplots(down, across, squeeze=False)
    found = np.concatenate([plate.values for plate in plates]) if limits is None else limits
    finite = found[np.isfinite(found) & ((found > 0) | (not logarithmic))]
    norm, extend = scale_of(
        finite if len(finite) else np.array([1.0, 2.0]), logarithmic=logarithmic
    )
    colours = ScalarMappable(norm, _COLOURS)
    for number, axes in enumerate(panels.flat):
        if number < len(plates):
            _draw(axes, plates[number], (rows, columns), colours)
        else:
            axes.set_axis_off()
    if len(finite):
        bar = figure.colorbar(
            colours, ax=panels, extend=extend, extendfrac=0.02, aspect=30, pad=0.015
        )
        finish_bar(bar, label)
    notes = ["○ negative control"] if any(plate.controls.any() for plate in plates) else []
    if any(not np.isfinite(plate.values).all() for plate in plates):
        notes.append("× no value")
    figure.supxlabel(
        "\n".join(["column of the plate", "   ".join([*notes, "grey: no cells here"])]),
        fontsize=8.5,
        color=SOFT,
    )
    figure.supylabel("row of the plate", fontsize=8.5, color=SOFT)
    return figure


def _draw(axes: Axes, plate: Plate, shape: tuple[int, int], colours: ScalarMappable) -> None:
    rows, columns = shape
    picture = np.empty((rows, columns, 4))
    picture[:] = (*_rgb(_EMPTY), 1.0)
    here = [row_and_column(well) for well in plate.wells]
    painted = colours.to_rgba(np.ma.masked_invalid(plate.values))
    rings: list[tuple[int, int]] = []
    crosses: list[tuple[int, int]] = []
    for place, colour, value, control in zip(
        here, painted, plate.values, plate.controls, strict=True
    ):
        picture[place] = colour if np.isfinite(value) else (1.0, 1.0, 1.0, 1.0)
        if not np.isfinite(value):
            crosses.append(place)
        if control:
            rings.append(place)
    axes.imshow(picture, interpolation="nearest", aspect="equal")
    size = 26.0 if rows * columns <= _LARGE else 9.0 if rows <= 16 else 3.0
    for places, marker, colour in ((crosses, "x", SOFT), (rings, "o", "white")):
        if places:
            y, x = np.array(places).T
            if marker == "o":
                axes.scatter(x, y, s=size, facecolors="none", edgecolors=INK, linewidths=1.6)
                axes.scatter(x, y, s=size, facecolors="none", edgecolors=colour, linewidths=0.8)
            else:
                axes.scatter(x, y, s=size, marker=marker, color=colour, linewidths=0.9)
    axes.set_title(name_text(plate.name, 26), fontsize=8.5)
    axes.tick_params(length=0, labelsize=6.5, pad=1.5)
    step = 1 if columns <= 12 else 2 if columns <= 24 else 4
    shown = range(0, columns, step)
    axes.set_xticks(list(shown), [str(column + 1) for column in shown])
    step = 1 if rows <= 8 else 2 if rows <= 16 else 4
    lines = range(0, rows, step)
    axes.set_yticks(list(lines), [well_name(row, 0)[:-2] for row in lines])
    axes.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=0.8 if rows * columns <= _LARGE else 0.4)
    axes.tick_params(which="minor", length=0)
    axes.set_axisbelow(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue
