"""A store made of plates that were written apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenovae.base.errors import StoreError
from phenovae.cells.plates import StoreShape, assemble, partial_store, write_plate
from phenovae.cells.quality import QualityOptions
from phenovae.cells.store import CellStore
from phenovae.cells.table import CELL_METADATA

SHAPE = StoreShape(("DNA", "Actin"), (8, 8), "uint16", 0.5, "made by a test")


def rows(plate: str, first: int, count: int) -> pd.DataFrame:
    known = {
        "Metadata_Plate": plate, "Metadata_Well": "A01", "Metadata_Replicate": None,
        "Metadata_Batch": "b", "Metadata_Compound": "DMSO", "Metadata_Concentration": 0.0,
        "Metadata_MoA": None, "Metadata_Role": "negative_control", "Metadata_Site": 1,
        "Metadata_Field": f"{plate}_A01_s1", "Metadata_File": "x.npy",
    }  # fmt: skip
    frame = pd.DataFrame([known] * count)
    frame["Metadata_Cell"] = np.arange(first, first + count)
    frame["Metadata_Replicate"] = frame["Metadata_Replicate"].astype("Int64")
    frame["Position_Row"] = frame["Position_Column"] = 4.0
    frame["Measure_Nucleus_Area_um2"] = np.arange(count, dtype=float)
    return frame[[*CELL_METADATA, "Position_Row", "Position_Column", "Measure_Nucleus_Area_um2"]]


def crops(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4000, (count, 2, 8, 8)).astype(np.uint16)


def test_plates_written_in_any_order_make_one_store(tmp_path: Path) -> None:
    store = tmp_path / "cells"
    partial_store(store).mkdir()
    given = {
        "B": [(crops(3, 1), rows("B", 1, 3)), (crops(2, 2), rows("B", 4, 2))],
        "A": [(crops(4, 3), rows("A", 1, 4))],
    }
    told = [
        write_plate(partial_store(store), number, plate, given[plate], SHAPE, QualityOptions())
        for number, plate in ((1, "B"), (0, "A"))
    ]
    shards = [shard for shard in reversed(told) if shard is not None]
    assert assemble(store, shards, SHAPE) == 9
    found = CellStore.open(store)
    assert found.table["Metadata_Plate"].tolist() == ["A"] * 4 + ["B"] * 5
    assert (found.read([0, 1, 2, 3]) == given["A"][0][0]).all()
    assert (found.read([7, 8]) == given["B"][1][0]).all()
    assert found.table["Measure_Nucleus_Area_um2"].tolist() == [0, 1, 2, 3, 0, 1, 2, 0, 1]
    assert found.pixel_size_um == 0.5
    assert not partial_store(store).exists()


def test_a_plate_without_crops_leaves_no_shard_and_no_gap(tmp_path: Path) -> None:
    store = tmp_path / "cells"
    partial_store(store).mkdir()
    none = write_plate(partial_store(store), 0, "A", [], SHAPE, QualityOptions())
    assert none is None
    one = write_plate(
        partial_store(store), 1, "B", [(crops(2, 1), rows("B", 1, 2))], SHAPE, QualityOptions()
    )
    assert one is not None
    assemble(store, [one], SHAPE)
    assert sorted(path.name for path in store.iterdir()) == [
        "cells.parquet", "crops-00000.npy", "store.json",
    ]  # fmt: skip
    assert CellStore.open(store).table["Store_Shard"].tolist() == [0, 0]


def test_no_plate_at_all_is_an_error_and_leaves_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not one crop"):
        assemble(tmp_path / "cells", [], SHAPE)
    assert not (tmp_path / "cells").exists()
