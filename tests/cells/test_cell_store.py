from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cells.made import cell_table, make_store

from phenovae.base.errors import PhenovaeError, StoreError
from phenovae.base.tables import Schema, write_table
from phenovae.cells.store import CellStore
from phenovae.cells.table import CELLS
from phenovae.cells.writing import StoreWriter

Crops = npt.NDArray[np.generic]


def numbered(count: int, start: int = 0, side: int = 6) -> npt.NDArray[np.uint16]:
    """Crops of two channels whose every pixel tells crop, channel and place."""
    pixels = np.arange(count * 2 * side * side, dtype=np.uint16).reshape(count, 2, side, side)
    return (pixels + 1000 * start).astype(np.uint16)


def two_plates(path: Path) -> CellStore:
    """Three crops of one plate and two of another."""
    return make_store(
        path,
        [
            (numbered(3), cell_table(3)),
            (numbered(2, 1), cell_table(2, Metadata_Plate="Week1_00002")),
        ],
        ("DAPI", "Actin"),
    )


EVERY = np.concatenate([numbered(3), numbered(2, 1)])


@settings(max_examples=25, deadline=None)
@given(
    plates=st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=3), min_size=1, max_size=3),
    wide=st.booleans(),
    data=st.data(),
)
def test_what_is_written_is_read_in_any_order_and_as_often_as_asked(
    plates: list[list[int]], wide: bool, data: st.DataObject
) -> None:
    random = np.random.default_rng(sum(map(sum, plates)))
    dtype = np.uint16 if wide else np.uint8
    blocks: list[tuple[Crops, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        with StoreWriter(
            Path(folder) / "s", ("A", "B"), (4, 5), dtype=np.dtype(dtype).name, source="-"
        ) as writer:
            for plate, sizes in enumerate(plates):
                for size in sizes:
                    crops = random.integers(0, np.iinfo(dtype).max, (size, 2, 4, 5), dtype=dtype)
                    table = cell_table(size, Metadata_Plate=f"P{plate}")
                    writer.add(f"P{plate}", crops, table)
                    blocks.append((crops, table))
            total = writer.finish()
        every = np.concatenate([crops for crops, _ in blocks])
        store = CellStore.open(Path(folder) / "s")
        assert len(store) == total == len(every)
        rows = data.draw(st.lists(st.integers(0, total - 1), max_size=12))
        read = store.read(rows)
        assert read.dtype == dtype
        assert np.array_equal(read, every[rows] if rows else every[:0])
        assert np.array_equal(np.concatenate(list(store.iterate(3))), every)
        store.verify()


def test_a_part_of_the_rows_is_gone_through_in_its_order(tmp_path: Path) -> None:
    store = two_plates(tmp_path / "s")
    parts = list(store.iterate(2, [4, 0, 3]))
    assert [len(part) for part in parts] == [2, 1]
    assert np.array_equal(np.concatenate(parts), EVERY[[4, 0, 3]])


def test_no_rows_give_no_crops(tmp_path: Path) -> None:
    store = two_plates(tmp_path / "s")
    assert store.read([]).shape == (0, 2, 6, 6)
    assert store.read(np.zeros(0)).dtype == np.uint16


@pytest.mark.parametrize("rows", [[5], [-1], [0, 1, 99]])
def test_rows_outside_the_store_are_refused(tmp_path: Path, rows: list[int]) -> None:
    with pytest.raises(StoreError, match=r"has 5 crops; rows outside"):
        two_plates(tmp_path / "s").read(rows)


@pytest.mark.parametrize("rows", [[True, False, True], [1.0, 2.5], 3, [[0, 1]]])
def test_masks_and_fractions_are_no_rows(tmp_path: Path, rows: object) -> None:
    with pytest.raises(StoreError, match="rows are a list of whole numbers"):
        two_plates(tmp_path / "s").read(rows)  # type: ignore[arg-type]


def test_a_store_that_was_read_may_be_sent_to_another_process(tmp_path: Path) -> None:
    store = two_plates(tmp_path / "s")
    store.read([0])
    data = pickle.dumps(store)
    assert len(data) < 2000  # no pixels travel
    assert np.array_equal(pickle.loads(data).read([4, 1]), EVERY[[4, 1]])


def _sum_of(store: CellStore, rows: list[int]) -> int:
    return int(store.read(rows).sum(dtype=np.int64))


def test_many_processes_read_at_once(tmp_path: Path) -> None:
    store = two_plates(tmp_path / "s")
    asked = [[row, 4 - row] for row in range(5)] * 2
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        sums = list(pool.map(_sum_of, [store] * len(asked), asked))
    assert sums == [int(EVERY[rows].sum(dtype=np.int64)) for rows in asked]


def test_a_table_has_a_row_a_crop_with_its_place(tmp_path: Path) -> None:
    table = two_plates(tmp_path / "s").table
    assert table["Store_Shard"].tolist() == [0, 0, 0, 1, 1]
    assert table["Store_Offset"].tolist() == [0, 1, 2, 0, 1]
    assert table["Position_Row"].isna().all()
    assert table["Intensity_DAPI_mean"].to_numpy() == pytest.approx(
        np.log(np.maximum(EVERY[:, 0].mean((1, 2)), 1)), rel=1e-6
    )


# --- damage


def _card(folder: Path, **changed: object) -> None:
    path = folder / "store.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


def _shard(folder: Path, **changed: object) -> None:
    shards = json.loads((folder / "store.json").read_text())["shards"]
    _card(folder, shards=[{**shards[0], **changed}, *shards[1:]])


def _other_shape(folder: Path) -> None:
    np.save(folder / "crops-00000.npy", numbered(4))


def _cut(folder: Path) -> None:
    path = folder / "crops-00001.npy"
    path.write_bytes(path.read_bytes()[:-1])


def _objects(folder: Path) -> None:
    np.save(folder / "crops-00000.npy", np.array([None, {}], dtype=object), allow_pickle=True)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no card": (lambda at: (at / "store.json").unlink(), "no finished cell store"),
    "half a card": (lambda at: (at / "store.json").write_text('{"format": 1'), "cannot be read"),
    "a card of bytes": (lambda at: (at / "store.json").write_bytes(b"\xff\xfe"), "cannot be read"),
    "a list for a card": (lambda at: (at / "store.json").write_text("[1]"), "holds no keys"),
    "a newer format": (
        lambda at: _card(at, format=2),
        "the store has format 2; this phenovae reads up to 1",
    ),
    "a word for a format": (lambda at: _card(at, format="new"), "damaged"),
    "no shards": (lambda at: _card(at, shards=None), "damaged"),
    "a word for a count": (lambda at: _shard(at, cells="many"), "damaged"),
    "no crops in a shard": (lambda at: _shard(at, cells=0), "damaged"),
    "a shard elsewhere": (lambda at: _shard(at, file="../crops-00000.npy"), "damaged"),
    "a strange key": (lambda at: _shard(at, colour="red"), "damaged"),
    "a size of one side": (lambda at: _card(at, crop_size=[6]), "damaged"),
    "a strange pixel": (lambda at: _card(at, pixel_size_um="small"), "damaged"),
    "floats": (lambda at: _card(at, dtype="float32"), "the store's pixels are float32"),
    "a missing shard": (
        lambda at: (at / "crops-00001.npy").unlink(),
        "shard crops-00001.npy is missing",
    ),
    "a shard cut short": (_cut, "shard crops-00001.npy is damaged or cut short"),
    "an empty shard": (
        lambda at: (at / "crops-00000.npy").write_bytes(b""),
        "shard crops-00000.npy is damaged or cut short",
    ),
    "a pickled shard": (_objects, "shard crops-00000.npy is damaged or cut short"),
    "a shard of more crops": (
        _other_shape,
        r"shard crops-00000.npy holds uint16 4 × 2 × 6 × 6, not uint16 3 × 2 × 6 × 6",
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_store_is_refused_when_it_is_opened(tmp_path: Path, what: str) -> None:
    damage, said = DAMAGE[what]
    two_plates(tmp_path / "s")
    damage(tmp_path / "s")
    with pytest.raises(StoreError, match=said):
        CellStore.open(tmp_path / "s")


def test_no_store_at_all_is_told_from_an_unfinished_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such store"):
        CellStore.open(tmp_path / "gone")
    (tmp_path / "s.partial").mkdir()
    with pytest.raises(StoreError, match="no finished cell store") as caught:
        CellStore.open(tmp_path / "s.partial")
    assert "left by one that was stopped" in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
        lambda path: pq.write_table(pa.table({"a": [1, 2, 3, 4, 5]}), path),
        lambda path: write_table(pq.read_table(path).to_pandas()[::-1], path, CELLS),
        lambda path: write_table(pq.read_table(path).to_pandas()[:4], path, CELLS),
        lambda path: write_table(
            pq.read_table(path).to_pandas(), path, Schema("cells", 2, CELLS.columns, CELLS.open)
        ),
    ],
    ids=["cut", "empty", "gone", "another", "turned", "shorter", "newer"],
)
def test_a_table_that_does_not_follow_the_crops_is_refused(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    store = two_plates(tmp_path / "s")
    damage(tmp_path / "s" / "cells.parquet")
    with pytest.raises(StoreError):
        _ = CellStore.open(tmp_path / "s").table
    with pytest.raises(StoreError, match=r"cells\.parquet"):
        store.verify()


@pytest.mark.parametrize("byte", [128, -1])
def test_one_flipped_bit_of_one_pixel_is_found(tmp_path: Path, byte: int) -> None:
    store = two_plates(tmp_path / "s")
    store.verify()
    path = tmp_path / "s" / "crops-00001.npy"
    raw = bytearray(path.read_bytes())
    raw[byte] ^= 1
    path.write_bytes(raw)
    with pytest.raises(StoreError, match=r"pixels of crops-00001\.npy are not those"):
        CellStore.open(tmp_path / "s").verify()


def test_stores_of_other_pixels_or_metadata_have_other_fingerprints(tmp_path: Path) -> None:
    prints = {
        make_store(tmp_path / name, [(crops, table)], ("DAPI", "Actin")).fingerprint()
        for name, crops, table in (
            ("a", numbered(3), cell_table(3)),
            ("b", numbered(3), cell_table(3)),
            ("c", numbered(3, 1), cell_table(3)),
            ("d", numbered(3), cell_table(3, Metadata_Well="C07")),
        )
    }
    assert len(prints) == 3


# --- format 1, written without the writer


def test_a_store_of_format_1_stays_readable(tmp_path: Path) -> None:
    folder = tmp_path / "golden"
    folder.mkdir()
    pixels = np.arange(2 * 1 * 2 * 3, dtype="<u2").tobytes()
    described = b"{'descr': '<u2', 'fortran_order': False, 'shape': (2, 1, 2, 3), }"
    header = b"\x93NUMPY\x01\x00\x76\x00" + described.ljust(117) + b"\n"
    assert len(header) == 128
    (folder / "crops-00000.npy").write_bytes(header + pixels)
    strings = {
        "Metadata_Plate": "Week1_22123",
        "Metadata_Well": "B02",
        "Metadata_Batch": "Week1",
        "Metadata_Compound": "DMSO",
        "Metadata_MoA": None,
        "Metadata_Role": "negative_control",
        "Metadata_Field": "B02_s1_w1X",
        "Metadata_File": "B02_s1_w1X_7.npy",
        "Quality_Flag": "",
    }
    whole = {"Metadata_Replicate": [1, 1], "Metadata_Site": [1, 1], "Metadata_Cell": [7, 8]}
    places = {"Store_Shard": [0, 0], "Store_Offset": [0, 1]}
    floats = {
        "Metadata_Concentration": [0.0, 0.0],
        "Position_Row": [None, 4.5],
        "Position_Column": [None, 5.5],
        "Quality_Noise": [0.0, 0.0],
        "Quality_Signal": [99.0, 98.0],
    }
    table = pa.table(
        {name: pa.array([value] * 2, pa.string()) for name, value in strings.items()}
        | {name: pa.array(value, pa.int64()) for name, value in {**whole, **places}.items()}
        | {name: pa.array(value, pa.float64()) for name, value in floats.items()}
        | {"Intensity_DAPI_mean": pa.array([1.0, 2.0], pa.float32())}
    ).replace_schema_metadata({"phenovae.schema": "cells", "phenovae.version": "1"})
    pq.write_table(table, folder / "cells.parquet")
    digest = hashlib.sha256((folder / "cells.parquet").read_bytes()).hexdigest()
    (folder / "store.json").write_text(
        '{"format": 1, "channels": ["DAPI"], "pixel_size_um": null, "crop_size": [2, 3],'
        ' "dtype": "uint16", "source": "by hand", "table_sha256": "' + digest + '", "shards":'
        ' [{"file": "crops-00000.npy", "plate": "Week1_22123", "cells": 2, "sha256": "'
        + hashlib.sha256(pixels).hexdigest()
        + '"}]}'
    )
    store = CellStore.open(folder)
    store.verify()
    assert store.read([1, 0]).tolist() == [[[[6, 7, 8], [9, 10, 11]]], [[[0, 1, 2], [3, 4, 5]]]]
    assert store.table["Metadata_Cell"].tolist() == [7, 8]
    assert store.table["Position_Row"].iloc[1] == 4.5
    assert (store.channels, store.crop_size, store.pixel_size_um) == (("DAPI",), (2, 3), None)


# --- writing


def writer_at(path: Path) -> StoreWriter:
    return StoreWriter(path, ("DAPI", "Actin"), (6, 6), source="made by hand")


def test_a_writer_that_fails_leaves_the_old_store_and_nothing_else(tmp_path: Path) -> None:
    two_plates(tmp_path / "s")
    with pytest.raises(RuntimeError, match="stop"), writer_at(tmp_path / "s") as writer:
        writer.add("Week1_00009", numbered(4), cell_table(4, Metadata_Plate="Week1_00009"))
        raise RuntimeError("stop")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    assert np.array_equal(CellStore.open(tmp_path / "s").read(range(5)), EVERY)


def test_a_writer_that_is_killed_leaves_a_partial_folder_and_the_old_store(tmp_path: Path) -> None:
    two_plates(tmp_path / "s")
    program = """
        import os, signal, sys
        from pathlib import Path
        from tests.cells.made import cell_table
        from tests.cells.test_cell_store import numbered, writer_at
        with writer_at(Path(sys.argv[1])) as writer:
            writer.add("Week1_00009", numbered(4), cell_table(4, Metadata_Plate="Week1_00009"))
            os.kill(os.getpid(), signal.SIGKILL)
    """
    root = Path(__file__).parents[2]
    paths = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "s")],
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    assert done.returncode == -9
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s", "s.partial"]
    with pytest.raises(StoreError, match="no finished cell store"):
        CellStore.open(tmp_path / "s.partial")
    CellStore.open(tmp_path / "s").verify()
    two_plates(tmp_path / "s")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_what_does_not_fit_a_store_is_refused_while_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="uint8 or uint16, not float32"):
        StoreWriter(tmp_path / "s", ("A",), (6, 6), dtype="float32", source="-")
    with pytest.raises(StoreError, match="3 crops came with 2 rows"), writer_at(tmp_path) as writer:
        writer.add("P", numbered(3), cell_table(2))
    with pytest.raises(StoreError, match="do not fit a shard"), writer_at(tmp_path) as writer:
        writer.add("P", numbered(2, side=5), cell_table(2))
    with pytest.raises(StoreError, match="do not fit a shard"), writer_at(tmp_path) as writer:
        writer.add("P", numbered(2).astype(np.uint8), cell_table(2))
    with pytest.raises(StoreError, match="one after the other"), writer_at(tmp_path) as writer:
        for plate in ("P", "Q", "P"):
            writer.add(plate, numbered(1), cell_table(1, Metadata_Plate=plate))
    with pytest.raises(StoreError, match="not one crop could be stored"), writer_at(tmp_path) as w:
        w.add("P", numbered(0), cell_table(0))
        w.finish()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(PhenovaeError, match="cannot make the store"),
        writer_at(tmp_path / "file" / "s"),
    ):
        pass


def test_a_copy_of_a_store_is_the_same_store(tmp_path: Path) -> None:
    store = two_plates(tmp_path / "s")
    shutil.copytree(tmp_path / "s", tmp_path / "copy")
    copy = CellStore.open(tmp_path / "copy")
    assert copy.fingerprint() == store.fingerprint()
    assert np.array_equal(copy.read(range(5)), EVERY)
