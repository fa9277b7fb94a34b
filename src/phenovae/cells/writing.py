"""Making a cell store: shards plate by plate, measures and flags on the way, published whole."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import PhenovaeError, StoreError
from phenovae.base.tables import write_table
from phenovae.cells.plates import StoreShape, partial_store, publish_store, shard_name
from phenovae.cells.quality import QualityOptions
from phenovae.cells.rows import store_rows
from phenovae.cells.shards import ShardWriter
from phenovae.cells.store import DTYPES, TABLE, Shard
from phenovae.cells.table import CELLS


class StoreWriter:
    """Writes a store beside its final place and renames it when the block succeeds.

    Crops come in blocks, all blocks of a plate one after the other; memory holds one block of
    pixels and the table.
    """

    def __init__(
        self,
        folder: Path,
        channels: tuple[str, ...],
        crop_size: tuple[int, int],
        *,
        dtype: str = "uint16",
        pixel_size_um: float | None = None,
        source: str,
        options: QualityOptions | None = None,
    ) -> None:
        if dtype not in DTYPES:
            raise StoreError(f"a store holds {' or '.join(DTYPES)}, not {dtype}")
        self._folder = folder
        self._partial = partial_store(folder)
        self._shape = StoreShape(channels, crop_size, dtype, pixel_size_um, source)
        self._quality = options or QualityOptions()
        self._shards: list[Shard] = []
        self._tables: list[pd.DataFrame] = []
        self._open: ShardWriter | None = None
        self._plate = ""

    def __enter__(self) -> Self:
        try:
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial.mkdir(parents=True)
        except OSError as error:
            raise PhenovaeError(
                f"cannot make the store: {error.strerror or error}",
                where=self._folder,
                mend="choose a folder that you may write to",
            ) from error
        return self

    def add(self, plate: str, crops: npt.NDArray[np.generic], table: pd.DataFrame) -> None:
        """Add crops (n, channel, height, width) of a plate with their `CELL_COLUMNS`.

        `table` may also have Position_Row and Position_Column, in pixels of the field.
        """
        if len(crops) != len(table):
            raise StoreError(f"{len(crops)} crops came with {len(table)} rows")
        if not len(crops):
            return
        if plate != self._plate or self._open is None:
            self._close_shard()
            if any(shard.plate == plate for shard in self._shards):
                raise StoreError(f"the crops of plate {plate} did not come one after the other")
            self._plate = plate
            path = self._partial / shard_name(len(self._shards))
            shape = (len(self._shape.channels), *self._shape.crop_size)
            self._open = ShardWriter(path, self._shape.dtype, shape)
        offset = self._open.cells
        try:
            self._open.append(crops)
        except OSError as error:
            raise PhenovaeError(
                f"cannot write the crops of plate {plate}: {error.strerror or error}",
                where=self._folder,
                mend="make room on the disk and start again",
            ) from error
        rows = store_rows(
            crops,
            table,
            self._shape.channels,
            self._quality,
            shard=len(self._shards),
            offset=offset,
        )
        self._tables.append(rows)

    def finish(self) -> int:
        """Write the table and the card, and put the store in its place; return the crops."""
        self._close_shard()
        if not self._tables:
            raise StoreError(
                "not one crop could be stored",
                where=self._folder,
                mend="the import report lists why each file was refused",
            )
        write_table(pd.concat(self._tables, ignore_index=True), self._partial / TABLE, CELLS)
        return publish_store(self._folder, self._shards, self._shape)

    def side_file(self, name: str) -> Path:
        """A path inside the unfinished store, for a table that goes with it."""
        return self._partial / name

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            if self._open is not None:
                with contextlib.suppress(OSError):
                    self._open.close()
            shutil.rmtree(self._partial, ignore_errors=True)

    def _close_shard(self) -> None:
        if self._open is not None:
            digest = self._open.close()
            file = shard_name(len(self._shards))
            self._shards.append(Shard(file, self._plate, self._open.cells, digest))
            self._open = None
