"""The cell store: raw crops as memory-mapped shards, one a plate, and a table with a row a crop.

A store is a folder: `store.json` says what it is, `cells.parquet` has the table, `crops-00000.npy`
and so on hold uint8 or uint16 pixels of shape (cell, channel, height, width). Random batches come
straight from the page cache; many processes may read at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError, StoreError
from phenovae.base.files import read_json, sha256_of, sha256_of_file
from phenovae.base.tables import read_table
from phenovae.cells.shards import ShardHeader, read_header, sha256_of_pixels
from phenovae.cells.table import CELLS

FORMAT = 1
CARD = "store.json"
TABLE = "cells.parquet"
DTYPES = ("uint8", "uint16")

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Shard:
    """One file of crops, all of one plate."""

    file: str
    plate: str
    cells: int
    sha256: str


@dataclass(frozen=True)
class StoreCard:
    """What `store.json` says."""

    format: int
    channels: tuple[str, ...]
    pixel_size_um: float | None
    crop_size: tuple[int, int]
    dtype: str
    source: str
    table_sha256: str
    shards: tuple[Shard, ...]

    def as_dict(self) -> dict[str, object]:
        """The card as JSON."""
        return asdict(self)


class CellStore:
    """Crops and their table, read only. May be sent to another process, which maps it anew."""

    def __init__(self, path: Path, card: StoreCard) -> None:
        self.path = path
        self.card = card
        ends = np.cumsum([shard.cells for shard in card.shards], dtype=np.int64)
        self._ends = ends
        self._maps: dict[int, Pixels] = {}

    @classmethod
    def open(cls, path: Path) -> CellStore:
        """Open a store after checking that it is whole.

        Raises StoreError where it is unfinished, damaged, or of a newer format.
        """
        card = _read_card(path)
        store = cls(path, card)
        for shard in card.shards:
            header = read_header(path / shard.file)
            wanted = ShardHeader(card.dtype, (shard.cells, len(card.channels), *card.crop_size))
            if header != wanted:
                raise StoreError(
                    f"shard {shard.file} holds {header}, not {wanted}",
                    where=path,
                    mend="make the store anew",
                )
        return store

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels, in the order of the pixels."""
        return self.card.channels

    @property
    def pixel_size_um(self) -> float | None:
        """Size of a pixel in µm, if known."""
        return self.card.pixel_size_um

    @property
    def crop_size(self) -> tuple[int, int]:
        """Height and width of a crop, in pixels."""
        return self.card.crop_size

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "card": self.card, "_ends": self._ends, "_maps": {}}

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a crop, as `CELLS` declares. Raises StoreError where it and the pixels differ."""
        try:
            table = read_table(self.path / TABLE, CELLS)
        except InputError as error:
            raise StoreError(error.what, where=error.where, mend="make the store anew") from None
        shards = np.repeat(np.arange(len(self.card.shards)), [s.cells for s in self.card.shards])
        offsets = np.concatenate([np.arange(s.cells) for s in self.card.shards] or [shards])
        if (
            len(table) != len(self)
            or not np.array_equal(table["Store_Shard"].to_numpy(), shards)
            or not np.array_equal(table["Store_Offset"].to_numpy(), offsets)
        ):
            raise StoreError(
                f"{TABLE} has {len(table)} rows that do not follow the {len(self)} crops",
                where=self.path,
                mend="make the store anew",
            )
        self._check_table()
        return table

    def _check_table(self) -> None:
        if sha256_of_file(self.path / TABLE) != self.card.table_sha256:
            raise StoreError(
                f"{TABLE} is not the table that was written",
                where=self.path,
                mend="restore the file from a copy or make the store anew",
            )

    def read(self, rows: npt.ArrayLike) -> Pixels:
        """Raw crops of these rows, in this order: (n, channel, height, width).

        Raises StoreError where rows lie outside the store or are no whole numbers.
        """
        asked = np.asarray(rows)
        if asked.ndim != 1 or (asked.size and asked.dtype.kind not in "iu"):
            raise StoreError(
                f"rows are a list of whole numbers, not {asked.dtype} of shape {asked.shape}",
                mend="turn a mask into rows with numpy.flatnonzero",
            )
        wanted = asked.astype(np.int64)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise StoreError(f"the store has {len(self)} crops; rows outside were asked for")
        shape = (len(wanted), len(self.channels), *self.crop_size)
        crops: Pixels = np.empty(shape, self.card.dtype)
        shards = np.searchsorted(self._ends, wanted, side="right")
        for number in np.unique(shards):
            here = np.flatnonzero(shards == number)
            start = int(self._ends[number]) - self.card.shards[number].cells
            crops[here] = self._map(int(number))[wanted[here] - start]
        return crops

    def iterate(self, size: int, rows: Sequence[int] | None = None) -> Iterator[Pixels]:
        """All crops, or those of some rows, `size` at a time, in order."""
        wanted = np.arange(len(self)) if rows is None else np.asarray(rows, dtype=np.int64)
        for start in range(0, len(wanted), size):
            yield self.read(wanted[start : start + size])

    def fingerprint(self) -> str:
        """What identifies the store's content: the recorded checksums and the table's."""
        return sha256_of(self.card.as_dict())

    def verify(self) -> None:
        """Compute every checksum anew. Raises StoreError where one differs."""
        if not (self.path / TABLE).is_file():
            raise StoreError(f"there is no {TABLE}", where=self.path, mend="make the store anew")
        self._check_table()
        for shard in self.card.shards:
            if sha256_of_pixels(self.path / shard.file) != shard.sha256:
                raise StoreError(
                    f"the pixels of {shard.file} are not those that were written",
                    where=self.path,
                    mend="restore the file from a copy or make the store anew",
                )

    def _map(self, number: int) -> Pixels:
        found = self._maps.get(number)
        if found is None:
            path = self.path / self.card.shards[number].file
            found = np.load(path, mmap_mode="r", allow_pickle=False)
            self._maps[number] = found
        return found


def _shard(file: str, plate: str, cells: int, sha256: str) -> Shard:
    if Path(str(file)).name != file or int(cells) < 1:
        raise ValueError(f"shard {file} of {cells} crops")
    return Shard(file, str(plate), int(cells), str(sha256))


def _read_card(path: Path) -> StoreCard:
    if not (path / CARD).is_file():
        raise StoreError(
            "this folder is no finished cell store" if path.is_dir() else "there is no such store",
            where=path,
            mend="a store is made by phenovae import or phenovae crop; a folder that ends in "
            ".partial was left by one that was stopped",
        )
    try:
        told = read_json(path / CARD)
    except InputError as error:
        raise StoreError(error.what, where=path, mend="make the store anew") from None
    if not isinstance(told, dict):
        raise StoreError(f"{CARD} holds no keys", where=path, mend="make the store anew")
    try:
        if int(told["format"]) > FORMAT:
            raise StoreError(
                f"the store has format {told['format']}; this phenovae reads up to {FORMAT}",
                where=path,
                mend="install a newer phenovae",
            )
        height, width = told["crop_size"]
        card = StoreCard(
            format=int(told["format"]),
            channels=tuple(str(name) for name in told["channels"]),
            pixel_size_um=None if told["pixel_size_um"] is None else float(told["pixel_size_um"]),
            crop_size=(int(height), int(width)),
            dtype=str(told["dtype"]),
            source=str(told["source"]),
            table_sha256=str(told["table_sha256"]),
            shards=tuple(_shard(**shard) for shard in told["shards"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"{CARD} is damaged: {error}", where=path, mend="make the store anew"
        ) from None
    if card.dtype not in DTYPES:
        raise StoreError(
            f"the store's pixels are {card.dtype}, not {' or '.join(DTYPES)}", where=path
        )
    return card
