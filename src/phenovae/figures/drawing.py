"""What all figures share: their style, names as they are, and bytes that are always the same."""

from __future__ import annotations

import functools
import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, ParamSpec

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

INK = "#222222"
SOFT = "#666666"
FAINT = "#8a8a8a"
LINE = "#e4e4e4"
ACCENT = "#0b5fa5"
SECOND = "#c1531b"

# CSS pixels to the inch; pictures of pixels are drawn at twice as many, for fine screens.
CSS_INCH = 96
RASTER_DPI = 2 * CSS_INCH

_STYLE = {
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "svg.hashsalt": "phenovae",
    # Names come from data: a dollar sign in one is a dollar sign, not the start of a formula.
    "text.parse_math": False,
}

_Arguments = ParamSpec("_Arguments")


@contextmanager
def _house_style() -> Iterator[None]:
    with matplotlib.style.context(["default", _STYLE]):
        yield


def in_house_style(draw: Callable[_Arguments, Figure]) -> Callable[_Arguments, Figure]:
    """Let a function draw in the house style, whatever style the caller's matplotlib has."""

    @functools.wraps(draw)
    def drawn(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Figure:
        with _house_style():
            return draw(*args, **kwargs)

    return drawn


def new_figure(width: float, height: float, *, arranged: bool = True) -> Figure:
    """An empty figure of so many inches, apart from any global state.

    `arranged` figures make room for their labels; the others keep what is placed where it is.
    """
    figure = Figure(figsize=(width, height), layout="constrained" if arranged else None)
    FigureCanvasAgg(figure)
    return figure


def name_text(name: str, longest: int = 32) -> str:
    """A name from data for a figure: on one line, its middle left out where it is too long."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if len(plain) <= longest:
        return plain
    tail = longest // 3
    return f"{plain[: longest - tail - 1].rstrip()}…{plain[-tail:].lstrip()}"


def to_bytes(figure: Figure, kind: Literal["svg", "png", "pdf"], dpi: int = RASTER_DPI) -> bytes:
    """The figure as a file; the same figure always gives the same bytes."""
    for text in figure.findobj(Text):
        if isinstance(text, Text):
            text.set_parse_math(False)
    with _house_style(), io.BytesIO() as buffer, warnings.catch_warnings():
        # Letters that the font lacks are drawn as boxes; the report's tables have them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=dated[kind])
        return buffer.getvalue()
