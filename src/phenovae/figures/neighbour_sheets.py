"""Cells beside their nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.figure import Figure

from phenovae.figures.colours import Palette
from phenovae.figures.drawing import in_house_style
from phenovae.figures.sheets import Images, Row, painted, sheet

Relation = Literal["same well", "same compound", "other compound"]
FRAMES: dict[Relation, str] = {
    "same well": "#8a8a8a",
    "same compound": "#0a78e0",
    "other compound": "#f09000",
}
"""Colours around neighbours; the words below each say the same."""


@in_house_style
def neighbours(
    cells: Images,
    names: Sequence[str],
    found: Sequence[Images],
    told: Sequence[Sequence[tuple[str, Relation, float]]],
    channels: Sequence[str],
    limits: Images,
    palette: Palette = "field",
    selected: Sequence[int] | None = None,
) -> Figure:
    """Cells (cell, channel, height, width) by name, each before its neighbours, nearest first.

    `told` has for each neighbour its treatment, how it is related to the cell, and its distance.
    `selected` are the channels to show, by default all together.
    """
    rows = []
    for number, (name, images, words) in enumerate(zip(names, found, told, strict=True)):
        own = painted(cells[number : number + 1], channels, limits, palette, selected)
        pictures = [own[0], *painted(images, channels, limits, palette, selected)]
        rows.append(
            Row(
                np.stack(pictures),
                "",
                below=[
                    f"{name}\nthe cell",
                    *(
                        f"{treatment}\n{relation}\n{distance:.2g} away"
                        for treatment, relation, distance in words
                    ),
                ],
                frames=["", *(FRAMES[relation] for _, relation, _ in words)],
                headings=["cell", *(str(rank + 1) for rank in range(len(images)))]
                if number == 0
                else (),
            )
        )
    return sheet(rows)
