"""Names of wells: one canonical form, whatever a screen writes."""

from __future__ import annotations

import re

from phenovae.base.errors import InputError

_WELL = re.compile(r"\s*([A-Za-z]{1,2})\s*0*([1-9][0-9]?)\s*")
_LAST_ROW = 32
_LAST_COLUMN = 48


def row_and_column(well: str) -> tuple[int, int]:
    """Row and column of a well, both from 0. Raises InputError where the name is none.

    Rows run from A to AF and columns from 1 to 48, as on plates of 1,536 wells.
    """
    match = _WELL.fullmatch(well)
    if match is None:
        raise InputError(f"{well!r} is no name of a well", mend="write row and column, as in B02")
    row = 0
    for letter in match[1].upper():
        row = row * 26 + ord(letter) - ord("A") + 1
    column = int(match[2])
    if row > _LAST_ROW or column > _LAST_COLUMN:
        raise InputError(
            f"{well!r} lies outside a plate", mend="rows end at AF, columns at 48, on 1,536 wells"
        )
    return row - 1, column - 1


def well_name(row: int, column: int) -> str:
    """The canonical name of a well from its row and column, both from 0: `A01`, `AF48`."""
    letters = chr(ord("A") + row) if row < 26 else "A" + chr(ord("A") + row - 26)
    return f"{letters}{column + 1:02d}"


def canonical_well(text: str) -> str:
    """The canonical form of a well's name: `a1`, `A 01` and `A001` are `A01`."""
    return well_name(*row_and_column(text))
