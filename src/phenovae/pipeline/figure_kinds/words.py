"""Sentences that captions share."""

from __future__ import annotations

from phenovae.figures.crops import GAMMA
from phenovae.pipeline.figure_kinds.gathered import Gathered


def counted(count: int, what: str) -> str:
    """A number of things: `1 cell`, `1,200 cells`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def cells_shown(run: Gathered, count: int) -> str:
    """How many cells are shown, of which side, and how wide each is."""
    side = "" if run.wanted.cells else run.held_out[1]
    width = run.picture_um()
    wide = "" if width is None else f", {'each ' if count > 1 else ''}{width:.0f} µm wide"
    return f"{counted(count, f'{side}cell')}{wide}"


def brightness(of: str) -> str:
    """What full brightness is."""
    return f"Full brightness is the 99.7th percentile of a channel over {of}; gamma {GAMMA:g}."
