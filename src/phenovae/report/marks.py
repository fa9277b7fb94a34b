"""The shapes that points of a report have, as SVG paths around the origin."""

from __future__ import annotations

import math

NOT_SCORED = "not scored"

# Colour and shape by number, as `figures.colours.mark_numbers` gives them.
STATES = {"right": (4, 0), "tied": (8, 3), "wrong": (2, 5), NOT_SCORED: (5, 1)}

_PLUS = [(-1.8, -5.4), (1.8, -5.4), (1.8, -1.8), (5.4, -1.8), (5.4, 1.8), (1.8, 1.8),
         (1.8, 5.4), (-1.8, 5.4), (-1.8, 1.8), (-5.4, 1.8), (-5.4, -1.8), (-1.8, -1.8)]  # fmt: skip
_STAR = [
    (
        (6.6 if corner % 2 == 0 else 2.9) * math.sin(math.pi * corner / 5),
        -(6.6 if corner % 2 == 0 else 2.9) * math.cos(math.pi * corner / 5),
    )
    for corner in range(10)
]


def _path(corners: list[tuple[float, float]], turned: float = 0.0) -> str:
    sine, cosine = math.sin(turned), math.cos(turned)
    points = [
        f"{round(x * cosine - y * sine, 1):g} {round(x * sine + y * cosine, 1):g}"
        for x, y in corners
    ]
    return f"M{'L'.join(points)}z"


SHAPES: tuple[str, ...] = (
    "M-4.8 0a4.8 4.8 0 1 0 9.6 0a4.8 4.8 0 1 0-9.6 0z",
    _path([(-4.4, -4.4), (4.4, -4.4), (4.4, 4.4), (-4.4, 4.4)]),
    _path([(0, -5.6), (5.4, 4.2), (-5.4, 4.2)]),
    _path([(0, -5.8), (5.8, 0), (0, 5.8), (-5.8, 0)]),
    _path(_PLUS),
    _path(_PLUS, math.pi / 4),
    _path([(0, 5.6), (5.4, -4.2), (-5.4, -4.2)]),
    _path(_STAR),
)
"""In the order of the shapes of `figures.colours`."""
