"""Values of the official tables: each reader takes a cell's text and says what is wrong with it."""

from __future__ import annotations

import math
import re

from phenovae.base.errors import InputError
from phenovae.screen.bbbc021.names import FieldName, parse_field
from phenovae.screen.sites import concentration_key, dose_text

_PLATE_NAME = re.compile(r"(Week[1-9][0-9]*)_[0-9]{5}")
_NUMBER = re.compile(r"\s*\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")

Treatment = tuple[str, float]
"""Compound and concentration [µM]."""


def batch_of_plate(plate: str) -> str | None:
    """The batch of a plate, the week in its name; None where the name is not of this screen."""
    match = _PLATE_NAME.fullmatch(plate)
    return match[1] if match else None


def number(text: str) -> float | None:
    """A concentration in a table: decimal digits, finite and not negative, else None."""
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


def treatment_text(treatment: Treatment) -> str:
    """A treatment as a person writes it, its dose without the unit: `taxol 0.3`."""
    return f"{treatment[0]} {dose_text(treatment[1])}"


def read_plate(text: str) -> str:
    """A plate of this screen. Raises InputError where it is none."""
    if batch_of_plate(text) is None:
        raise InputError("the plate is not known", mend="plates are named WeekN_NNNNN")
    return text


def read_replicate(text: str) -> int | None:
    """A replicate, or None where the table has none. Raises InputError where it is no number."""
    value = number(text) if text else None
    if text and (value is None or value != int(value)):
        raise InputError("the replicate is no whole number", mend="write 1, 2, …, or nothing")
    return None if value is None else int(value)


def read_compound(text: str) -> str:
    """A compound. Raises InputError where none is named."""
    if not text:
        raise InputError("the compound is missing", mend="name it, or write DMSO")
    return text


def read_dose(text: str) -> float:
    """A concentration [µM], rounded so that equal doses are equal. Raises InputError."""
    value = number(text)
    if value is None:
        what = "the concentration is no number" if text else "the concentration is missing"
        raise InputError(what, mend="write it in µM, as in 0.3")
    return concentration_key(value)


def read_mechanism(text: str) -> str:
    """A mechanism of action. Raises InputError where none is named."""
    if not text:
        raise InputError("the mechanism is missing", mend="name it, or remove the row")
    return text


def read_image_name(name: str) -> FieldName:
    """What the name of an image file says. Raises InputError where it is of another screen."""
    try:
        return parse_field(name.rpartition(".")[0])
    except InputError as error:
        raise InputError("this is no name of a BBBC021 image", mend=error.mend) from error
