"""Profiles as files that other tools read: `Metadata_*` columns first, features after them."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from phenovae.base.errors import InputError, UsageError
from phenovae.base.files import writing
from phenovae.profiles.aggregate import COUNT, WELLS
from phenovae.profiles.anndata_files import check_anndata, write_anndata
from phenovae.profiles.features import Matrix
from phenovae.profiles.partway import Partway
from phenovae.profiles.sources import BLOCK, NOTE, STATEMENT

Kind = Literal["parquet", "csv", "anndata"]
Values = npt.NDArray[np.floating]

COMPARTMENT = "Cells_"
"""What pycytominer knows a feature of cells by."""

_JOINED = "|"
_SETS = {"Plates": "Metadata_Plate", "Batches": "Metadata_Batch"}
_COUNTS = {COUNT: f"Metadata_{COUNT}", WELLS: f"Metadata_{WELLS}"}


def kind_of(path: Path) -> Kind:
    """The format that the name of a file asks for.

    Raises UsageError for any other ending, MissingExtraError where a format needs a package that is
    not there.
    """
    name = path.name.lower()
    if name.endswith((".parquet", ".pq")):
        return "parquet"
    if name.endswith(".csv.gz"):
        return "csv"
    if name.endswith(".h5ad"):
        check_anndata("writing .h5ad files")
        return "anndata"
    raise UsageError(
        "the name of the file does not tell its format",
        where=path,
        mend="end it in .parquet, .csv.gz or .h5ad",
    )


def write_profiles(
    rows: Partway, note: str, about: Mapping[str, str], path: Path, *, single: bool = False
) -> None:
    """Write rows whole or not at all, in the format that the name of the file asks for.

    Sets of plates and batches become text, joined by `|`. Values are float64, or float32 where
    `single` says that they hold no more. `note` is for `note_of`: in the notes of Parquet and of
    `.h5ad`, and in a column of CSV, which keeps no notes. `about` goes beside it into an `.h5ad`
    file. Raises UsageError, InputError or MissingExtraError before anything is written.
    """
    kind = kind_of(path)
    metadata = metadata_columns(rows.metadata)
    names = feature_names(rows.names)
    dtype = np.dtype(np.float32 if single else np.float64)
    if kind == "anndata":
        values = np.empty((len(metadata), len(names)), dtype)
        start = 0
        for block in rows.blocks:
            values[start : start + len(block)] = block
            start += len(block)
        write_anndata(metadata, values, names, {NOTE.decode(): note, **about}, path)
        return
    if kind == "csv":
        metadata = metadata.assign(**{STATEMENT: note})
        # Text of a float32 is another number where it is read as a float64.
        dtype = np.dtype(np.float64)
    columns = [_arrow_column(metadata[name]) for name in metadata.columns]
    fields = [pa.field(name, each.type) for name, each in zip(metadata, columns, strict=True)]
    fields += [pa.field(name, pa.from_numpy_dtype(dtype)) for name in names]
    schema = pa.schema(fields, metadata={NOTE: note.encode()} if kind == "parquet" else None)
    with writing(path) as partial:
        write = _write_parquet if kind == "parquet" else _write_csv
        write(partial, schema, lambda: _batches(schema, columns, rows.blocks, dtype))


def feature_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of features as other tools know them: `z_000` is `Cells_z_000`."""
    return tuple(name if name.startswith(COMPARTMENT) else COMPARTMENT + name for name in names)


def metadata_columns(metadata: pd.DataFrame) -> pd.DataFrame:
    """Metadata of any level as plain columns, all `Metadata_*`.

    Raises InputError where the name of a plate or batch holds the mark that joins them.
    """
    found: dict[str, pd.Series] = {}
    for column in metadata.columns:
        name, values = str(column), metadata[column].reset_index(drop=True)
        if name in _SETS:
            found[_SETS[name]] = pd.Series([_joined(each) for each in values], dtype=object)
        elif name in _COUNTS:
            found[_COUNTS[name]] = values
        elif name.startswith("Metadata_"):
            found.setdefault(name, values)
    return pd.DataFrame(found)


def _joined(names: frozenset[str]) -> str:
    odd = sorted(name for name in names if _JOINED in name)
    if odd:
        raise InputError(
            f"the name {odd[0]!r} holds {_JOINED}, which joins the names of a treatment's plates",
            mend="write wells, or name it otherwise",
        )
    return _JOINED.join(sorted(names))


def _arrow_column(values: pd.Series) -> pa.Array:
    if values.dtype.kind in "iub":
        return pa.array(values.to_numpy())
    if values.dtype.kind == "f":
        whole = values.dropna()
        # Numbers that some rows lack are floats to pandas, and would be written as 1.0.
        numbered = values.isna().any() and bool((whole == whole.round()).all())
        return pa.array(values, pa.int64() if numbered else pa.float64(), from_pandas=True)
    names = values.astype(object)
    return pa.array(names.where(names.notna(), None), pa.string(), from_pandas=True)


def _batches(
    schema: pa.Schema, columns: list[pa.Array], blocks: Iterator[Matrix], dtype: np.dtype
) -> Iterator[pa.RecordBatch]:
    start = 0
    for values in _groups(blocks, dtype):
        described = [each.slice(start, len(values)) for each in columns]
        start += len(values)
        features = [pa.array(each) for each in np.ascontiguousarray(values.T)]
        yield pa.RecordBatch.from_arrays([*described, *features], schema=schema)


def _groups(blocks: Iterator[Matrix], dtype: np.dtype) -> Iterator[Values]:
    """Rows in groups of one size, whatever the blocks were."""
    waiting: list[Values] = []
    count = 0
    for block in blocks:
        for start in range(0, len(block), BLOCK):
            waiting.append(block[start : start + BLOCK].astype(dtype))
            count += len(waiting[-1])
            if count >= BLOCK:
                together = np.concatenate(waiting)
                yield together[:BLOCK]
                waiting, count = [together[BLOCK:]], count - BLOCK
    if count:
        yield np.concatenate(waiting)


def _write_parquet(
    path: Path, schema: pa.Schema, batches: Callable[[], Iterator[pa.RecordBatch]]
) -> None:
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches():
            writer.write_table(pa.Table.from_batches([batch]))


def _write_csv(
    path: Path, schema: pa.Schema, batches: Callable[[], Iterator[pa.RecordBatch]]
) -> None:
    options = pa_csv.WriteOptions(quoting_style="needed")
    with (
        path.open("wb") as raw,
        # Without a name and a time, so that the same profiles are the same bytes.
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as file,
        pa_csv.CSVWriter(file, schema, write_options=options) as writer,
    ):
        for batch in batches():
            writer.write_batch(batch)
