"""Parquet tables with a declared schema: checked when written and when read.

A schema names its columns in order, each with dtype, unit and meaning. It may admit open columns
by a pattern (the latents `z_000 ...` of an embedding). Its name and version are written into the
file, so that a newer format is refused rather than misread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from phenovae.base.errors import InputError, nearest
from phenovae.base.files import writing

Dtype = Literal["string", "int64", "float64", "float32", "bool"]

_ARROW: dict[Dtype, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "float32": pa.float32(),
    "bool": pa.bool_(),
}


_GROUP = 16_384
"""Rows of a row group that is written piece by piece."""


@dataclass(frozen=True)
class Column:
    """One column: name, dtype, meaning, unit, and whether a row may lack a value."""

    name: str
    dtype: Dtype
    meaning: str
    unit: str = ""
    nullable: bool = False


@dataclass(frozen=True)
class OpenColumns:
    """Columns known by a pattern alone, all of one dtype."""

    pattern: str
    dtype: Dtype
    meaning: str
    unit: str = ""
    nullable: bool = False

    def admits(self, name: str) -> bool:
        """Whether a column of this name belongs here."""
        return re.fullmatch(self.pattern, name) is not None


@dataclass(frozen=True)
class Schema:
    """What a table holds. `version` grows when old readers would misread a new table."""

    name: str
    version: int
    columns: tuple[Column, ...]
    open: tuple[OpenColumns, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fixed columns, in order."""
        return tuple(column.name for column in self.columns)

    def arrow(self, names: list[str]) -> pa.Schema:
        """The Arrow schema of a table with these columns. Raises InputError on unknown ones."""
        fixed = {column.name: column for column in self.columns}
        fields = []
        for name in names:
            column = fixed.get(name) or next((c for c in self.open if c.admits(name)), None)
            if column is None:
                raise InputError(
                    f"the table of {self.name} has no column {name!r}", mend=nearest(name, fixed)
                )
            fields.append(pa.field(name, _ARROW[column.dtype], nullable=column.nullable))
        missing = [name for name in self.names if name not in names]
        if missing:
            raise InputError(f"the table of {self.name} lacks columns: {', '.join(missing)}")
        note = {b"phenovae.schema": self.name.encode(), b"phenovae.version": b"%d" % self.version}
        return pa.schema(fields, metadata=note)


def to_arrow(frame: pd.DataFrame, schema: Schema) -> pa.Table:
    """The frame as an Arrow table of the schema. Raises InputError where a value does not fit."""
    arrow = schema.arrow([str(name) for name in frame.columns])
    loose = pa.schema([field.with_nullable(nullable=True) for field in arrow])
    try:
        table = pa.Table.from_pandas(frame, schema=loose, preserve_index=False, safe=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise InputError(f"a value does not fit the table of {schema.name}: {error}") from error
    for field, column in zip(arrow, table.columns, strict=True):
        if not field.nullable and column.null_count:
            raise InputError(
                f"the table of {schema.name} has rows without {field.name}",
                mend="give every row a value",
            )
    return pa.Table.from_arrays(table.columns, schema=arrow)


def write_table(frame: pd.DataFrame, path: Path, schema: Schema) -> None:
    """Write a table whole or not at all, after checking it against its schema."""
    table = to_arrow(frame, schema)
    # a dictionary of measured numbers is as long as they are
    words = [field.name for field in table.schema if pa.types.is_string(field.type)]
    with writing(path) as partial:
        pq.write_table(table, partial, compression="zstd", use_dictionary=words)


class TableWriter:
    """Writes a table piece by piece, in bounded memory; it is there whole or not at all.

    A context manager: the file takes its name when the block succeeds. Every piece has the columns
    of the first one.
    """

    def __init__(self, path: Path, schema: Schema) -> None:
        self._schema = schema
        self._context = writing(path)
        self._writer: pq.ParquetWriter | None = None
        self._waiting: pa.Table | None = None

    def __enter__(self) -> Self:
        self._partial = self._context.__enter__()
        return self

    def add(self, frame: pd.DataFrame) -> None:
        """Append rows. Raises InputError where a value does not fit the schema."""
        table = to_arrow(frame, self._schema)
        if self._waiting is not None:
            table = pa.concat_tables([self._waiting, table])
        # Row groups of one size, so that the file does not depend on the pieces it was made of.
        whole = table.num_rows - table.num_rows % _GROUP
        for start in range(0, whole, _GROUP):
            self._write(table.slice(start, _GROUP))
        self._waiting = table.slice(whole).combine_chunks()

    def _write(self, table: pa.Table) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._partial, table.schema, compression="zstd")
        self._writer.write_table(table.combine_chunks())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            if self._waiting is None:
                self._waiting = to_arrow(empty_table(self._schema), self._schema)
            if self._waiting.num_rows or self._writer is None:
                self._write(self._waiting)
        if self._writer is not None:
            self._writer.close()
        self._context.__exit__(kind, error, trace)


def empty_table(schema: Schema) -> pd.DataFrame:
    """A frame of the schema's fixed columns without a row."""
    kinds = {"string": "object", "bool": "bool"}
    return pd.DataFrame(
        {
            column.name: pd.Series(dtype=kinds.get(column.dtype, column.dtype))
            for column in schema.columns
        }
    )


def check_schema(found: pa.Schema, schema: Schema, path: Path) -> None:
    """Raise InputError unless a file's Arrow schema is this schema, of this version or older."""
    notes = found.metadata or {}
    name = notes.get(b"phenovae.schema", b"").decode()
    if name != schema.name:
        raise InputError(
            f"{path.name} is no table of {schema.name}" + (f" but of {name}" if name else ""),
            where=path,
        )
    version = int(notes.get(b"phenovae.version", b"0"))
    if version > schema.version:
        raise InputError(
            f"{path.name} has format {version}; this phenovae reads {schema.name} up to format "
            f"{schema.version}",
            where=path,
            mend="install a newer phenovae",
        )
    expected = schema.arrow(found.names)
    for field in expected:
        if found.field(field.name).type != field.type:
            raise InputError(
                f"column {field.name} of {path.name} is {found.field(field.name).type}, "
                f"not {field.type}",
                where=path,
            )


def read_rows(path: Path, schema: Schema, column: str, value: str) -> pd.DataFrame:
    """The rows of a table that have this value in a column, other row groups left unread."""
    with pq.ParquetFile(path) as file:
        check_schema(file.schema_arrow, schema, path)
    found: pd.DataFrame = pq.read_table(path, filters=[(column, "==", value)]).to_pandas()
    return found


def read_table(path: Path, schema: Schema, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a table, or some of its columns, after checking it against its schema."""
    with _opened(path) as file:
        check_schema(file.schema_arrow, schema, path)
        frame: pd.DataFrame = file.read(columns=columns).to_pandas()
    return frame


def read_batches(
    path: Path, schema: Schema, columns: list[str] | None = None, rows: int = 65536
) -> Iterator[pd.DataFrame]:
    """Read a table piece by piece, `rows` at a time, in bounded memory."""
    with _opened(path) as file:
        check_schema(file.schema_arrow, schema, path)
        for batch in file.iter_batches(batch_size=rows, columns=columns):
            yield batch.to_pandas()


def column_names(path: Path) -> list[str]:
    """Names of a Parquet file's columns, without reading them."""
    with _opened(path) as file:
        return list(file.schema_arrow.names)


def _opened(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except FileNotFoundError as error:
        raise InputError(f"there is no {path.name}", where=path) from error
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(
            f"{path.name} is no readable Parquet file: {error}", where=path, mend="make it anew"
        ) from error
