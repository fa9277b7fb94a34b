"""Pictures of cells: reconstructions beside originals, samples, contact sheets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from phenovae.figures.colours import FIELD, RGB, bright, channel_colours, composite
from phenovae.figures.drawing import INK, axes_of, new_figure

Images = npt.NDArray[np.floating]

_GAP = 2
_PIXELS_PER_INCH = 90.0


def montage(pictures: Images, columns: int) -> npt.NDArray[np.float64]:
    """Pictures (n, height, width, 3) on white, `columns` a row."""
    count, height, width = pictures.shape[:3]
    rows = -(-count // columns)
    sheet = np.ones((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3))
    for number, picture in enumerate(pictures):
        top = number // columns * (height + _GAP)
        left = number % columns * (width + _GAP)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def reconstructions(
    originals: Images,
    decoded: Images,
    channels: Sequence[str],
    palette: dict[str, RGB] = FIELD,
    columns: int = 12,
) -> Figure:
    """Originals above what the model makes of them: all channels, then each by itself.

    Both (n, channel, height, width), shown with the same limits, set by the originals.
    """
    shown = min(columns, len(originals))
    originals, decoded = originals[:shown].astype(float), decoded[:shown].astype(float)
    limits = bright(originals)
    rows, labels = [], []
    for label, selected in _selections(channels):
        names = [channels[number] for number in selected]
        for what, images in (("original", originals), ("decoded", decoded)):
            rows.append(composite(images[:, selected], names, limits[selected], palette))
            labels.append(f"{label}\n{what}")
    sheet = montage(np.concatenate(rows), shown)
    return _sheet(sheet, labels, originals.shape[-2])


def samples(
    images: Images,
    channels: Sequence[str],
    limits: npt.NDArray[np.floating] | None = None,
    palette: dict[str, RGB] = FIELD,
    columns: int = 12,
) -> Figure:
    """Images that the model makes from random latents."""
    shown = images[: columns * 1].astype(float)
    sheet = montage(composite(shown, channels, limits, palette), len(shown))
    return _sheet(sheet, ["sampled"], images.shape[-2])


def contact_sheet(
    crops: Images, channels: Sequence[str], palette: dict[str, RGB] = FIELD, columns: int = 12
) -> Figure:
    """Crops (n, channel, height, width), each channel of each crop scaled by itself."""
    images = crops.astype(float)
    low = images.min(axis=(-2, -1), keepdims=True)
    span = np.maximum(np.ptp(images, axis=(-2, -1), keepdims=True), 1e-9)
    pictures = composite((images - low) / span, channels, np.ones(len(channels)), palette)
    return _sheet(montage(pictures, min(columns, len(pictures))), [], crops.shape[-2])


def _selections(channels: Sequence[str]) -> list[tuple[str, list[int]]]:
    alone = [(name, [number]) for number, name in enumerate(channels)]
    if len(channels) == 1:
        return alone
    return [("all", list(range(len(channels)))), *alone]


def _sheet(sheet: npt.NDArray[np.float64], labels: list[str], height: int) -> Figure:
    tall, wide = sheet.shape[:2]
    margin = 0.9 if labels else 0.1
    figure = new_figure(wide / _PIXELS_PER_INCH + margin, tall / _PIXELS_PER_INCH + 0.1)
    axes = axes_of(figure)
    axes.imshow(sheet, interpolation="nearest", aspect="equal")
    axes.set_xticks([])
    axes.set_yticks(
        [number * (height + _GAP) + height / 2 for number in range(len(labels))], labels, fontsize=8
    )
    axes.tick_params(length=0, colors=INK)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def channel_key(channels: Sequence[str], palette: dict[str, RGB] = FIELD) -> list[tuple[str, str]]:
    """Names of channels with their colours as CSS, for a caption."""
    return [
        (name, "#" + "".join(f"{round(255 * part):02x}" for part in colour))
        for name, colour in zip(channels, channel_colours(channels, palette), strict=True)
    ]
