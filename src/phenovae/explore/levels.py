"""The points of the page: cells that are shown, and wells and treatments as means of all cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from phenovae.base.errors import InputError
from phenovae.base.tables import column_names, read_batches, read_table
from phenovae.cells.splits import read_splits
from phenovae.cells.store import TABLE
from phenovae.cells.table import CELLS, EMBEDDINGS
from phenovae.explore.opening import OpenedRun
from phenovae.explore.thinning import Rows, thinned
from phenovae.pipeline import paths
from phenovae.screen.sites import concentration_key

LevelName = Literal["treatments", "wells", "cells"]
LEVELS: tuple[LevelName, ...] = ("treatments", "wells", "cells")
LIMIT = 50_000
EXAMPLES = 6

Floats = npt.NDArray[np.float32]

WELL = ["Metadata_Plate", "Metadata_Well"]
TREATMENT = ["Metadata_Compound", "Metadata_Concentration", "Metadata_Role"]
_KEYS = [*WELL, "Metadata_Batch", *TREATMENT, "Metadata_MoA", "Metadata_Cell", "Quality_Flag"]
_MEASURED = ("Quality_", "Measure_", "Position_")


@dataclass(frozen=True)
class Level:
    """Points of one level: `table` says what each is, `values` (n, dimension) where it lies.

    `total` counts all there are, `usable` marks those that projections are fitted on. `rows` are
    the store's rows of cells, empty for other levels; `examples` (n, at most EXAMPLES) are rows of
    cells of each point, -1 where there is none.
    """

    name: LevelName
    table: pd.DataFrame
    values: Floats
    total: int
    usable: npt.NDArray[np.bool_]
    rows: Rows
    examples: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.table)


@dataclass(frozen=True)
class Points:
    """All levels of a run. `plates` are the plates of the store's rows, as categories."""

    levels: dict[LevelName, Level]
    cells_in_run: int
    plates: pd.Categorical
    roles: pd.Categorical
    treatment_of: npt.NDArray[np.int64]
    flagged: npt.NDArray[np.bool_]

    @property
    def cells(self) -> Level:
        """The cells that are shown."""
        return self.levels["cells"]

    def place_of(self, row: int) -> int | None:
        """The place of a store's row among the cells that are shown, if it is."""
        at = int(np.searchsorted(self.cells.rows, row))
        return at if at < len(self.cells.rows) and self.cells.rows[at] == row else None


def read_points(opened: OpenedRun, limit: int = LIMIT) -> Points:
    """Read what is shown of a run; memory grows with the cells shown, and by bytes a cell besides.

    Raises InputError where the embeddings are of other cells than the store's, or there is none.
    """
    keys = _keys(opened)
    if not len(keys):
        raise InputError("there is no cell to explore", where=opened.run / paths.CELLS)
    flagged = (keys["Quality_Flag"] != "").to_numpy(bool)
    treatments = keys.groupby(TREATMENT, sort=True, observed=True, dropna=False)
    wells = keys.groupby(WELL, sort=True, observed=True)
    treatment_of = treatments.ngroup().to_numpy().astype(np.int64)
    well_of = wells.ngroup().to_numpy().astype(np.int64)
    rows = thinned(treatment_of, limit, opened.config.seed)
    usable = ~flagged[rows]
    shown, sums = _embeddings(opened, keys, rows, well_of, flagged)
    cells = Level(
        "cells",
        _cell_table(opened, rows),
        shown,
        len(keys),
        usable if usable.any() else np.ones(len(rows), bool),
        rows,
        rows[:, None].astype(np.int32),
    )
    counts = np.bincount(well_of[~flagged], minlength=wells.ngroups)
    every = np.arange(len(keys))
    of_wells = _averages("wells", keys, well_of, sums, counts, rows[usable], well_of[rows[usable]])
    first = np.zeros(wells.ngroups, np.int64)
    first[well_of[::-1]] = treatment_of[every[::-1]]
    by_treatment = sparse.csr_matrix(
        (np.ones(len(first)), (first, np.arange(len(first)))), (treatments.ngroups, len(first))
    )
    of_treatments = _averages(
        "treatments",
        keys,
        treatment_of,
        np.asarray(by_treatment @ sums),
        np.asarray(by_treatment @ counts),
        rows[usable],
        treatment_of[rows[usable]],
    )
    return Points(
        {"treatments": of_treatments, "wells": of_wells, "cells": cells},
        len(keys),
        pd.Categorical(keys["Metadata_Plate"]),
        pd.Categorical(keys["Metadata_Role"]),
        treatment_of,
        flagged,
    )


def _keys(opened: OpenedRun) -> pd.DataFrame:
    keys = read_table(opened.store.path / TABLE, CELLS, _KEYS)
    for name in (*WELL, "Metadata_Batch", "Metadata_Compound", "Metadata_Role", "Metadata_MoA"):
        keys[name] = keys[name].astype("category")
    keys["Metadata_Concentration"] = keys["Metadata_Concentration"].map(concentration_key)
    return keys


