"""Positions of cells that were found elsewhere, as a table: field, number, row and column."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from phenovae.base.errors import InputError

COLUMNS = ("Metadata_Field", "Metadata_Cell", "Position_Row", "Position_Column")


def read_positions(path: Path, fields: Collection[str]) -> dict[str, pd.DataFrame]:
    """Positions of the cells of these fields [px], from CSV or Parquet; none where it has none.

    Raises InputError where the table cannot be read, lacks a column, has a cell twice, or a
    position that is no number.
    """
    try:
        if path.suffix == ".parquet":
            wanted = [("Metadata_Field", "in", sorted(fields))]
            table = pq.read_table(path, columns=list(COLUMNS), filters=wanted).to_pandas()
        else:
            table = pd.read_csv(path)
    except FileNotFoundError as error:
        raise InputError("there is no such table of positions", where=path) from error
    except (OSError, ValueError, KeyError, pa.ArrowInvalid) as error:
        raise InputError(f"the table of positions cannot be read: {error}", where=path) from error
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise InputError(
            f"the table of positions lacks {', '.join(missing)}",
            where=path,
            mend=f"its columns are {', '.join(COLUMNS)}, in pixels of the field",
        )
    here = table.loc[table["Metadata_Field"].isin(list(fields)), list(COLUMNS)]
    places = here[["Position_Row", "Position_Column"]].apply(pd.to_numeric, errors="coerce")
    bad = ~np.isfinite(places.to_numpy(float)).all(axis=1)
    if bad.any():
        first = here.loc[bad].iloc[0]
        raise InputError(
            f"{int(bad.sum())} positions are no numbers; the first is cell "
            f"{first['Metadata_Cell']} of {first['Metadata_Field']}",
            where=path,
            mend="give each cell its row and column [px]",
        )
    twice = here.duplicated(["Metadata_Field", "Metadata_Cell"])
    if twice.any():
        first = here.loc[twice].iloc[0]
        raise InputError(
            f"cell {first['Metadata_Cell']} of {first['Metadata_Field']} is there twice", where=path
        )
    here = here.assign(
        Position_Row=places["Position_Row"].astype(float),
        Position_Column=places["Position_Column"].astype(float),
    )
    return {
        str(name): rows.drop(columns="Metadata_Field").reset_index(drop=True)
        for name, rows in here.groupby("Metadata_Field", sort=False)
    }
