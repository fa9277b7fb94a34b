"""Pictures that move: frames as a GIF that loops."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import PIL.Image

from phenovae.base.errors import PhenovaeError
from phenovae.figures.sheets import Pictures

_GAP = 6
_SIDE = 144
_HOLD = 6
"""Frames for which both ends are held."""


def there_and_back(frames: Sequence[npt.NDArray[np.float64]]) -> list[npt.NDArray[np.float64]]:
    """Frames from the first to the last and back, both ends held for a moment."""
    if len(frames) < 2:
        return list(frames)
    hold = _HOLD - 1
    return [*frames, *[frames[-1]] * hold, *frames[-2:0:-1], frames[0], *[frames[0]] * (hold - 1)]


def beside(pictures: Pictures, columns: int | None = None) -> npt.NDArray[np.float64]:
    """Pictures (n, height, width, 3) side by side, in rows of `columns`, enlarged evenly, on white.

    Every pixel becomes a square of whole pixels.
    """
    count, height, width = pictures.shape[:3]
    across = count if columns is None else min(columns, count)
    down = -(-count // across)
    times = max(1, _SIDE // max(height, width))
    tall, wide = height * times, width * times
    frame = np.ones((down * (tall + _GAP) - _GAP, across * (wide + _GAP) - _GAP, 3))
    for number, picture in enumerate(pictures):
        top, left = (tall + _GAP) * (number // across), (wide + _GAP) * (number % across)
        frame[top : top + tall, left : left + wide] = picture.repeat(times, 0).repeat(times, 1)
    return frame


def to_gif(frames: Sequence[npt.NDArray[np.float64]], milliseconds: int = 80) -> bytes:
    """Frames (height, width, 3) in [0, 1] as a GIF that loops for ever, each shown so long.

    All frames share one palette, so that colours do not flicker. The same frames give the same
    bytes. Raises PhenovaeError where there is no frame.
    """
    if not frames:
        raise PhenovaeError("a moving picture needs a frame")
    pictures = [
        PIL.Image.fromarray(np.uint8(np.round(255 * np.clip(frame, 0, 1)))) for frame in frames
    ]
    together = np.concatenate(
        [np.asarray(picture) for picture in pictures[:: max(1, len(pictures) // 8)]]
    )
    palette = PIL.Image.fromarray(together).quantize(256, method=PIL.Image.Quantize.MEDIANCUT)
    indexed = [
        picture.quantize(palette=palette, dither=PIL.Image.Dither.NONE) for picture in pictures
    ]
    with io.BytesIO() as buffer:
        indexed[0].save(
            buffer,
            format="GIF",
            save_all=True,
            append_images=indexed[1:],
            duration=milliseconds,
            loop=0,
            optimize=False,
        )
        return buffer.getvalue()
