"""Pictures of cells: reconstructions beside originals, samples, contact sheets.

Every pixel of a crop becomes a square of the same whole number of pixels of the picture, so that
nothing is smoothed that the model did not smooth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from phenovae.figures.colours import Palette, bright, composite
from phenovae.figures.drawing import (
    INK,
    RASTER_DPI,
    in_house_style,
    name_text,
    new_figure,
)

Images = npt.NDArray[np.floating]

COLUMNS = 8
CONTACT_COLUMNS = 12

_ROW = 900  # pixels of the picture that a row of crops should be wide, about
_GAP, _GROUP_GAP = 6, 22
_LABELS = 160
_EDGE = 8
_LARGEST = 256

GAMMA = 0.75  # shows dim structures beside bright ones; captions say so


@dataclass(frozen=True)
class _Row:
    """Pictures (n, height, width, 3) side by side, with what stands before them."""

    pictures: npt.NDArray[np.float64]
    label: str
    opens: bool = False


@in_house_style
def reconstructions(
    originals: Images,
    decoded: Images,
    channels: Sequence[str],
    columns: int = COLUMNS,
    palette: Palette = "field",
) -> Figure:
    """Originals above what the model makes of them: all channels, then each by itself.

    Both (n, channel, height, width), shown with the same limits, set by the originals.
    """
    shown = min(columns, len(originals))
    originals, decoded = _small(originals[:shown]), _small(decoded[:shown])
    limits = bright(originals)
    rows: list[_Row] = []
    for label, selected in _selections(channels):
        names = [channels[number] for number in selected]
        for what, images in (("original", originals), ("decoded", decoded)):
            painted = composite(images[:, selected], names, limits[selected], GAMMA, palette)
            first = what == "original"
            rows.append(_Row(painted, f"{name_text(label, 16)}\n{what}", first and bool(rows)))
    return _sheet(rows, columns)


@in_house_style
def samples(
    images: Images, channels: Sequence[str], limits: Images | None = None, columns: int = COLUMNS
) -> Figure:
    """Images (n, channel, height, width) that the model makes from random latents, two rows."""
    painted = composite(_small(images[: 2 * columns]), channels, limits, GAMMA)
    return _sheet(_rows(painted, "sampled", columns), columns)


@in_house_style
def contact_sheet(
    crops: Images, channels: Sequence[str], reasons: Sequence[str], columns: int = CONTACT_COLUMNS
) -> Figure:
    """Crops (n, channel, height, width) by reason, each channel of each crop scaled by itself."""
    images = _small(crops)
    low = images.min(axis=(-2, -1), keepdims=True)
    span = np.maximum(np.ptp(images, axis=(-2, -1), keepdims=True), 1e-9)
    pictures = composite((images - low) / span, channels, np.ones(len(channels)))
    why = np.asarray(reasons, dtype=object)
    rows: list[_Row] = []
    for reason in sorted(set(reasons)):
        rows += _rows(pictures[why == reason], reason, columns, opens=bool(rows))
    return _sheet(rows, columns)


def _rows(
    pictures: npt.NDArray[np.float64], label: str, columns: int, *, opens: bool = False
) -> list[_Row]:
    return [
        _Row(
            pictures[at : at + columns], name_text(label, 16) if at == 0 else "", opens and at == 0
        )
        for at in range(0, len(pictures), columns)
    ]


def _selections(channels: Sequence[str]) -> list[tuple[str, list[int]]]:
    alone = [(name, [number]) for number, name in enumerate(channels)]
    if len(channels) == 1:
        return alone
    return [("together", list(range(len(channels)))), *alone]


def _small(images: Images) -> npt.NDArray[np.float64]:
    """Images no larger than a report bears: means of blocks where they are."""
    height, width = images.shape[-2:]
    block = -(-max(height, width) // _LARGEST)
    if block == 1:
        return images.astype(np.float64)
    height, width = height // block, width // block
    cut = images[..., : height * block, : width * block].astype(np.float64)
    means: npt.NDArray[np.float64] = cut.reshape(
        *images.shape[:2], height, block, width, block
    ).mean(axis=(3, 5))
    return means


def _sheet(rows: Sequence[_Row], columns: int) -> Figure:
    height, width = rows[0].pictures.shape[1:3]
    side = max(height, width)
    times = max(1, round(2 * _ROW / columns / side))
    across = max(len(row.pictures) for row in rows)
    tall = sum(height * times + (_GROUP_GAP if row.opens else _GAP) for row in rows) - _GAP
    wide = across * (width * times + _GAP) - _GAP
    sheet = np.ones((tall, wide, 3))
    middles, top = [], -_GAP
    for row in rows:
        top += _GROUP_GAP if row.opens else _GAP
        for number, picture in enumerate(row.pictures):
            left = number * (width * times + _GAP)
            enlarged = picture.repeat(times, axis=0).repeat(times, axis=1)
            sheet[top : top + height * times, left : left + width * times] = enlarged
        middles.append(top + height * times / 2)
        top += height * times
    return _framed(sheet, [row.label for row in rows], middles)


def _framed(
    sheet: npt.NDArray[np.float64], labels: Sequence[str], middles: Sequence[float]
) -> Figure:
    tall, wide = sheet.shape[:2]
    full_width, full_height = _LABELS + wide + _EDGE, tall + 2 * _EDGE
    figure = new_figure(full_width / RASTER_DPI, full_height / RASTER_DPI, arranged=False)
    axes = figure.add_axes(
        (_LABELS / full_width, _EDGE / full_height, wide / full_width, tall / full_height)
    )
    axes.imshow(sheet, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    for label, middle in zip(labels, middles, strict=True):
        figure.text(
            (_LABELS - 14) / full_width,
            1 - (_EDGE + middle) / full_height,
            label,
            ha="right",
            va="center",
            fontsize=9.5,
            color=INK,
            linespacing=1.3,
        )
    return figure
