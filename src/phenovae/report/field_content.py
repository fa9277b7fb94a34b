"""What a report shows of whole fields: plain data, gathered by the pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from phenovae.figures.fields import FieldPicture
from phenovae.figures.overlays import Overlay
from phenovae.images.illumination import Illumination

_NOUNS = {"nuclei": ("nucleus", "nuclei"), "grid": ("tile", "tiles")}


@dataclass(frozen=True)
class Example:
    """A field with what was found in it: its place in words, its treatment, nuclei by fate."""

    field: str
    place: str
    treatment: str
    fates: Mapping[str, int]
    overlay: Overlay


@dataclass(frozen=True)
class Light:
    """How plates were lit: `table` as `images.illumination_files` has it, and some functions."""

    table: pd.DataFrame
    plates: Mapping[str, Mapping[str, Illumination]]


@dataclass(frozen=True)
class FieldContent:
    """What became of a screen's fields, and of what was found in them.

    `layout` is where crops lie: nuclei, grid or positions, as `cells.layout` has it. `tabled` are
    the fields in the screen's tables, where they tell; `found` those with an image, `read` those of
    which all channels could be read; `flags` thrown-out fields by what is wrong, `fates` what was
    found in fields by fate. `errors` and `unmatched` are the run's tables of these names, `dropped`
    what each rule left out, `notes` what was decided in bringing images and tables together.
    `examples` and `thrown` show a few fields, `missing_examples` and `missing_thrown` say which
    pictures are left out and why, as `missing_light` does of the light.
    """

    channels: tuple[str, ...]
    layout: str
    tabled: int | None
    found: int
    read: int
    flags: Mapping[str, int]
    flagged_kept: bool
    fates: Mapping[str, int]
    errors: pd.DataFrame
    unmatched: pd.DataFrame
    dropped: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    examples: Sequence[Example] = ()
    missing_examples: Sequence[str] = ()
    thrown: Sequence[FieldPicture] = ()
    missing_thrown: Sequence[str] = ()
    light: Light | None = None
    missing_light: str = ""

    @property
    def tiles(self) -> bool:
        """Whether fields were cut into tiles."""
        return self.layout == "grid"

    @property
    def noun(self) -> tuple[str, str]:
        """What was found, one and many."""
        return _NOUNS.get(self.layout, ("cell", "cells"))

    @property
    def flagged(self) -> int:
        """Fields that failed quality control."""
        return sum(self.flags.values())

    @property
    def nuclei(self) -> int:
        """All that was found: nuclei, or tiles."""
        return sum(self.fates.values())
