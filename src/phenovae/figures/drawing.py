"""What all figures share: their style, and turning them into bytes that are always the same."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK = "#222222"
FAINT = "#8a8a8a"
ACCENT = "#0b5fa5"
SECOND = "#c1531b"

_STYLE = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "svg.hashsalt": "phenovae",
}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches, apart from any global state."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


@contextmanager
def _house_style() -> Iterator[None]:
    with mpl.rc_context():
        for key, value in _STYLE.items():
            mpl.rcParams[key] = value  # type: ignore[literal-required,index,unused-ignore]
        yield


def axes_of(figure: Figure, *place: int) -> Axes:
    """Axes in the house style."""
    with _house_style():
        return figure.add_subplot(*place) if place else figure.add_subplot()


def to_bytes(figure: Figure, kind: Literal["svg", "png", "pdf"], dpi: int = 110) -> bytes:
    """The figure as a file; the same figure always gives the same bytes."""
    with _house_style(), io.BytesIO() as buffer:
        dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=dated[kind])
        return buffer.getvalue()
