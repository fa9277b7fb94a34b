"""A cell store made plate by plate, by as many processes as there are: each plate is one shard.

Every plate's crops and rows are files of their own in the unfinished store; putting them together
reads the rows once, plate by plate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import StoreError
from phenovae.base.files import replace_folder, sha256_of_file, write_json
from phenovae.base.tables import TableWriter, read_table, write_table
from phenovae.cells.quality import QualityOptions
from phenovae.cells.rows import store_rows
from phenovae.cells.shards import ShardWriter
from phenovae.cells.store import CARD, FORMAT, TABLE, Shard, StoreCard
from phenovae.cells.table import CELLS

Block = tuple[npt.NDArray[np.generic], pd.DataFrame]


@dataclass(frozen=True)
class StoreShape:
    """What all crops of a store have in common."""

    channels: tuple[str, ...]
    crop_size: tuple[int, int]
    dtype: str
    pixel_size_um: float | None
    source: str


def partial_store(folder: Path) -> Path:
    """Where a store is made before it is put in its place."""
    return folder.with_name(f"{folder.name}.partial")


def write_plate(
    unfinished: Path,
    number: int,
    plate: str,
    blocks: Iterable[Block],
    shape: StoreShape,
    options: QualityOptions,
) -> Shard | None:
    """Write the crops of a plate as shard `number`, block by block; None where there is no crop.

    A block is crops (n, channel, height, width) with their rows, as `store_rows` takes them.
    """
    path = unfinished / shard_name(number)
    writer = ShardWriter(path, shape.dtype, (len(shape.channels), *shape.crop_size))
    tables: list[pd.DataFrame] = []
    try:
        for crops, table in blocks:
            if not len(crops):
                continue
            rows = store_rows(
                crops, table, shape.channels, options, shard=number, offset=writer.cells
            )
            writer.append(crops)
            tables.append(rows)
    finally:
        digest = writer.close()
    if not tables:
        path.unlink()
        return None
    write_table(pd.concat(tables, ignore_index=True), _rows_of(path), CELLS)
    return Shard(path.name, plate, writer.cells, digest)


def assemble(folder: Path, shards: Sequence[Shard], shape: StoreShape) -> int:
    """Put the plates of an unfinished store together and the store in its place; return the crops.

    Shards are numbered anew, without gaps, in the order given. Raises StoreError where there is
    none.
    """
    if not shards:
        raise StoreError("not one crop could be stored", where=folder)
    unfinished = partial_store(folder)
    final: list[Shard] = []
    with TableWriter(unfinished / TABLE, CELLS) as writer:
        for number, shard in enumerate(shards):
            path = unfinished / shard.file
            rows = read_table(_rows_of(path), CELLS)
            rows["Store_Shard"] = number
            writer.add(rows)
            _rows_of(path).unlink()
            name = shard_name(number)
            path.replace(unfinished / name)
            final.append(Shard(name, shard.plate, shard.cells, shard.sha256))
    return publish_store(folder, final, shape)


def publish_store(folder: Path, shards: Sequence[Shard], shape: StoreShape) -> int:
    """Write the card of an unfinished store whose shards and table are whole, and put the store in
    its place; return the crops.
    """
    unfinished = partial_store(folder)
    card = StoreCard(
        FORMAT,
        shape.channels,
        shape.pixel_size_um,
        shape.crop_size,
        shape.dtype,
        shape.source,
        sha256_of_file(unfinished / TABLE),
        tuple(shards),
    )
    write_json(unfinished / CARD, card.as_dict())
    replace_folder(unfinished, folder)
    return sum(shard.cells for shard in shards)


def shard_name(number: int) -> str:
    """The file of a shard, by its number."""
    return f"crops-{number:05d}.npy"


def _rows_of(shard: Path) -> Path:
    return shard.with_suffix(".parquet")
