"""A user's table as text: comma, tab or semicolon between values, plain or gzip.

Every value keeps its line, so that a fault names the place to mend. A row is one line: a quotation
mark left open spoils its own row and none after it.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from phenovae.base.errors import Fault, InputError

_SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas"}
_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_GZIP = b"\x1f\x8b"

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


def read_header(path: Path) -> list[str]:
    """Names of the columns of a table with commas. Raises InputError where unreadable.

    The rows are not read: a table of single cells may have a million.
    """
    for _, line in islice(_lines(path), 1):
        _check_commas(path, line)
        try:
            return _values(line, ",")
        except InputError as error:
            raise InputError(f"{path.name}: {error.what}", where=path, mend=error.mend) from error
    raise _empty(path)


def read_text_table(path: Path) -> TextTable:
    """Read a table of text, every column. Raises nothing: what is wrong is in its faults.

    A row with too few or too many values is left out, as its values may stand in wrong columns.
    """
    table = TextTable(path)
    lines = _lines_or_fault(table)
    if not lines:
        return table
    first, header = lines[0]
    mark = next((mark for mark in _SEPARATORS if mark in header), ",")
    columns = _row(table, first, header, mark)
    if columns is None:
        return table
    table.columns = tuple(columns)
    for name in dict.fromkeys(columns):
        if columns.count(name) > 1:
            table.add("a column is there twice", first, name, mend="remove or rename one of them")
    _add_rows(table, lines[1:], mark, columns, columns)
    return table


def read_columns(path: Path, wanted: Sequence[str]) -> TextTable:
    """Read the wanted columns of a table with commas. Raises nothing: faults are in the table.

    A column that is not there, or is there twice, is a fault and missing from every row.
    """
    table = TextTable(path)
    lines = _lines_or_fault(table)
    if not lines:
        return table
    first, header = lines[0]
    try:
        _check_commas(path, header)
    except InputError as error:
        table.add(error.what, mend=error.mend or "")
        return table
    columns = _row(table, first, header, ",")
    if columns is None:
        return table
    for name in wanted:
        if name not in columns:
            table.add("a column is missing", first, name, mend="restore the official header")
        elif columns.count(name) > 1:
            table.add("a column is there twice", first, name, mend="remove one of them")
    table.columns = tuple(name for name in wanted if columns.count(name) == 1)
    _add_rows(table, lines[1:], ",", columns, table.columns)
    return table


def _add_rows(
    table: TextTable,
    lines: Sequence[tuple[int, str]],
    mark: str,
    columns: Sequence[str],
    wanted: Sequence[str],
) -> None:
    places = {name: columns.index(name) for name in wanted}
    for number, line in lines:
        values = _row(table, number, line, mark)
        if values is not None and _is_whole(table, number, values, len(columns)):
            table.rows.append(TextRow(number, {name: values[at] for name, at in places.items()}))
    if not lines:
        table.add("the table has no rows", mend="fetch it anew, or write its rows")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that hold anything, with their numbers from 1. Raises InputError."""
    try:
        with path.open("rb") as raw:
            start = raw.peek(4)
            if start.startswith(_SPREADSHEETS):
                raise InputError(f"{path.name} is a spreadsheet", where=path, mend="save it as CSV")
            packed = start.startswith(_GZIP)
            text = io.TextIOWrapper(gzip.GzipFile(fileobj=raw) if packed else raw, "utf-8-sig")
            for number, line in enumerate(text, start=1):
                if line.strip(" \t\r\n,;"):
                    yield number, line
    except FileNotFoundError as error:
        raise InputError(f"there is no table {path.name}", where=path) from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path.name} cannot be unpacked or read: {error}", where=path, mend="fetch it anew"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name} is not UTF-8 text: {error.reason}", where=path, mend="save it as UTF-8"
        ) from error


def _lines_or_fault(table: TextTable) -> list[tuple[int, str]]:
    try:
        lines = list(_lines(table.path))
        if not lines:
            raise _empty(table.path)
    except InputError as error:
        table.add(error.what, mend=error.mend or "")
        return []
    return lines


def _empty(path: Path) -> InputError:
    return InputError(
        f"{path.name} is empty", where=path, mend="fetch it anew, or write a header and rows"
    )


def _check_commas(path: Path, header: str) -> None:
    """Raise InputError for another mark, with which numbers often have a comma for a point."""
    other = next((name for mark, name in _SEPARATORS.items() if mark in header), "commas")
    if "," not in header and other != "commas":
        raise InputError(
            f"{path.name} has its values separated by {other}",
            where=path,
            mend="save it with commas between values and a point in numbers",
        )


def _values(line: str, mark: str) -> list[str]:
    if line.count('"') % 2:
        raise InputError("a quotation mark is not closed", mend="close it on the same line")
    try:
        values = next(csv.reader([line], delimiter=mark, skipinitialspace=mark != "\t"))
    except csv.Error as error:
        raise InputError(f"the row cannot be read: {error}", mend="write the row anew") from error
    return [value.strip() for value in values]


def _row(table: TextTable, number: int, line: str, mark: str) -> list[str] | None:
    try:
        return _values(line, mark)
    except InputError as error:
        table.add(error.what, number, mend=error.mend or "")
        return None


def _is_whole(table: TextTable, number: int, values: Sequence[str], width: int) -> bool:
    if len(values) == width:
        return True
    few = "few" if len(values) < width else "many"
    mend = f"the header has {width}; put quotes around a value that holds the separator"
    table.add(f"the row has too {few} values", number, value=f"{len(values)}", mend=mend)
    return False
