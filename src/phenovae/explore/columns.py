"""What points can be coloured by and exported with, as columns by name."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.explore.levels import Level
from phenovae.explore.packing import Json, name_column, number_column
from phenovae.explore.verdicts import RIGHT, TIED, UNSCORED, WRONG
from phenovae.figures.colours import in_order, marks
from phenovae.screen.sites import Role, dose_text

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
NOTHING = ("#808080", "o")
"""The mark of what has no name."""

CONTROL = "negative control"
"""What stands for the mechanism of a negative control, which has none."""

_VERDICTS = {
    RIGHT: ("#0a78e0", "o"),
    TIED: ("#8a6d00", "D"),
    WRONG: ("#d4501c", "X"),
    UNSCORED: ("#808080", "s"),
}
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


def column_told(level: Level, name: str) -> Json:
    """One column of a level's table. Raises InputError where it has no such column."""
    if name not in level.table:
        raise InputError(f"there is no column {name!r} of {level.name}")
    values = level.table[name]
    if not is_names(level.table, name):
        return number_column(values.to_numpy(dtype=float))
    missing = _NONE.get(name, "none")
    absent = [_is_missing(each) for each in values]
    told = [missing if gone else _text(each) for each, gone in zip(values, absent, strict=True)]
    without = {missing: NOTHING}
    if name == "Metadata_MoA":
        control = (level.table["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)).to_numpy()
        told = [
            CONTROL if gone and of else each
            for each, gone, of in zip(told, absent, control, strict=True)
        ]
        without[CONTROL] = ("#a9b1ba", "s")
    present = [each for each in in_order(told) if each not in without]
    names = [*present, *(each for each in without if each in set(told))]
    known = {**marks(present), **without}
    return {
        **name_column(told, names),
        "styles": [known[each] for each in names],
        "missing": list(without),
    }


def verdict_column(words: list[str]) -> Json:
    """Verdicts as a column; blue, orange and grey stay apart in every common colour blindness."""
    names = [name for name in _VERDICTS if name in set(words)]
    return {**name_column(words, names), "styles": [_VERDICTS[name] for name in names]}


def _is_missing(value: object) -> bool:
    return value is None or value == "" or value != value  # NaN is unlike itself


def _text(value: object) -> str:
    if isinstance(value, float | np.floating):
        return dose_text(float(value))
    return str(value)
