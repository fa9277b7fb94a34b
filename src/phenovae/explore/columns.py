"""What points can be coloured by and exported with, as columns by name."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenovae.explore.levels import Level
from phenovae.explore.packing import Json
from phenovae.figures.colours import in_order, marks
from phenovae.screen.sites import dose_text

_LABELS = {
    "Metadata_MoA": "mechanism",
    "Metadata_Compound": "compound",
    "Metadata_Plate": "plate",
    "Metadata_Batch": "batch",
    "Metadata_Concentration": "dose [µM]",
    "Metadata_Role": "role of the well",
    "Metadata_Well": "well",
    "Metadata_Replicate": "replicate",
    "Metadata_Site": "site",
    "Split": "split",
    "Quality_Flag": "quality: flag",
    "Quality_Noise": "quality: share of noise",
    "Quality_Signal": "quality: signal [σ of the noise]",
    "Cells": "cells",
    "Wells": "wells",
}
_FIRST = tuple(_LABELS)
_NO_COLOUR = ("Metadata_Cell", "Metadata_Field", "Metadata_File")
_NAMES = ("Metadata_Replicate", "Metadata_Site")
_NONE = {"Quality_Flag": "good", "Metadata_MoA": "unknown"}


def column_list(level: Level) -> list[Json]:
    """Every column of a level: name, label, and whether it makes a colour; those most asked first.

    Columns without any value are left out.
    """
    there = [str(name) for name in level.table.columns if level.table[name].notna().any()]
    ordered = [name for name in _FIRST if name in there]
    ordered += [name for name in there if name not in ordered]
    return [
        {
            "name": name,
            "label": _LABELS.get(name, name.removeprefix("Metadata_").replace("_", " ")),
            "is": "names" if is_names(level.table, name) else "numbers",
            "colour": name not in _NO_COLOUR,
        }
        for name in ordered
    ]


def is_names(table: pd.DataFrame, name: str) -> bool:
    """Whether a column holds names, not amounts."""
    return name in _NAMES or not pd.api.types.is_numeric_dtype(table[name])


def missing(name: str) -> str:
    """What a page calls a value that is missing in a column of names."""
    return _NONE.get(name, "none")


def texts(values: pd.Series, name: str) -> list[str]:
    """A column of names as texts, what is missing among them."""
    nothing = missing(name)
    return [
        nothing if each is None or each == "" or each != each else _text(each) for each in values
    ]


def styles(names: list[str]) -> list[tuple[str, str]]:
    """Colour and shape of the mark of each name, the names as a person orders them."""
    known = marks(names)
    return [known[name] for name in names]


def ordered(values: list[str]) -> list[str]:
    """The names, each once, in the order of a key."""
    return in_order(values)


def _text(value: object) -> str:
    if isinstance(value, float | np.floating):
        return dose_text(float(value))
    return str(value)
