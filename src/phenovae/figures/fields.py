"""Contact sheets of whole fields, such as those that quality control threw out."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from phenovae.figures.colours import composite
from phenovae.figures.crops import GAMMA
from phenovae.figures.drawing import INK, SOFT, in_house_style, name_text, new_figure
from phenovae.images.smoothing import Pixels, block_side, block_sums

SIDE = 256
COLUMNS = 4
MOST = 40

_LOW, _HIGH = 1.0, 99.7
_LINES = 4
_LETTERS = 46

# inches
_WIDE = 2.6
_GAP = 0.16
_TITLE = 0.24
_LINE = 0.135
_BELOW = 0.05


@dataclass(frozen=True)
class FieldPicture:
    """One field for a contact sheet: `title`, `reason`, and what it looks like.

    `image` (channel, height, width) float32 in [0, 1]: a channel that is missing is black.
    """

    title: str
    reason: str
    image: npt.NDArray[np.float32]


def field_picture(
    title: str,
    reason: str,
    images: Mapping[str, Pixels],
    channels: Sequence[str],
    limits: Mapping[str, tuple[float, float]] | None = None,
    side: int = SIDE,
) -> FieldPicture:
    """Reduce a field to a picture of at most `side` blocks, so that a sheet can wait for many.

    `images` (height, width) by channel, of one size; channels that are missing may lack. `limits`
    are the levels shown black and full [grey levels], such as those of good fields of the plate;
    without them each channel of the field is scaled by itself. Raises ValueError without an image.
    """
    shapes = [image.shape for image in images.values()]
    if not shapes:
        raise ValueError("a field without an image has no picture")
    block = block_side((shapes[0][0], shapes[0][1]), side)
    shape = (shapes[0][0] // block, shapes[0][1] // block)
    planes = np.zeros((len(channels), *shape), dtype=np.float32)
    for number, channel in enumerate(channels):
        if channel not in images:
            continue
        means = block_sums(images[channel], block) / np.float32(block * block)
        low, high = (limits or {}).get(channel) or np.percentile(means, [_LOW, _HIGH])
        planes[number] = np.clip((means - low) / max(high - low, 1e-6), 0, 1)
    return FieldPicture(title, reason, planes)


@in_house_style
def field_sheet(
    pictures: Sequence[FieldPicture], channels: Sequence[str], columns: int = COLUMNS
) -> Figure:
    """Fields side by side in the field's colours, each with its title and why it is here.

    More than `MOST` fields are cut off, and the last line says how many. Raises ValueError without
    a field.
    """
    if not pictures:
        raise ValueError("there is no field to show")
    shown = pictures[:MOST]
    across = min(columns, len(shown))
    rows = -(-len(shown) // across)
    tall = _WIDE * max(picture.image.shape[1] / picture.image.shape[2] for picture in shown)
    lines = max(_wrapped(picture.reason).count("\n") + 1 for picture in shown)
    each = _TITLE + tall + lines * _LINE + _GAP
    left = len(pictures) - len(shown)
    width = across * (_WIDE + _GAP) + _GAP
    height = rows * each + _GAP + (_TITLE if left else 0.0)
    figure = new_figure(width, height, arranged=False)
    for number, picture in enumerate(shown):
        row, column = divmod(number, across)
        x, top = _GAP + column * (_WIDE + _GAP), height - row * each - _GAP
        own = _WIDE * picture.image.shape[1] / picture.image.shape[2]
        figure.text(
            x / width, top / height, name_text(picture.title, 36), va="top", fontsize=9, color=INK
        )
        axes = figure.add_axes(
            (x / width, (top - _TITLE - own) / height, _WIDE / width, own / height)
        )
        axes.set_axis_off()
        painted = composite(picture.image[None], channels, np.ones(len(channels)), GAMMA)[0]
        axes.imshow(painted, interpolation="nearest", aspect="auto")
        figure.text(
            x / width,
            (top - _TITLE - own - _BELOW) / height,
            _wrapped(picture.reason),
            va="top",
            fontsize=7.5,
            color=SOFT,
            linespacing=1.25,
        )
    if left:
        figure.text(_GAP / width, _GAP / height, f"and {left} more", fontsize=9, color=SOFT)
    return figure


def _wrapped(reason: str) -> str:
    """A reason in a few lines, cut off where it goes on."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in reason).split())
    return "\n".join(textwrap.wrap(plain, _LETTERS, max_lines=_LINES, placeholder=" …"))
