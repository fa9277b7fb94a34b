"""How fast a folder takes crops and gives them back: a small store, written, read, removed."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phenovae.base.seeds import generator
from phenovae.cells.shards import ShardWriter

_SHAPE = (3, 68, 68)
_BATCH = 128
_BATCHES = 40


@dataclass(frozen=True)
class Throughput:
    """Crops a second, written one after the other and read at random in batches of 128.

    Crops are 3 × 68 × 68 uint16; what was just written is read from memory, as in a second epoch.
    """

    crops: int
    written_a_second: float
    read_a_second: float


def measure_throughput(folder: Path, crops: int = 4096) -> Throughput:
    """Write and read a memory-mapped shard in a temporary folder within `folder`.

    Raises OSError where it cannot be written.
    """
    random = generator(0, "cells", "throughput")
    block = random.integers(0, 4096, size=(_BATCH, *_SHAPE), dtype=np.uint16)
    with tempfile.TemporaryDirectory(prefix="phenovae-", dir=folder) as name:
        path = Path(name) / "crops.npy"
        clock = time.perf_counter()
        writer = ShardWriter(path, "uint16", _SHAPE)
        for _ in range(crops // _BATCH):
            writer.append(block)
        writer.close()
        written = time.perf_counter() - clock
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        picks = [random.integers(0, len(mapped), _BATCH) for _ in range(_BATCHES)]
        clock = time.perf_counter()
        total = sum(int(mapped[rows].max()) for rows in picks)
        read = time.perf_counter() - clock
        del mapped
        assert total > 0
    return Throughput(len(picks) * _BATCH, writer.cells / written, len(picks) * _BATCH / read)
