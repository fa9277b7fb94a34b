"""A doctor of tables: of sites, cells, embeddings or any profiles, in Parquet or CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from phenovae.base.errors import InputError
from phenovae.base.findings import Finding, counted, fault
from phenovae.cells.feature_checks import FeatureCheck
from phenovae.screen.well_checks import PLATE_AND_WELL, check_wells, facts_of_wells

ROWS = 16_384
_OF_ELSEWHERE = "Image_"
_NO_FEATURES = ("sites", "cells", "splits", "errors", "neighbours", "fields", "nuclei", "unmatched")
"""Tables of phenovae that are no tables of features: their numbers are what they are."""


@dataclass(frozen=True)
class TableTold:
    """What a table is like: kind, rows, features, what it says of its wells, and findings."""

    kind: str
    rows: int
    features: int
    wells: pd.DataFrame | None
    findings: tuple[Finding, ...]

    @property
    def text(self) -> str:
        """Its size in words."""
        told = f"{self.kind}, {counted(self.rows, 'row')}"
        if self.features:
            told += f", {counted(self.features, 'feature')}"
        return told + (f", {counted(len(self.wells), 'well')}" if self.wells is not None else "")


def examine_table(path: Path) -> TableTold:
    """Read a table block by block and say what is wrong with it.

    Raises InputError where it is neither Parquet nor CSV, or cannot be read at all.
    """
    kind, blocks = _blocks(path)
    check: FeatureCheck | None = None
    seen: list[pd.DataFrame] = []
    rows = 0
    has_features = kind not in _NO_FEATURES
    for block in blocks:
        frame = block.rename(columns=lambda name: _plain(str(name)))
        rows += len(frame)
        if has_features:
            check = check or FeatureCheck([str(name) for name in frame.columns])
            check.add(frame)
        if set(PLATE_AND_WELL) <= set(frame.columns):
            # Wells are few where cells are many.
            seen = [pd.concat([*seen, facts_of_wells(frame)]).drop_duplicates()]
    said: list[Finding] = []
    if check is not None:
        said += check.findings()
    elif not rows and kind in ("sites", "cells", "table"):
        said.append(fault("the table has no rows", mend="make it anew"))
    wells = seen[0].reset_index(drop=True) if seen else None
    if wells is not None and len(wells):
        said += check_wells(wells)
    return TableTold(
        kind, rows, len(check.features) if check is not None else 0, wells, tuple(said)
    )


def _plain(name: str) -> str:
    """A column's name without the `Image_` that CellProfiler's databases put before metadata."""
    plain = name.removeprefix(_OF_ELSEWHERE)
    return plain if plain.startswith("Metadata_") else name


def _blocks(path: Path) -> tuple[str, Iterator[pd.DataFrame]]:
    if not path.is_file():
        raise InputError("there is no such table", where=path, mend="check the path")
    if path.suffix == ".parquet":
        try:
            file = pq.ParquetFile(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(
                f"no readable Parquet file: {error}", where=path, mend="make it anew"
            ) from error
        name = (file.schema_arrow.metadata or {}).get(b"phenovae.schema", b"table").decode()
        return name, _of_parquet(file, path)
    if path.name.endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz")):
        return "table", _of_csv(path)
    raise InputError(
        "this is neither Parquet nor CSV", where=path, mend="name a .parquet or a .csv file"
    )


def _of_parquet(file: pq.ParquetFile, path: Path) -> Iterator[pd.DataFrame]:
    try:
        with file:
            if not file.metadata.num_rows:
                yield file.schema_arrow.empty_table().to_pandas()
            for batch in file.iter_batches(batch_size=ROWS):
                yield batch.to_pandas()
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(
            f"the file is cut short or damaged: {error}", where=path, mend="make it anew"
        ) from error


def _of_csv(path: Path) -> Iterator[pd.DataFrame]:
    mark = "\t" if ".tsv" in path.suffixes else ","
    try:
        with pd.read_csv(path, sep=mark, chunksize=ROWS) as reader:
            yield from reader
    except (OSError, EOFError, ValueError) as error:
        # Pandas' own errors of parsing are ValueErrors, as is text that is not UTF-8.
        raise InputError(
            f"no readable CSV: {error}", where=path, mend="write UTF-8 with one header"
        ) from error
