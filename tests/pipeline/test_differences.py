from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenovae.pipeline.differences import Difference, Likeness, compare_output


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    folders = tmp_path / "before", tmp_path / "a ter"
    for folder in folders:
        folder.mkdir()
    return folders


def only(found: list[Difference]) -> Difference:
    (difference,) = found
    return difference


def parquet(folder: Path, **columns: object) -> None:
    pd.DataFrame(columns).to_parquet(folder / "t.parquet")


def test_equal_bytes_are_identical_whatever_they_are(pair: tuple[Path, Path]) -> None:
    for folder in pair:
        (folder / "x.bin").write_bytes(b"\x00\xff")
    assert only(compare_output(*pair, "x.bin")).likeness is Likeness.IDENTICAL
    (pair[1] / "x.bin").write_bytes(b"\x00\xfe")
    assert only(compare_output(*pair, "x.bin")).likeness is Likeness.DIFFERENT
    (pair[1] / "x.bin").unlink()
    assert only(compare_output(*pair, "x.bin")).places == ("not there now",)


@pytest.mark.parametrize(
    ("value", "likeness"),
    [(1.0, Likeness.IDENTICAL), (1.000009, Likeness.CLOSE), (1.00002, Likeness.DIFFERENT),
     (float("nan"), Likeness.DIFFERENT), (float("inf"), Likeness.DIFFERENT)],
)  # fmt: skip
def test_numbers_of_a_table_are_compared_within_a_hundred_thousandth(
    value: float, likeness: Likeness, pair: tuple[Path, Path]
) -> None:
    parquet(pair[0], a=["x", "y"], b=[0.5, 1.0])
    parquet(pair[1], a=["x", "y"], b=[0.5, value])
    found = only(compare_output(*pair, "t.parquet"))
    assert found.likeness is likeness
    if likeness is Likeness.DIFFERENT:
        (place,) = found.places
        assert place.startswith("column b: 1 of 2 values")


def test_large_numbers_are_compared_by_their_size(pair: tuple[Path, Path]) -> None:
    parquet(pair[0], b=[1e9])
    parquet(pair[1], b=[1e9 + 1e3])
    found = only(compare_output(*pair, "t.parquet"))
    assert found.likeness is Likeness.CLOSE
    assert found.largest == pytest.approx(1e-6, rel=1e-3)


def test_words_columns_and_rows_that_differ_are_named(pair: tuple[Path, Path]) -> None:
    parquet(pair[0], a=["x", None], b=[1, 2])
    parquet(pair[1], a=["x", "z"], c=[1, 2])
    assert only(compare_output(*pair, "t.parquet")).places == (
        "column b: not there now", "column c: not there before", "column a: 1 of 2 values",
    )  # fmt: skip
    parquet(pair[1], a=["x"], b=[1])
    assert only(compare_output(*pair, "t.parquet")).places == ("1 rows, were 2",)


def test_scores_that_differ_are_named_by_what_they_are_of(pair: tuple[Path, Path]) -> None:
    for folder, value in zip(pair, (0.5, 0.25), strict=True):
        record = {"metric": "NSC", "features": "model", "protocol": "p", "value": value, "low": 1}
        (folder / "scores.json").write_text(json.dumps([record]))
    found = only(compare_output(*pair, "scores.json"))
    assert found.places == ("NSC model p.value: 0.25, was 0.5",)
    assert found.largest == 0.25


def test_a_history_differs_by_its_numbers_and_not_by_its_clock(pair: tuple[Path, Path]) -> None:
    for folder, seconds in zip(pair, (1, 2), strict=True):
        (folder / "h.csv").write_text(f"epoch,elbo,seconds\n1,-2.5,{seconds}\n")
    assert only(compare_output(*pair, "h.csv")).likeness is Likeness.SAME
    (pair[1] / "h.csv").write_text("epoch,elbo,seconds\n1,-2.6,2\n")
    assert only(compare_output(*pair, "h.csv")).places == ("line 2, column elbo: -2.6, was -2.5",)
    (pair[1] / "h.csv").write_text("epoch,elbo,seconds\n")
    assert only(compare_output(*pair, "h.csv")).places == ("line 2: not there now",)


def test_reports_are_compared_without_times_and_title(pair: tuple[Path, Path]) -> None:
    for number, folder in enumerate(pair):
        (folder / "r.html").write_text(
            f"<title>{number}</title>\n<td>2026-01-0{number + 1} 10:00:00</td>\n<p>same</p>\n"
        )
    assert only(compare_output(*pair, "r.html")).likeness is Likeness.SAME
    with (pair[1] / "r.html").open("a") as file:
        file.write("<p>more</p>\n")
    assert only(compare_output(*pair, "r.html")).places == ("1 of 2 lines",)


def test_arrays_of_every_kind_of_file_are_compared(pair: tuple[Path, Path]) -> None:
    from safetensors.numpy import save_file

    for folder, value in zip(pair, (3, 4), strict=True):
        array = np.array([[1, 2], [value, 5]], dtype=np.uint16)
        np.save(folder / "a.npy", array)
        if value == 3:
            np.savez(folder / "b.npz", x=array, y=array)
        else:
            np.savez(folder / "b.npz", x=array)
        save_file({"w": array.astype(np.float32)}, folder / "c.safetensors")
    assert only(compare_output(*pair, "a.npy")).places[0].startswith("values: 1 of 4 values")
    assert only(compare_output(*pair, "b.npz")).places[1] == "y: not there now"
    assert only(compare_output(*pair, "c.safetensors")).places[0].startswith("w: 1 of 4")


def test_a_folder_is_compared_file_by_file_without_checkpoints(pair: tuple[Path, Path]) -> None:
    for number, folder in enumerate(pair):
        (folder / "model" / "checkpoints").mkdir(parents=True)
        (folder / "model" / "checkpoints" / "c").write_text(str(number))
        (folder / "model" / "card.json").write_text("{}")
    (pair[1] / "model" / "new").write_text("")
    found = {each.name: each.likeness for each in compare_output(*pair, "model")}
    assert found == {"model/card.json": Likeness.IDENTICAL, "model/new": Likeness.MISSING}


def test_a_damaged_file_is_different_and_ends_nothing(pair: tuple[Path, Path]) -> None:
    parquet(pair[0], a=[1])
    (pair[1] / "t.parquet").write_bytes(b"PAR1 cut short")
    assert "cannot be read" in only(compare_output(*pair, "t.parquet")).places[0]
