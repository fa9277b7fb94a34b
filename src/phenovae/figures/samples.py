"""Images that a model makes, beside real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from phenovae.figures.colours import Palette
from phenovae.figures.drawing import in_house_style, name_text
from phenovae.figures.sheets import Images, Row, painted, sheet

_COLUMNS = 8


@in_house_style
def prior_samples(
    images: Images, channels: Sequence[str], limits: Images, palette: Palette = "field"
) -> Figure:
    """Images (n, channel, height, width) made of the prior, then each channel of the first row."""
    rows = [
        Row(
            painted(images[at : at + _COLUMNS], channels, limits, palette),
            "sampled\nfrom the prior" if at == 0 else "",
        )
        for at in range(0, len(images), _COLUMNS)
    ]
    for number, channel in enumerate(channels if len(channels) > 1 else ()):
        rows.append(
            Row(
                painted(images[:_COLUMNS], channels, limits, palette, [number]),
                name_text(channel, 16),
                opens=number == 0,
            )
        )
    return sheet(rows)


@dataclass(frozen=True)
class Samples:
    """Real cells of a treatment and images made of its latents, each (n, channel, height, width).

    `cells` are those whose latents were drawn from.
    """

    name: str
    cells: int
    real: Images
    sampled: Images


@in_house_style
def treatment_samples(
    shown: Sequence[Samples],
    channels: Sequence[str],
    limits: Images,
    palette: Palette = "field",
    selected: Sequence[int] | None = None,
) -> Figure:
    """Of each treatment, real cells above images made of latents of its cells.

    `selected` are the channels to show, by default all together.
    """
    rows = []
    for number, each in enumerate(shown):
        name = name_text(each.name, 18)
        for images, what, opens in (
            (each.real, f"{name}\nreal ({each.cells:,} cells)", number > 0),
            (each.sampled, "sampled", False),
        ):
            pictures = painted(images, channels, limits, palette, selected)
            rows.append(Row(pictures, what, opens=opens))
    return sheet(rows)