def _cell_table(opened: OpenedRun, rows: Rows) -> pd.DataFrame:
    """What is known of the shown cells: metadata, quality, measures, and their side of the splits.

    Read piece by piece, since whole tables of large screens would not fit.
    """
    path = opened.store.path / TABLE
    wanted = [
        name
        for name in column_names(path)
        if name.startswith(("Metadata_", *_MEASURED)) and not name.startswith("Store_")
    ]
    kept = list(_chosen(read_batches(path, CELLS, wanted), rows))
    table = pd.concat(kept, ignore_index=True)
    table["Metadata_Concentration"] = table["Metadata_Concentration"].map(concentration_key)
    splits = opened.run / paths.SPLITS
    if splits.is_file():
        sides = read_splits(splits, len(opened.store))["Split"].to_numpy(dtype=object)
        table["Split"] = sides[rows]
    return table


def _chosen(batches: Iterator[pd.DataFrame], rows: Rows) -> Iterator[pd.DataFrame]:
    start = 0
    for batch in batches:
        here = rows[np.searchsorted(rows, start) : np.searchsorted(rows, start + len(batch))]
        yield batch.iloc[here - start]
        start += len(batch)


def _embeddings(
    opened: OpenedRun,
    keys: pd.DataFrame,
    rows: Rows,
    well_of: npt.NDArray[np.int64],
    flagged: npt.NDArray[np.bool_],
) -> tuple[Floats, npt.NDArray[np.float64]]:
    """Embeddings of the shown rows, and the sums over the usable cells of each well."""
    columns = list(opened.latents)
    numbers = keys["Metadata_Cell"].to_numpy()
    plates = keys["Metadata_Plate"].astype(object).to_numpy()
    shown = np.empty((len(rows), len(columns)), np.float32)
    sums = np.zeros((int(well_of.max()) + 1, len(columns)))
    start = 0
    path = opened.run / paths.EMBEDDINGS
    for batch in read_batches(path, EMBEDDINGS, ["Metadata_Plate", "Metadata_Cell", *columns]):
        end = start + len(batch)
        if (
            end > len(keys)
            or not np.array_equal(batch["Metadata_Cell"].to_numpy(), numbers[start:end])
            or not np.array_equal(batch["Metadata_Plate"].to_numpy(dtype=object), plates[start:end])
        ):
            raise _other_cells(opened)
        values = batch[columns].to_numpy(dtype=np.float32)
        first, last = np.searchsorted(rows, [start, end])
        shown[first:last] = values[rows[first:last] - start]
        good = np.flatnonzero(~flagged[start:end])
        into = sparse.csr_matrix(
            (np.ones(len(good)), (well_of[start:end][good], np.arange(len(good)))),
            (len(sums), len(good)),
        )
        sums += into @ values[good].astype(np.float64)
        start = end
    if start != len(keys):
        raise _other_cells(opened)
    return shown, sums


def _other_cells(opened: OpenedRun) -> InputError:
    return InputError(
        f"{paths.EMBEDDINGS} is of other cells than the store",
        where=opened.run,
        mend=f"phenovae embed --run {opened.run} --again",
    )


def _averages(
    name: LevelName,
    keys: pd.DataFrame,
    group_of: npt.NDArray[np.int64],
    sums: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    rows: Rows,
    groups: npt.NDArray[np.int64],
) -> Level:
    """Points that are means of all usable cells of a well or a treatment.

    Groups of flagged cells alone are left out: there is nothing that they could be a mean of.
    """
    numbers = np.arange(len(counts))
    there = np.flatnonzero(counts > 0)
    first = np.zeros(len(counts), np.int64)
    first[group_of[::-1]] = np.arange(len(group_of))[::-1]
    here = keys.iloc[first[there]]
    table = pd.DataFrame(
        {
            each: here[each].astype(object if each != "Metadata_Concentration" else float)
            for each in ("Metadata_Compound", "Metadata_Concentration", "Metadata_MoA",
                         "Metadata_Role")
        }
    )  # fmt: skip
    where = ("Metadata_Plate", "Metadata_Well", "Metadata_Batch")
    if name == "wells":
        for each in where:
            table[each] = here[each].astype(object)
    else:
        usable = keys.loc[keys["Quality_Flag"] == ""]
        of = pd.Series(group_of[usable.index], index=usable.index)
        batches = usable["Metadata_Batch"].astype(object).groupby(of).agg(_joined)
        table["Metadata_Batch"] = batches.reindex(numbers[there]).to_numpy(dtype=object)
        told = usable[WELL].assign(of=of).drop_duplicates().groupby("of").size()
        table["Wells"] = told.reindex(numbers[there]).to_numpy(dtype=float)
    table["Cells"] = counts[there].astype(float)
    values = (sums[there] / counts[there, None]).astype(np.float32)
    return Level(
        name,
        table.reset_index(drop=True),
        values,
        len(counts),
        np.ones(len(there), bool),
        np.empty(0, np.int64),
        _examples(rows, groups, there),
    )


def _joined(names: pd.Series) -> str:
    return "|".join(sorted(str(name) for name in names.unique()))


def _examples(
    rows: Rows, groups: npt.NDArray[np.int64], there: npt.NDArray[np.int64]
) -> npt.NDArray[np.int32]:
    """A few shown cells of each group, spread over its rows."""
    found = np.full((len(there), EXAMPLES), -1, np.int32)
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], there)
    ends = np.searchsorted(groups[order], there, side="right")
    for at, (start, end) in enumerate(zip(starts, ends, strict=True)):
        count = min(EXAMPLES, end - start)
        if count:
            places = np.linspace(start, end - 1, count).round().astype(int)
            found[at, :count] = rows[order[places]]
    return found
