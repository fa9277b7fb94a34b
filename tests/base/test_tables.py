from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from phenovae.base.errors import InputError
from phenovae.base.tables import (
    Column,
    OpenColumns,
    Schema,
    TableWriter,
    empty_table,
    read_batches,
    read_rows,
    read_table,
    write_table,
)

THINGS = Schema(
    "things",
    2,
    (
        Column("Name", "string", "what it is"),
        Column("Size", "float64", "how big", "µm", nullable=True),
        Column("Count", "int64", "how many"),
    ),
    (OpenColumns(r"z_\d{3}", "float32", "a latent"),),
)


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Name": ["a", "b"],
            "Size": [1.5, np.nan],
            "Count": [1, 2],
            "z_000": np.array([0.5, 1.0], np.float32),
        }
    )


def test_a_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_table(frame(), tmp_path / "t.parquet", THINGS)
    back = read_table(tmp_path / "t.parquet", THINGS)
    assert list(back.columns) == ["Name", "Size", "Count", "z_000"]
    assert back["z_000"].dtype == np.float32
    assert back["Size"].isna().tolist() == [False, True]


def test_a_column_that_the_schema_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column 'Sise'") as caught:
        write_table(frame().rename(columns={"Size": "Sise"}), tmp_path / "t.parquet", THINGS)
    assert "did you mean 'Size'" in str(caught.value)


def test_a_missing_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lacks columns: Count"):
        write_table(frame().drop(columns="Count"), tmp_path / "t.parquet", THINGS)


def test_a_missing_value_in_a_required_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rows without Name"):
        write_table(
            frame().assign(Name=pd.Series(["a", None], dtype="object")),
            tmp_path / "t.parquet",
            THINGS,
        )


def test_a_wrong_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not fit"):
        write_table(frame().assign(Count=["one", "two"]), tmp_path / "t.parquet", THINGS)


def test_a_newer_format_is_refused_naming_the_versions(tmp_path: Path) -> None:
    newer = Schema("things", 3, THINGS.columns, THINGS.open)
    write_table(frame(), tmp_path / "t.parquet", newer)
    with pytest.raises(InputError, match=r"format 3.*up to format 2") as caught:
        read_table(tmp_path / "t.parquet", THINGS)
    assert "newer phenovae" in str(caught.value)


def test_another_table_is_refused(tmp_path: Path) -> None:
    other = Schema("others", 1, THINGS.columns, THINGS.open)
    write_table(frame(), tmp_path / "t.parquet", other)
    with pytest.raises(InputError, match="no table of things but of others"):
        read_table(tmp_path / "t.parquet", THINGS)
    frame().to_parquet(tmp_path / "plain.parquet")
    with pytest.raises(InputError, match="no table of things"):
        read_table(tmp_path / "plain.parquet", THINGS)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_table(frame(), path, THINGS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="no readable Parquet"):
        read_table(path, THINGS)


def test_batches_hold_all_rows_in_order(tmp_path: Path) -> None:
    many = pd.concat([frame()] * 5, ignore_index=True)
    write_table(many, tmp_path / "t.parquet", THINGS)
    pieces = list(read_batches(tmp_path / "t.parquet", THINGS, ["Count"], rows=3))
    assert [len(piece) for piece in pieces] == [3, 3, 3, 1]
    assert pd.concat(pieces)["Count"].tolist() == [1, 2] * 5


def test_equal_tables_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_table(frame(), tmp_path / name, THINGS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert pq.read_schema(tmp_path / "a").metadata[b"phenovae.version"] == b"2"


@pytest.mark.parametrize("pieces", [[1, 1, 1], [3], [2, 1], [0, 3]])
def test_a_table_written_in_pieces_is_the_same_file_whatever_the_pieces(
    pieces: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phenovae.base.tables._GROUP", 2)
    rows = pd.concat([frame(), frame().iloc[:1]], ignore_index=True)
    with TableWriter(tmp_path / "whole.parquet", THINGS) as writer:
        writer.add(rows)
    with TableWriter(tmp_path / "pieces.parquet", THINGS) as writer:
        for end, count in zip(np.cumsum(pieces), pieces, strict=True):
            writer.add(rows.iloc[end - count : end].reset_index(drop=True))
    assert (tmp_path / "pieces.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert pq.ParquetFile(tmp_path / "pieces.parquet").num_row_groups == 2
    assert read_table(tmp_path / "pieces.parquet", THINGS).equals(rows)


def test_a_table_written_without_a_piece_has_its_columns_and_no_row(tmp_path: Path) -> None:
    with TableWriter(tmp_path / "t.parquet", THINGS):
        pass
    assert list(read_table(tmp_path / "t.parquet", THINGS)) == list(empty_table(THINGS))


def test_a_table_that_was_broken_off_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), TableWriter(tmp_path / "t.parquet", THINGS) as w:
        w.add(frame())
        raise ValueError("stop")
    assert list(tmp_path.iterdir()) == []


def test_rows_of_one_value_are_read_alone(tmp_path: Path) -> None:
    write_table(frame(), tmp_path / "t.parquet", THINGS)
    assert read_rows(tmp_path / "t.parquet", THINGS, "Name", "b")["Count"].tolist() == [2]
    assert len(read_rows(tmp_path / "t.parquet", THINGS, "Name", "none")) == 0
