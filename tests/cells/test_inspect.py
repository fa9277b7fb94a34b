from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.cells.made import cell_table, make_store, options, six_cells

from phenovae.base.errors import InputError, StoreError
from phenovae.base.tables import write_table
from phenovae.cells.importing import import_crops
from phenovae.cells.inspect import describe
from phenovae.cells.splits import SPLITS
from phenovae.screen.bbbc021.single_cells import single_cells


def test_a_store_is_described_in_numbers_that_can_be_counted(tmp_path: Path) -> None:
    crops = np.zeros((3, 2, 4, 4), np.uint16)
    crops[:, 0] = np.arange(16).reshape(4, 4)
    crops[1] = 7
    crops[2, 1, 0, 0] = 900
    table = cell_table(
        3,
        Metadata_Well=["B02", "B02", "C07"],
        Metadata_Role=["negative_control", "treatment", "treatment"],
        Metadata_MoA=[None, "Epithelial", "Epithelial"],
    )
    make_store(tmp_path / "s", [(crops, table)], ("DAPI", "Actin"))
    told = describe(tmp_path / "s")
    assert told["what"] == "a cell store, format 1"
    assert (told["cells"], told["plates"], told["wells"], told["fields"]) == (3, 1, 2, 1)
    assert told["crop"] == "4 × 4 px of uint16"
    assert told["grey levels"] == {
        "DAPI": {"lowest": 0, "median": 7.0, "highest": 15},
        "Actin": {"lowest": 0, "median": 0.0, "highest": 900},
    }
    assert told["cells by role"] == {"negative_control": 1, "treatment": 2}
    assert told["cells by mechanism"] == {"Epithelial": 2, "none known": 1}
    assert told["flagged"] == {"constant": 1}


def test_a_folder_of_crops_is_described_by_its_headers(tmp_path: Path) -> None:
    crops, _ = six_cells(tmp_path)
    np.save(crops / "nameless.npy", np.zeros(3))
    (crops / "B02_s1_w1X_1.npy").write_bytes(b"")
    assert describe(crops) == {
        "what": "a folder of single-cell files",
        "files": 8,
        "fields": 4,
        "headers": {
            "uint16 12 × 12 × 3": 6,
            "refused: truncated": 1,
            "refused: the name does not end in the number of a cell": 1,
        },
    }


def test_a_table_is_described_by_its_schema_and_another_as_unknown(tmp_path: Path) -> None:
    frame = pd.DataFrame({"Row": [0, 1], "Group": ["a", "b"], "Split": ["train", "test"]})
    write_table(frame, tmp_path / "splits.parquet", SPLITS)
    assert describe(tmp_path / "splits.parquet") == {
        "what": "a table of splits, format 1",
        "rows": 2,
        "columns": {"Row": "int64", "Group": "string", "Split": "string"},
    }
    frame.to_parquet(tmp_path / "other.parquet")
    assert describe(tmp_path / "other.parquet")["what"] == "a table of ?, format ?"


def test_what_is_none_of_the_three_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    (tmp_path / "empty").mkdir()
    for name, said in (
        ("notes.txt", "no cell store, no folder of crops and no Parquet table"),
        ("gone", "there is no such path"),
        ("gone.parquet", "there is no such table"),
        ("broken.parquet", "no readable Parquet file"),
        ("empty", r"holds no \.npy file"),
    ):
        with pytest.raises(InputError, match=said):
            describe(tmp_path / name)


def test_a_damaged_store_is_refused_not_described(tmp_path: Path) -> None:
    crops, table = six_cells(tmp_path)
    import_crops(single_cells(), options(crops, table), tmp_path / "s")
    assert describe(tmp_path / "s")["cells"] == 6
    (tmp_path / "s" / "crops-00001.npy").unlink()
    with pytest.raises(StoreError, match=r"crops-00001\.npy is missing"):
        describe(tmp_path / "s")
