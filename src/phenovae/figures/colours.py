"""Colours: stains as the field paints them, and mechanisms that eyes can tell apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

RGB = tuple[float, float, float]

FIELD: dict[str, RGB] = {
    "dapi": (0.25, 0.4, 1.0),
    "hoechst": (0.25, 0.4, 1.0),
    "dna": (0.25, 0.4, 1.0),
    "tubulin": (0.1, 0.95, 0.2),
    "actin": (1.0, 0.15, 0.1),
}
# Magenta, green and blue-white are told apart with any common colour blindness.
BLIND_SAFE: dict[str, RGB] = {
    "dapi": (0.35, 0.6, 1.0),
    "hoechst": (0.35, 0.6, 1.0),
    "dna": (0.35, 0.6, 1.0),
    "tubulin": (1.0, 0.85, 0.1),
    "actin": (0.9, 0.2, 0.9),
}
_OTHERS: tuple[RGB, ...] = ((0.0, 0.8, 0.8), (0.95, 0.65, 0.1), (0.8, 0.3, 0.9), (0.9, 0.9, 0.9))

# Twelve colours of unlike hue and lightness, for marks on white; shapes go with them.
_MARK_COLOURS = (
    "#332288", "#117733", "#cc6677", "#ddaa33", "#0077bb", "#882255",
    "#44aa99", "#994f00", "#aa4499", "#777777", "#ee3377", "#88aa00",
)  # fmt: skip
_MARK_SHAPES = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")


def channel_colours(channels: Sequence[str], palette: dict[str, RGB] = FIELD) -> list[RGB]:
    """The colour of each channel by its name; channels of unknown names get others, in order."""
    spare = iter(_OTHERS * len(channels))
    return [palette.get(name.lower()) or next(spare) for name in channels]


def composite(
    images: npt.NDArray[np.floating],
    channels: Sequence[str],
    limits: npt.NDArray[np.floating] | None = None,
    palette: dict[str, RGB] = FIELD,
) -> npt.NDArray[np.float64]:
    """Colour pictures (n, height, width, 3) in [0, 1] of images (n, channel, height, width).

    `limits` (channel,) are the values shown at full brightness; by default those of `bright`.
    """
    top = bright(images) if limits is None else limits
    scaled = np.clip(images / np.maximum(top, 1e-9)[None, :, None, None], 0, 1)
    colours = np.array(channel_colours(channels, palette))
    painted: npt.NDArray[np.float64] = np.einsum("nchw,cr->nhwr", scaled, colours)
    return np.clip(painted, 0, 1)


def bright(images: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """For each channel of images, the 99.7th percentile of its values."""
    flat = np.moveaxis(images, 1, 0).reshape(images.shape[1], -1).astype(np.float64)
    top: npt.NDArray[np.float64] = np.percentile(flat, 99.7, axis=1)
    return top


def marks(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and shape of the mark of each name, the same for the same list of names."""
    return {
        name: (
            _MARK_COLOURS[number % len(_MARK_COLOURS)],
            _MARK_SHAPES[(number + number // len(_MARK_COLOURS)) % len(_MARK_SHAPES)],
        )
        for number, name in enumerate(sorted(set(names)))
    }
