"""Sheets of small pictures in rows, with words beside, above and below them.

As in `crops`, every pixel of a crop becomes a square of the same whole number of pixels of the
picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from phenovae.figures.colours import Palette, composite
from phenovae.figures.drawing import INK, RASTER_DPI, SOFT, name_text, new_figure

Images = npt.NDArray[np.floating]
Pictures = npt.NDArray[np.float64]

GAMMA = 0.75
_WIDE = 1700
_GAP, _GROUP_GAP = 6, 24
_EDGE = 10
_HEADING, _BELOW = 26, 23
# The width of a letter, on average and with room to spare, as a share of its size.
_LETTER_SHARE = 0.6
_LARGEST = 256
_SMALLEST = 56
_LARGE = 200


@dataclass(frozen=True)
class Row:
    """Pictures (n, height, width, 3) in [0, 1] side by side.

    `label` stands before them and `below` has words under each; `frames` are colours around them,
    none where empty; a row that `opens` a group stands a little apart; `headings` stand above its
    pictures. A picture of NaN is left blank.
    """

    pictures: Pictures
    label: str = ""
    below: Sequence[str] = ()
    frames: Sequence[str] = ()
    opens: bool = False
    headings: Sequence[str] = ()


def painted(
    images: Images,
    channels: Sequence[str],
    limits: Images,
    palette: Palette,
    selected: Sequence[int] | None = None,
) -> Pictures:
    """Images (n, channel, height, width) as pictures in the colours of some channels, or of all."""
    some = list(range(len(channels))) if selected is None else list(selected)
    small = shrunk(images)
    names = [channels[number] for number in some]
    return composite(small[:, some], names, np.asarray(limits)[some], GAMMA, palette)


def shrunk(images: Images) -> Pictures:
    """Images no larger than a picture of many bears: means of blocks where they are."""
    height, width = images.shape[-2:]
    block = -(-max(height, width) // _LARGEST)
    plain = images.astype(np.float64)
    if block == 1:
        return plain
    height, width = height // block, width // block
    cut = plain[..., : height * block, : width * block]
    means: Pictures = cut.reshape(*images.shape[:-2], height, block, width, block).mean(
        axis=(-3, -1)
    )
    return means


def sheet(rows: Sequence[Row], key: str = "") -> Figure:
    """Rows of pictures of one size as a figure; `key` is a line of words at the foot."""
    height, width = rows[0].pictures.shape[1:3]
    across = max(len(row.pictures) for row in rows)
    side = max(height, width)
    times = max(1, round(_WIDE / across / side), -(-_SMALLEST // side))
    times = min(times, max(1, _LARGE // side))
    labels = _label_room([row.label for row in rows])
    wide = across * (width * times + _GAP) - _GAP
    tops, top = [], _EDGE
    for number, row in enumerate(rows):
        top += (_GROUP_GAP if row.opens else _GAP) if number else 0
        top += _HEADING * lines + 8 if (lines := _lines(row.headings)) else 0
        tops.append(top)
        top += height * times + (_BELOW * lines + 12 if (lines := _lines(row.below)) else 0)
    full = labels + wide + _EDGE, top + _EDGE + (40 if key else 0)
    figure = new_figure(full[0] / RASTER_DPI, full[1] / RASTER_DPI, arranged=False)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    # The whole figure is one axes of its own pixels, from the upper left corner.
    axes.set_xlim(0, full[0])
    axes.set_ylim(full[1], 0)
    canvas = np.ones((full[1], full[0], 3))
    for row, place in zip(rows, tops, strict=True):
        for number, picture in enumerate(row.pictures):
            left = labels + number * (width * times + _GAP)
            if np.isnan(picture).any():
                continue
            large = picture.repeat(times, axis=0).repeat(times, axis=1)
            canvas[place : place + height * times, left : left + width * times] = large
    axes.imshow(canvas, extent=(0, full[0], full[1], 0), interpolation="nearest", aspect="auto")
    for row, place in zip(rows, tops, strict=True):
        middle = place + height * times / 2
        axes.text(
            labels - 14, middle, row.label,
            ha="right", va="center", fontsize=9, color=INK, linespacing=1.3,
        )  # fmt: skip
        for number in range(len(row.pictures)):
            left = labels + number * (width * times + _GAP)
            center = left + width * times / 2
            if number < len(row.headings):
                axes.text(
                    center, place - 8, _fitting(row.headings[number], width * times, 7.5),
                    ha="center", va="bottom", fontsize=7.5, color=INK, linespacing=1.2,
                )  # fmt: skip
            if number < len(row.below):
                words = _fitting(row.below[number], width * times, 6.5)
                axes.text(
                    center, place + height * times + 5, words,
                    ha="center", va="top", fontsize=6.5, color=SOFT, linespacing=1.15,
                )  # fmt: skip
            if number < len(row.frames) and row.frames[number]:
                axes.add_patch(
                    Rectangle(
                        (left, place), width * times, height * times,
                        fill=False, edgecolor=row.frames[number], linewidth=2.2,
                    )
                )  # fmt: skip
    if key:
        axes.text(labels, full[1] - _EDGE, key, ha="left", va="bottom", fontsize=8, color=SOFT)
    return figure


def _fitting(text: str, wide: int, size: float) -> str:
    """Words cut line by line so that they stay within so many pixels of the picture."""
    letters = max(4, int(wide / (size * _LETTER_SHARE * RASTER_DPI / 72)))
    return "\n".join(name_text(line, letters) for line in text.split("\n"))


def _lines(texts: Sequence[str]) -> int:
    return max((text.count("\n") + 1 for text in texts if text), default=0)


def _label_room(labels: Sequence[str]) -> int:
    longest = max(len(line) for label in labels for line in label.split("\n"))
    return int(longest * 9 * _LETTER_SHARE * RASTER_DPI / 72) + 26 if longest else _EDGE
