"""Colours of the page: stains as the field paints them or safe for all eyes, amounts in cividis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import matplotlib as mpl

from phenovae.explore.packing import Json
from phenovae.figures.colours import Palette, channel_colours

_STEPS = 64


def channel_palettes(channels: Sequence[str]) -> Json:
    """The colour of each channel, as red, green and blue in [0, 1], in the two palettes."""
    return {
        palette: [list(each) for each in channel_colours(channels, palette)]
        for palette in get_args(Palette)
    }


def number_palette() -> list[str]:
    """Cividis (Nuñez et al. 2018), made for all colour vision, in steps from low to high."""
    colours = mpl.colormaps["cividis"].resampled(_STEPS)
    return [mpl.colors.to_hex(colours(step)) for step in range(_STEPS)]
