"""Concentrations as people write them, in micromolar."""

from __future__ import annotations

import math
import re

from phenovae.base.errors import InputError
from phenovae.screen.sites import concentration_key

_PER_UNIT = {"m": 1e6, "mm": 1e3, "um": 1.0, "nm": 1e-3, "pm": 1e-6}
"""µM of one of each molar unit, named in small letters."""

_WORDS = {
    "molar": "m", "millimolar": "mm", "micromolar": "um", "nanomolar": "nm", "picomolar": "pm",
    "mol_l": "m", "mmol_l": "mm", "umol_l": "um", "nmol_l": "nm", "pmol_l": "pm",
}  # fmt: skip
_DOSE = re.compile(r"(?P<number>[+-]?[0-9.,]+(?:[eE][+-]?[0-9]+)?)\s*(?P<unit>[^0-9\s].*)?")
_NUMBER = re.compile(r"\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def read_unit(text: str) -> str:
    """A molar unit in small letters (`um`). Raises InputError where it is none."""
    plain = re.sub(r"[^a-z]+", "_", text.strip().lower().replace("µ", "u").replace("μ", "u"))
    plain = _WORDS.get(plain.strip("_"), plain.strip("_"))
    if plain not in _PER_UNIT:
        raise InputError(
            "the unit of the concentration is not molar", mend="give µM: M, mM, µM, nM or pM"
        )
    return plain


def read_dose(text: str, unit: str | None) -> float:
    """A concentration [µM], rounded so that equal doses are equal. Raises InputError.

    `unit` is that of the table; without one, the value may bring its own, and else is in µM.
    """
    match = _DOSE.fullmatch(text.strip())
    if match is None or not _NUMBER.fullmatch(match["number"]):
        mend = "write it as in 0.3"
        if "," in text:
            mend = "write a point in numbers, not a comma"
        raise InputError("the concentration is no number", mend=mend)
    own = read_unit(match["unit"]) if match["unit"] else None
    if own is not None and unit is not None and own != unit:
        raise InputError(
            f"the unit of the value is not that of the table, {unit}", mend="remove one of them"
        )
    value = float(match["number"]) * _PER_UNIT[own or unit or "um"]
    if not math.isfinite(value):
        raise InputError("the concentration is no finite number", mend="write it as in 0.3")
    return concentration_key(value)
