"""Colours: stains as the field paints them, and mechanisms that eyes can tell apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

RGB = tuple[float, float, float]
Palette = Literal["field", "safe"]
"""`field`: stains as the field paints them; `safe`: for who confuses red and green."""

FIELD: dict[str, RGB] = {
    "dapi": (0.25, 0.4, 1.0),
    "hoechst": (0.25, 0.4, 1.0),
    "dna": (0.25, 0.4, 1.0),
    "tubulin": (0.1, 0.95, 0.2),
    "actin": (1.0, 0.15, 0.1),
}
_OTHERS: tuple[RGB, ...] = ((0.0, 0.8, 0.8), (0.95, 0.65, 0.1), (0.8, 0.3, 0.9), (0.9, 0.9, 0.9))
# Blue, the middle and yellow are what remains to who confuses red and green; the three differ in
# lightness too, and as much for everyone else. Light of two of them is the less saturated for it.
SAFE: dict[str, RGB] = {
    "dapi": (0.1, 0.35, 1.0),
    "hoechst": (0.1, 0.35, 1.0),
    "dna": (0.1, 0.35, 1.0),
    "tubulin": (0.45, 0.8, 0.8),
    "actin": (1.0, 0.6, 0.0),
}
_SAFE_OTHERS: tuple[RGB, ...] = (
    (0.95, 0.95, 0.4), (0.75, 0.75, 0.75), (0.55, 0.3, 0.75), (0.75, 0.4, 0.1)
)  # fmt: skip
_INK_SHADE = 0.72

# Twelve colours of unlike hue and lightness, for marks on white; shapes go with them, so that
# whoever confuses two colours has the shape. Colours that share a shape lie furthest apart.
_MARK_COLOURS = (
    "#2b1e8c", "#0f7a3a", "#d4301c", "#7d1b57", "#0a78e0", "#808080",
    "#28b8a4", "#7a4310", "#f09000", "#e052b4", "#5cc4f0", "#b8b000",
)  # fmt: skip
_MARK_SHAPES = ("o", "s", "^", "D", "P", "X", "v", "*")
_ROUND = 24  # after so many, colours and shapes would meet again in the same pairs


def channel_colours(channels: Sequence[str], palette: Palette = "field") -> list[RGB]:
    """The colour of each channel by its name; channels of unknown names get others, in order."""
    known, others = (FIELD, _OTHERS) if palette == "field" else (SAFE, _SAFE_OTHERS)
    spare = iter(others * len(channels))
    return [known.get(name.lower()) or next(spare) for name in channels]


def channel_inks(channels: Sequence[str], palette: Palette = "field") -> list[str]:
    """The colours of channels as CSS, dark enough for lines and squares on white."""
    return [
        "#" + "".join(f"{round(255 * _INK_SHADE * part):02x}" for part in colour)
        for colour in channel_colours(channels, palette)
    ]


def composite(
    images: npt.NDArray[np.floating],
    channels: Sequence[str],
    limits: npt.NDArray[np.floating] | None = None,
    gamma: float = 1.0,
    palette: Palette = "field",
) -> npt.NDArray[np.float64]:
    """Colour pictures (n, height, width, 3) in [0, 1] of images (n, channel, height, width).

    `limits` (channel,) are the values shown at full brightness; by default those of `bright`.
    A `gamma` below 1 lifts what is dim.
    """
    top = bright(images) if limits is None else limits
    scaled = np.clip(images / np.maximum(top, 1e-9)[None, :, None, None], 0, 1) ** gamma
    colours = np.array(channel_colours(channels, palette))
    painted: npt.NDArray[np.float64] = np.einsum("nchw,cr->nhwr", scaled, colours)
    return np.clip(painted, 0, 1)


def bright(images: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """For each channel of images (n, channel, height, width), its 99.7th percentile."""
    flat = np.moveaxis(images, 1, 0).reshape(images.shape[1], -1).astype(np.float64)
    top: npt.NDArray[np.float64] = np.percentile(flat, 99.7, axis=1)
    return top


def marks(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and shape of the mark of each name, the same for the same names.

    Up to twelve names have colours of their own, up to 96 a pair.
    """
    return {
        name: (
            _MARK_COLOURS[number % len(_MARK_COLOURS)],
            _MARK_SHAPES[(number + number // _ROUND) % len(_MARK_SHAPES)],
        )
        for number, name in enumerate(in_order(names))
    }


def in_order(names: Sequence[str]) -> list[str]:
    """The names, each once, as a person orders them: Week2 before Week10."""
    return sorted(set(names), key=_by_parts)


def _by_parts(name: str) -> tuple[list[tuple[int, int, str]], str]:
    parts = re.split(r"([0-9]+)", name)
    key = [(1, int(part), "") if n % 2 else (0, 0, part) for n, part in enumerate(parts)]
    return key, name
