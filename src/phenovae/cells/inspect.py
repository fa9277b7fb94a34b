"""What is in a store, one of our tables, or a folder of single-cell files, in plain values."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from phenovae.base.errors import InputError
from phenovae.cells.crop_files import RefusedFileError, find_files, name_of, probe
from phenovae.cells.store import CARD, CellStore

_LOOKED_AT = 512


def describe(path: Path) -> dict[str, object]:
    """Describe a path. Raises InputError where it is none of the three."""
    if (path / CARD).exists():
        return _describe_store(CellStore.open(path))
    for name, what in (("run.json", "a run; its cells are in cells"), ("model.json", "a model")):
        if (path / name).is_file():
            raise InputError(
                f"this folder is {what}",
                where=path,
                mend=f"phenovae inspect {path / 'cells'}" if name == "run.json"
                else f"read {name}, the model's card",
            )  # fmt: skip
    if path.is_dir():
        return _describe_files(path)
    if path.suffix == ".parquet":
        return _describe_table(path)
    raise InputError(
        "this is no cell store, no folder of crops and no Parquet table" if path.exists()
        else "there is no such path",
        where=path,
        mend="phenovae inspect RUN/cells",
    )  # fmt: skip


def _describe_store(store: CellStore) -> dict[str, object]:
    table = store.table
    looked = np.unique(np.linspace(0, len(store) - 1, min(_LOOKED_AT, len(store))).astype(int))
    pixels = store.read(looked)
    return {
        "what": f"a cell store, format {store.card.format}",
        "from": store.card.source,
        "cells": len(store),
        "channels": list(store.channels),
        "crop": f"{store.crop_size[0]} × {store.crop_size[1]} px of {store.card.dtype}",
        "pixel size [µm]": store.pixel_size_um,
        "gigabytes of pixels": round(len(store) * pixels[0].nbytes / 1e9, 3) if len(store) else 0,
        "grey levels": {
            name: {
                "lowest": int(pixels[:, number].min()),
                "median": float(np.median(pixels[:, number])),
                "highest": int(pixels[:, number].max()),
            }
            for number, name in enumerate(store.channels)
        },
        "flagged": _counts(table.loc[table["Quality_Flag"] != "", "Quality_Flag"]),
        "plates": int(table["Metadata_Plate"].nunique()),
        "wells": len(table[["Metadata_Plate", "Metadata_Well"]].drop_duplicates()),
        "fields": int(table["Metadata_Field"].nunique()),
        "cells by role": _counts(table["Metadata_Role"]),
        "cells by mechanism": _counts(table["Metadata_MoA"].fillna("none known")),
    }


def _describe_files(folder: Path) -> dict[str, object]:
    seen: Counter[str] = Counter()
    fields: set[str] = set()
    files = find_files(folder)
    for path in files:
        try:
            fields.add(name_of(path).field)
            header = probe(path)
            seen[f"{header.dtype} {' × '.join(map(str, header.shape))}"] += 1
        except RefusedFileError as error:
            seen[f"refused: {error}"] += 1
    return {
        "what": "a folder of single-cell files",
        "files": len(files),
        "fields": len(fields),
        "headers": dict(seen.most_common()),
    }


def _describe_table(path: Path) -> dict[str, object]:
    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError as error:
        raise InputError("there is no such table", where=path) from error
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"no readable Parquet file: {error}", where=path) from error
    with file:
        notes = file.schema_arrow.metadata or {}
        name = notes.get(b"phenovae.schema", b"?").decode()
        version = notes.get(b"phenovae.version", b"?").decode()
        return {
            "what": f"a table of {name}, format {version}",
            "rows": file.metadata.num_rows,
            "columns": {field.name: str(field.type) for field in file.schema_arrow},
        }


def _counts(column: pd.Series) -> dict[str, int]:
    counted = column.value_counts().sort_index()
    return {str(name): int(count) for name, count in counted.items()}
