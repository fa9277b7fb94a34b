"""Rows of a CSV as text, each with its line; what is wrong with their form is collected.

A row is one line: no value of these tables goes over several, so that a quotation mark left open
spoils its own row and none after it.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from phenovae.base.errors import InputError
from phenovae.screen.text_table import TextRow, TextTable

_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs"}


def read_header(path: Path) -> list[str]:
    """Names of the columns of a CSV, plain or gzip. Raises InputError where unreadable.

    The rows are not read: a table of single cells may have a million.
    """
    return _header(path, list(islice(_lines(path), 1)))


def read_rows(path: Path, wanted: Sequence[str]) -> TextTable:
    """Read the wanted columns of a CSV, plain or gzip. Raises nothing: faults are in the table.

    A row with too few or too many fields is left out, as its values may stand in wrong columns. A
    column that is not there, or is there twice, is missing from every row.
    """
    table = TextTable(path)
    try:
        lines = list(_lines(path))
        header = _header(path, lines)
    except InputError as error:
        table.add(error.what, mend=error.mend or "")
        return table
    first = lines[0][0]
    for name in wanted:
        if name not in header:
            table.add("a column is missing", first, name, mend="restore the official header")
        elif header.count(name) > 1:
            table.add("a column is there twice", first, name, mend="remove one of them")
    table.columns = tuple(name for name in wanted if header.count(name) == 1)
    places = {name: header.index(name) for name in table.columns}
    for number, line in lines[1:]:
        fields = _checked_fields(table, number, line, len(header))
        if fields is not None:
            table.rows.append(TextRow(number, {name: fields[at] for name, at in places.items()}))
    if len(lines) == 1:
        table.add("the table has no rows", mend="fetch it anew")
    return table


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that hold anything, with their numbers from 1."""
    try:
        with path.open("rb") as raw:
            packed = raw.peek(2)[:2] == b"\x1f\x8b"
            text = io.TextIOWrapper(gzip.GzipFile(fileobj=raw) if packed else raw, "utf-8-sig")
            for number, line in enumerate(text, start=1):
                if line.strip():
                    yield number, line
    except FileNotFoundError as error:
        raise InputError(f"there is no table {path.name}", where=path) from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path.name} cannot be unpacked or read: {error}", where=path, mend="fetch it anew"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name} is not UTF-8 text: {error.reason}",
            where=path,
            mend="save it as UTF-8",
        ) from error


def _header(path: Path, lines: list[tuple[int, str]]) -> list[str]:
    if not lines:
        raise InputError(f"{path.name} is empty", where=path, mend="fetch it anew")
    try:
        header = _fields(lines[0][1])
    except csv.Error as error:
        raise InputError(f"{path.name} is no CSV: {error}", where=path) from error
    for mark, name in _OTHER_SEPARATORS.items():
        if len(header) == 1 and mark in header[0]:
            raise InputError(
                f"{path.name} has its values separated by {name}",
                where=path,
                mend="save it with commas between values and a point in numbers",
            )
    return header


def _fields(line: str) -> list[str]:
    return [value.strip() for value in next(csv.reader([line], skipinitialspace=True))]


def _checked_fields(table: TextTable, number: int, line: str, width: int) -> list[str] | None:
    if line.count('"') % 2:
        mend = "close it on the same line"
        table.add("a quotation mark is not closed", number, mend=mend)
        return None
    try:
        fields = _fields(line)
    except csv.Error as error:
        table.add(f"the row is no CSV: {error}", number, mend="write the row anew")
        return None
    if len(fields) != width:
        few = "few" if len(fields) < width else "many"
        mend = f"the header has {width}; one comma between two, quotes around a comma in a value"
        table.add(f"the row has too {few} fields", number, value=f"{len(fields)}", mend=mend)
        return None
    return fields
