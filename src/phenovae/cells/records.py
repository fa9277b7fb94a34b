"""A CSV as text, each record with its line and its bytes, so that it can be given back as it came.

No reader guesses here: a row with a cell too many or too few is a fault, never shifted or filled.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pandas as pd

from phenovae.base.errors import Fault, FaultsError, InputError

_GZIP = b"\x1f\x8b"
_BOM = "\ufeff"


@dataclass(frozen=True)
class Origin:
    """Header and rows of a CSV as they stand in the file, ends of lines with them."""

    header: str
    rows: Sequence[str]

    def write(self, rows: Sequence[int], path: Path) -> None:
        """Write the header and some rows, in the file's order."""
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(self.header)
            file.writelines(self.rows[row] for row in sorted(rows))


@dataclass(frozen=True)
class Records:
    """A CSV's cells as text, the line (from 1) on which each row begins, and the rows as written.

    Where columns were left out, `origin` has only the others.
    """

    cells: pd.DataFrame
    lines: Sequence[int]
    origin: Origin


def read_records(path: Path, known: Collection[str], widest: int) -> Records:
    """Read a CSV, plain or gzip; of one with more than `widest` columns only the known ones.

    Raises InputError where it cannot be read, FaultsError where rows do not fit the header.
    """
    with _reading(path) as file:
        return _read(path, file, known, widest)


def read_header(path: Path) -> list[str]:
    """Names of a CSV's columns. Raises InputError where it cannot be read."""
    with _reading(path) as file:
        return next(_rows(file), (1, [], ""))[1]


@contextmanager
def _reading(path: Path) -> Iterator[TextIO]:
    try:
        with _opened(path) as file:
            yield file
    except FileNotFoundError as error:
        raise InputError(f"there is no table {path.name}", where=path) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name} is not UTF-8 text: {error}", where=path, mend="save it as UTF-8"
        ) from error
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise InputError(f"{path.name} cannot be read: {error}", where=path) from error


def as_line(cells: Sequence[str]) -> str:
    """A row of a CSV, quoting no more than needed."""
    if list(cells) == [""]:
        return '""\n'  # an empty line would be no row
    return ",".join(_quoted(cell) for cell in cells) + "\n"


def _quoted(cell: str) -> str:
    if any(mark in cell for mark in ',"\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _opened(path: Path) -> TextIO:
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    if packed:
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _rows(file: TextIO) -> Iterator[tuple[int, list[str], str]]:
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for number, line in enumerate(file):
            taken.append(line)
            yield line.removeprefix(_BOM) if number == 0 else line

    reader = csv.reader(lines())
    line = 1
    for cells in reader:
        yield line, cells, "".join(taken)
        taken.clear()
        line = reader.line_num + 1


def _read(path: Path, file: TextIO, known: Collection[str], widest: int) -> Records:
    rows = _rows(file)
    _, header, first = next(rows, (1, [], ""))
    if not header:
        raise InputError(f"{path.name} is empty", where=path, mend="fetch it anew")
    twice = sorted({name for name in header if name in known and header.count(name) > 1})
    if twice:
        raise InputError(f"{path.name} has columns twice: {', '.join(twice)}", where=path)
    wide = len(header) > widest
    used = [at for at, name in enumerate(header) if name in known or not wide]
    cells: list[list[str]] = []
    lines: list[int] = []
    raw: list[str] = []
    faults: list[Fault] = []
    for line, row, text in rows:
        if not row:  # an empty line; it goes with the row above
            if raw:
                raw[-1] += "" if wide else text
            else:
                first += text
            continue
        if len(row) != len(header):
            what = f"the row has {len(row)} cells, the header {len(header)}"
            faults.append(Fault(what, str(path), line))
            continue
        kept = [row[at] for at in used]
        cells.append(kept)
        lines.append(line)
        raw.append(as_line(kept) if wide else text)
    if faults:
        raise FaultsError(f"{path.name} is damaged", faults)
    names = [header[at] for at in used]
    frame = pd.DataFrame(cells, columns=pd.Index(names, dtype="object"), dtype="object")
    return Records(frame, lines, Origin(as_line(names) if wide else first, raw))
