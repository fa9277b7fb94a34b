"""What a kind of picture is, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from matplotlib.figure import Figure

from phenovae.pipeline.figure_kinds.gathered import Gathered


@dataclass(frozen=True)
class Drawn:
    """A picture: a figure, or the bytes of a GIF that moves.

    `name` is that of its file, without folder and suffix; `cells` is the number of cells behind it.
    `leading` pictures stand for their kind where there is room for few, as in a gallery.
    """

    name: str
    picture: Figure | bytes
    caption: str
    cells: int
    leading: bool = True


@dataclass(frozen=True)
class Kind:
    """One kind of picture that a run may give, none, one or several of.

    `says` is one line of what it shows. `draw` raises CannotDrawError where there is none to draw.
    """

    name: str
    says: str
    draw: Callable[[Gathered], Iterable[Drawn]]
