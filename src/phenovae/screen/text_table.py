"""A user's table as text: comma, tab or semicolon between values, plain or gzip.

Every value keeps its line, so that a fault names the place to mend. A row is one line: a quotation
mark left open spoils its own row and none after it.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from phenovae.base.errors import Fault, InputError

_SEPARATORS = ("\t", ";", ",")
_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")

Value = TypeVar("Value")


@dataclass(frozen=True)
class TextRow:
    """One row: its line, the header being line 1, and its values by column, without spaces."""

    line: int
    values: Mapping[str, str]


@dataclass
class TextTable:
    """Whole rows of a table as text, its columns in order, and what is wrong with it so far."""

    path: Path
    columns: tuple[str, ...] = ()
    rows: list[TextRow] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def add(
        self, what: str, line: int | None = None, column: str = "", value: str = "", mend: str = ""
    ) -> None:
        """Add a fault of this table."""
        self.faults.append(Fault(what, str(self.path), line, column, value, mend))

    def read(self, row: TextRow, column: str | None, read: Callable[[str], Value]) -> Value | None:
        """Read one value of a row; None without such a column, or with a fault added."""
        if column is None or column not in row.values:
            return None
        try:
            return read(row.values[column])
        except InputError as error:
            self.add(error.what, row.line, column, row.values[column], error.mend or "")
            return None

    def sorted_faults(self) -> list[Fault]:
        """The faults in the order of their lines."""
        return sorted(self.faults, key=lambda fault: fault.row or 0)


def read_text_table(path: Path) -> TextTable:
    """Read a table of text, every column. Raises nothing: what is wrong is in its faults.

    A row with too few or too many values is left out, as its values may stand in wrong columns.
    """
    table = TextTable(path)
    try:
        lines = _lines(path)
    except InputError as error:
        table.add(error.what, mend=error.mend or "")
        return table
    if not lines:
        table.add("the table is empty", mend="give a header and rows")
        return table
    first, header = lines[0]
    mark = next((mark for mark in _SEPARATORS if mark in header), ",")
    columns = _values(table, first, header, mark)
    if columns is None:
        return table
    table.columns = tuple(columns)
    for name in dict.fromkeys(columns):
        if columns.count(name) > 1:
            table.add("a column is there twice", first, name, mend="remove or rename one of them")
    for number, line in lines[1:]:
        values = _values(table, number, line, mark)
        if values is not None and _is_whole(table, number, values):
            table.rows.append(TextRow(number, dict(zip(columns, values, strict=True))))
    if len(lines) == 1:
        table.add("the table has no rows", mend="give a row for each well")
    return table


def _lines(path: Path) -> list[tuple[int, str]]:
    """The lines that hold anything, with their numbers from 1."""
    try:
        raw = path.read_bytes()
        if raw.startswith(_SPREADSHEETS):
            raise InputError("the table is a spreadsheet", mend="save it as CSV")
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError("there is no such table") from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"the table cannot be unpacked or read: {error}") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"the table is not UTF-8 text: {error}", mend="save it as UTF-8"
        ) from error
    lines = enumerate(io.StringIO(text, newline=None), start=1)
    return [(number, line) for number, line in lines if line.strip(" \t\r\n,;")]


def _values(table: TextTable, number: int, line: str, mark: str) -> list[str] | None:
    if line.count('"') % 2:
        mend = "close it on the same line"
        table.add("a quotation mark is not closed", number, mend=mend)
        return None
    try:
        fields = next(csv.reader([line], delimiter=mark, skipinitialspace=mark != "\t"))
    except csv.Error as error:
        table.add(f"the row cannot be read: {error}", number, mend="write the row anew")
        return None
    return [value.strip() for value in fields]


def _is_whole(table: TextTable, number: int, values: list[str]) -> bool:
    width = len(table.columns)
    if len(values) == width:
        return True
    few = "few" if len(values) < width else "many"
    mend = f"the header has {width}; put quotes around a value that holds the separator"
    table.add(f"the row has too {few} values", number, value=f"{len(values)}", mend=mend)
    return False
