"""Sentences that captions share, and how things are called in pictures."""

from __future__ import annotations

from collections.abc import Iterator

from phenovae.base.file_names import readable
from phenovae.figures.crops import GAMMA
from phenovae.pipeline.figure_kinds.gathered import Gathered
from phenovae.screen.sites import Role, dose_text


def counted(count: int, what: str) -> str:
    """A number of things: `1 cell`, `1,200 cells`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def cells_shown(run: Gathered, count: int) -> str:
    """How many cells are shown, of which side, and how wide each is."""
    side = "" if run.wanted.cells else run.held_out[1]
    return f"{counted(count, f'{side}cell')}{width(run, count)}"


def width(run: Gathered, count: int = 2) -> str:
    """How wide crops are, where it is known, as the end of a sentence on them."""
    wide = run.picture_um()
    return "" if wide is None else f", {'each ' if count > 1 else ''}{wide:.0f} µm wide"


def brightness(of: str) -> str:
    """What full brightness is."""
    return f"Full brightness is the 99.7th percentile of a channel over {of}; gamma {GAMMA:g}."


def usual_brightness(run: Gathered) -> str:
    """What full brightness is in pictures that share `Gathered.limits`."""
    rows, side = run.held_out
    return brightness(counted(min(64, len(rows)), f"{side}cell"))


def together_and_alone(run: Gathered, name: str) -> Iterator[tuple[str, list[int] | None, str]]:
    """Name, channels (none: all) and end of the caption: of all together, then of each alone."""
    yield name, None, ""
    if len(run.channels) > 1:
        for number, channel in enumerate(run.channels):
            yield f"{name}-{readable(channel)}", [number], f" {channel} alone."


def treatment_of(run: Gathered, row: int, between: str = " ") -> str:
    """The treatment of a cell as a person writes it: `taxol 0.3 µM`, or the control's name."""
    found = run.table.iloc[row]
    name = str(found["Metadata_Compound"])
    if found["Metadata_Role"] == Role.NEGATIVE_CONTROL:
        return name
    return f"{name}{between}{dose_text(float(found['Metadata_Concentration']))} µM"


def of_codes(run: Gathered) -> str:
    """What is to be said of pictures of a latent space of codes; nothing of a Gaussian one."""
    if run.trained.model.codebooks is None:
        return ""
    return " The latent space has codes: of every point the nearest ones are decoded."
