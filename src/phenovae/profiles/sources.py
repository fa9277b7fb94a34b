"""Where the numbers of a table of features lie, read block by block."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from phenovae.base.errors import InputError
from phenovae.profiles.columns import MEANINGS, describes, read_columns
from phenovae.profiles.features import Mask, Matrix
from phenovae.profiles.levels import LEVELS, Level

logger = logging.getLogger(__name__)

BLOCK = 16_384
"""Rows that are held at once, at most."""

_TURNED = 1_024
"""Rows of columns that are turned together, so that they stay near the processor."""

STATEMENT = "Metadata_Profile_Statement"
"""Column of what a table says of its making, where its format keeps no notes."""

NOTE = b"phenovae.profiles"
"""Where a Parquet file says that."""


class Source(Protocol):
    """A table of features: what its columns are, and their values.

    Values are float64; what is absent is NaN.
    """

    @property
    def path(self) -> Path:
        """Where it lies."""

    @property
    def columns(self) -> Mapping[str, bool]:
        """Every column, in order, with whether it holds numbers."""

    @property
    def note(self) -> str:
        """What the file says of its making, beside its columns; empty: nothing."""

    def __len__(self) -> int:
        """How many rows it has."""

    def metadata(self, columns: Sequence[str]) -> pd.DataFrame:
        """Columns that describe the rows, of all rows."""

    def blocks(self, columns: Sequence[str], wanted: Mask) -> Iterator[tuple[int, Matrix]]:
        """Values of columns (rows, columns), a block at a time with the number of its first row.

        Blocks without a wanted row may be left out.
        """


@dataclass(frozen=True)
class ArrowSource:
    """A table in memory, or one that is read in as a whole."""

    path: Path
    table: pa.Table
    note: str = ""

    @property
    def columns(self) -> Mapping[str, bool]:
        """Every column, in order, with whether it holds numbers."""
        return _kinds(self.path, self.table.schema)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def metadata(self, columns: Sequence[str]) -> pd.DataFrame:
        """Columns that describe the rows, of all rows."""
        return _frame(self.table.select(list(columns)))

    def blocks(self, columns: Sequence[str], wanted: Mask) -> Iterator[tuple[int, Matrix]]:
        """Values a block at a time."""
        start = 0
        for batch in self.table.select(list(columns)).to_batches(max_chunksize=BLOCK):
            if wanted[start : start + batch.num_rows].any():
                yield start, matrix_of(batch)
            start += batch.num_rows


@dataclass(frozen=True)
class ParquetSource:
    """A Parquet file, of which only the row groups that are asked for are read."""

    path: Path
    columns: Mapping[str, bool]
    rows: int
    note: str = ""

    def __len__(self) -> int:
        return self.rows

    def metadata(self, columns: Sequence[str]) -> pd.DataFrame:
        """Columns that describe the rows, of all rows."""
        return _frame(pq.read_table(self.path, columns=list(columns)))

    def blocks(self, columns: Sequence[str], wanted: Mask) -> Iterator[tuple[int, Matrix]]:
        """Values a block at a time, row groups without a wanted row left unread."""
        with pq.ParquetFile(self.path) as file:
            first = 0
            for number in range(file.num_row_groups):
                count = file.metadata.row_group(number).num_rows
                start, first = first, first + count
                if not wanted[start:first].any():
                    continue
                for batch in file.iter_batches(BLOCK, row_groups=[number], columns=list(columns)):
                    yield start, matrix_of(batch.select(list(columns)))
                    start += batch.num_rows


def read_parquet(path: Path) -> ParquetSource:
    """A Parquet file as a source. Raises InputError where it cannot be read."""
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            note = (schema.metadata or {}).get(NOTE, b"").decode("utf-8", "replace")
            return ParquetSource(path, _kinds(path, schema), file.metadata.num_rows, note)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path.name} is no readable Parquet file: {error}", where=path) from error


def read_csv(path: Path) -> ArrowSource:
    """A CSV (comma, semicolon or tab; plain or gzip) as a source, read in as a whole.

    Raises InputError where it cannot be read.
    """
    try:
        mark, header = _header(path)
        # Names such as 000123 are no numbers: columns that describe rows stay as they are written.
        words = {name: pa.string() for name in header if describes(name)}
        words |= {name: pa.string() for name in _bare_keys(header)}
        convert = pa_csv.ConvertOptions(
            column_types=words, strings_can_be_null=True, quoted_strings_can_be_null=True
        )
        table = pa_csv.read_csv(
            path, parse_options=pa_csv.ParseOptions(delimiter=mark), convert_options=convert
        )
    except (OSError, pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} is no readable CSV: {error}", where=path) from error
    return ArrowSource(path, table)


def note_of(source: Source) -> str:
    """What a table says of its making: in its notes, or in a column that says the same of all rows.

    Empty where it says nothing, or rows of several makings are together.
    """
    if source.note or STATEMENT not in source.columns:
        return source.note
    told = source.metadata([STATEMENT])[STATEMENT].dropna().unique().tolist()
    if len(told) > 1:
        logger.warning("the table holds rows of %d makings, and none is gone by", len(told))
    return str(told[0]) if len(told) == 1 else ""


def level_told(source: Source) -> Level | None:
    """What a row is, where the table says so of its making."""
    try:
        told = json.loads(note_of(source) or "{}")
    except json.JSONDecodeError:
        return None
    level = told.get("level") if isinstance(told, dict) else None
    return next((each for each in LEVELS if each == level), None)


def matrix_of(batch: pa.RecordBatch) -> Matrix:
    """The columns of a batch as float64 (rows, columns); what is absent becomes NaN."""
    single = all(pa.types.is_float32(kind) for kind in batch.schema.types)
    stacked = np.empty((batch.num_columns, batch.num_rows), np.float32 if single else np.float64)
    for number, column in enumerate(batch.columns):
        stacked[number] = column.to_numpy(zero_copy_only=False)
    values = np.empty((batch.num_rows, batch.num_columns))
    for start in range(0, len(values), _TURNED):
        values[start : start + _TURNED] = stacked[:, start : start + _TURNED].T
    return values


def _header(path: Path) -> tuple[str, list[str]]:
    with pa.input_stream(str(path), compression="detect") as stream:
        line = bytes(stream.read(1 << 20)).partition(b"\n")[0].decode("utf-8-sig")
    mark = next((each for each in "\t;," if each in line), ",")
    return mark, [name.strip().strip('"') for name in line.rstrip("\r").split(mark)]


def _bare_keys(header: Sequence[str]) -> list[str]:
    unique = dict.fromkeys(header, True)
    if len(unique) < len(header):
        return []  # told of when the columns are looked at
    found = read_columns({**unique, " ": True}).found
    return [found[each] for each in MEANINGS if each in found]


def _kinds(path: Path, schema: pa.Schema) -> Mapping[str, bool]:
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        raise InputError(
            f"the table has {len(twice)} columns twice, the first is {twice[0]}",
            where=path,
            mend="remove or rename one of each",
        )
    return {field.name: _is_number(field.type) for field in schema}


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(strings_to_categorical=True)
    return frame.reset_index(drop=True)
