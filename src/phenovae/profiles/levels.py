"""Levels of averaging, from cells up to treatments, and the columns that tell their groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Level = Literal["cell", "site", "well", "plate", "treatment"]

LEVELS: tuple[Level, ...] = ("cell", "site", "well", "plate", "treatment")

WELL = ("Metadata_Plate", "Metadata_Well")
TREATMENT = ("Metadata_Compound", "Metadata_Concentration")

KEYS: Mapping[Level, tuple[str, ...]] = {
    "cell": (),
    "site": (*WELL, "Metadata_Field"),
    "well": WELL,
    "plate": ("Metadata_Plate", *TREATMENT),
    "treatment": TREATMENT,
}
"""What tells the groups of a level apart. `plate`: the wells of one treatment on one plate."""


def above(level: Level, other: Level) -> bool:
    """Whether rows of `level` are averages of rows of `other`."""
    return LEVELS.index(level) > LEVELS.index(other)
