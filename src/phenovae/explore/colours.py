"""Colours of the page: stains as the field paints them or safe for all eyes, amounts in cividis."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl

from phenovae.explore.packing import Json
from phenovae.figures.colours import RGB, channel_colours

# Blue, yellow and magenta: in every common colour blindness at least lightness or hue still differ,
# where green and red meet.
_SAFE: dict[str, RGB] = {
    "dapi": (0.12, 0.52, 1.0),
    "hoechst": (0.12, 0.52, 1.0),
    "dna": (0.12, 0.52, 1.0),
    "tubulin": (0.95, 0.85, 0.1),
    "actin": (0.95, 0.2, 0.75),
}
_SAFE_OTHERS: tuple[RGB, ...] = (
    (0.12, 0.52, 1.0), (0.95, 0.85, 0.1), (0.95, 0.2, 0.75), (0.8, 0.8, 0.8), (0.0, 0.75, 0.6),
)  # fmt: skip
_STEPS = 64


def channel_palettes(channels: Sequence[str]) -> Json:
    """The colour of each channel, as red, green and blue in [0, 1], in the two palettes."""
    spare = iter(_SAFE_OTHERS * len(channels))
    safe = [_SAFE.get(name.lower()) or next(spare) for name in channels]
    field = channel_colours(channels)
    return {"field": [list(each) for each in field], "safe": [list(each) for each in safe]}


def number_palette() -> list[str]:
    """Cividis (Nuñez et al. 2018), made for all colour vision, in steps from low to high."""
    colours = mpl.colormaps["cividis"].resampled(_STEPS)
    return [mpl.colors.to_hex(colours(step)) for step in range(_STEPS)]
