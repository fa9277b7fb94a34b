from __future__ import annotations

import csv
import tempfile
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.cells.made import (
    COLUMNS,
    cell_pixels,
    cell_table,
    field_name,
    files_under,
    make_store,
    options,
    six_cells,
    table_row,
    write_crop,
    write_rows,
)

from phenovae.base.errors import PhenovaeError, UsageError
from phenovae.cells.export import export_crops
from phenovae.cells.importing import import_crops
from phenovae.cells.store import CellStore
from phenovae.screen.bbbc021.single_cells import single_cells

Layout = Literal["nested", "flat"]


def round_trip(crops: Path, table: Path, folder: Path, layout: Layout) -> dict[str, bytes]:
    import_crops(single_cells(), options(crops, table), folder / "store")
    export_crops(CellStore.open(folder / "store"), folder / "back", layout=layout)
    return files_under(folder / "back")


@pytest.mark.parametrize("layout", ["nested", "flat"])
def test_files_and_table_come_back_byte_for_byte(tmp_path: Path, layout: Layout) -> None:
    crops, table = six_cells(tmp_path, nested=layout == "nested")
    expected = {**files_under(crops), "metadata.csv": table.read_bytes()}
    assert round_trip(crops, table, tmp_path, layout) == expected


def test_the_layout_may_be_changed_on_the_way_out(tmp_path: Path) -> None:
    crops, table = six_cells(tmp_path, nested=False)
    found = round_trip(crops, table, tmp_path, "nested")
    assert f"{field_name(1, 'C07')}/{field_name(1, 'C07')}_12.npy" in found
    files = {Path(name).name: data for name, data in found.items() if name.endswith(".npy")}
    assert files == files_under(crops)


def _difficult(table: Path, kind: str) -> bytes:
    text = table.read_text(encoding="utf-8")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if kind == "an index without a name":
        lines = text.splitlines()
        text = "\n".join([f",{lines[0]}", *(f"{9 - n},{line}" for n, line in enumerate(lines[1:]))])
    elif kind == "a column called Unnamed":
        text = text.replace("Replicate", "Unnamed: 0", 1)
    elif kind == "two columns of one name":
        text = "".join(f"{line},x,y\n" for line in text.splitlines()).replace("moa,x,y", "moa,a,a")
    elif kind == "ends of lines of Windows":
        text = text.replace("\n", "\r\n")
    elif kind == "a byte order mark":
        text = "\ufeff" + text
    elif kind == "no last end of line":
        text = text.removesuffix("\n")
    elif kind == "an empty line":
        text = text.replace("\n", "\n\n", 3)
    elif kind == "another order of columns":
        write_rows(table, rows, sorted(COLUMNS, key=lambda name: name[::-1]))
        return table.read_bytes()
    elif kind == "quotes, commas, blanks and unicode":
        for row, value in zip(
            rows, ['say "so"', "a, b", "", " µ → ∞ ", "two\nlines", "NA"], strict=True
        ):
            row["Note"] = value
        write_rows(table, rows, ["Note", *COLUMNS])
        return table.read_bytes()
    elif kind == "every cell quoted":
        text = "".join(
            ",".join(f'"{cell}"' for cell in line.split(",")) + "\n" for line in text.splitlines()
        )
    else:
        text = text.replace("0.0,", "0.00,").replace("0.3,", " 3e-1,").replace(",1,", ",01,")
    table.write_bytes(text.encode())
    return table.read_bytes()


@pytest.mark.parametrize(
    "kind",
    [
        "an index without a name",
        "a column called Unnamed",
        "two columns of one name",
        "ends of lines of Windows",
        "a byte order mark",
        "no last end of line",
        "an empty line",
        "another order of columns",
        "quotes, commas, blanks and unicode",
        "every cell quoted",
        "numbers written in other ways",
    ],
)
def test_a_table_of_any_hand_comes_back_byte_for_byte(tmp_path: Path, kind: str) -> None:
    crops, table = six_cells(tmp_path)
    before = table.read_bytes()
    content = _difficult(table, kind)
    assert content != before
    assert round_trip(crops, table, tmp_path, "nested")["metadata.csv"] == content


def test_rows_of_cells_that_were_refused_do_not_come_back(tmp_path: Path) -> None:
    crops, table = six_cells(tmp_path)
    (crops / field_name(0) / f"{field_name(0)}_12.npy").write_bytes(b"")
    lines = table.read_text().splitlines(keepends=True)
    back = round_trip(crops, table, tmp_path, "nested")["metadata.csv"].decode()
    assert back == "".join([*lines[:2], *lines[3:]])


def test_the_rows_come_back_in_the_order_of_the_table_not_of_the_store(tmp_path: Path) -> None:
    crops, table = six_cells(tmp_path)
    head, *rows = table.read_text().splitlines(keepends=True)
    table.write_text("".join([head, *rows[::-1]]))
    assert round_trip(crops, table, tmp_path, "nested")["metadata.csv"] == table.read_bytes()


def test_of_a_table_of_features_the_columns_that_tell_of_the_cell_are_left(tmp_path: Path) -> None:
    field = field_name(0)
    write_crop(tmp_path / "crops", field, 1, cell_pixels(0), nested=True)
    told = {
        "single_img_name": f"{field}_1.npy",
        "plate_well": "Week1_22123_B02",
        "Image_Metadata_Compound": "a, b",
        "Image_Metadata_Concentration": "0.30",
        "moa": "DMSO",
    }
    features = {f"latent_{number}": "0.5" for number in range(100)}
    table = write_rows(tmp_path / "t.csv", [{**features, **told}])
    back = round_trip(tmp_path / "crops", table, tmp_path, "nested")["metadata.csv"].decode()
    assert back.splitlines() == [",".join(told), f'{field}_1.npy,Week1_22123_B02,"a, b",0.30,DMSO']


@settings(max_examples=20, deadline=None)
@given(
    pixels=st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 4)).flatmap(
        lambda shape: st.one_of(
            arrays(np.uint16, (2, *shape), elements=st.integers(0, 65535)),
            arrays(np.uint8, (2, *shape), elements=st.integers(0, 255)),
        )
    ),
    layout=st.sampled_from(["nested", "flat"]),
)
def test_crops_of_any_size_and_content_come_back_byte_for_byte(
    pixels: np.ndarray, layout: Layout
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        field = field_name(3)
        for cell, crop in enumerate(pixels):
            write_crop(folder / "crops", field, cell, crop, nested=layout == "nested")
        table = write_rows(folder / "t.csv", [table_row(field, cell) for cell in range(2)])
        channels = tuple(f"C{number}" for number in range(pixels.shape[-1]))
        asked = options(folder / "crops", table, channels=channels)
        assert import_crops(single_cells(), asked, folder / "store").imported == 2
        export_crops(CellStore.open(folder / "store"), folder / "back", layout=layout)
        back = files_under(folder / "back")
        assert back.pop("metadata.csv") == table.read_bytes()
        assert back == files_under(folder / "crops")


def test_a_store_that_was_never_files_gets_a_table_that_imports_again(tmp_path: Path) -> None:
    crops = np.stack([cell_pixels(seed).transpose(2, 0, 1) for seed in range(3)])
    field = field_name(5)
    table = cell_table(
        3,
        Metadata_Field=field,
        Metadata_Compound=["DMSO", "a, b", "c"],
        Metadata_Concentration=[0.0, 0.3, 10.0],
        Metadata_MoA=[None, "Epithelial", None],
        Metadata_Role=["negative_control", "treatment", "treatment"],
        Metadata_Replicate=[1, None, 2],
        Metadata_File=[f"{field}_{cell}.npy" for cell in range(3)],
    )
    store = make_store(tmp_path / "first", [(crops, table)])
    assert export_crops(store, tmp_path / "back") == 3
    lines = (tmp_path / "back" / "metadata.csv").read_text().splitlines()
    assert lines[1:] == [
        f"0,{field},0,{field}_0.npy,Week1_00001,B02,1,DMSO,0.0,DMSO",
        f'0,{field},1,{field}_1.npy,Week1_00001,B02,,"a, b",0.3,Epithelial',
        f"0,{field},2,{field}_2.npy,Week1_00001,B02,2,c,10.0,",
    ]
    asked = options(tmp_path / "back", tmp_path / "back" / "metadata.csv")
    import_crops(single_cells(), asked, tmp_path / "second")
    again = CellStore.open(tmp_path / "second")
    assert again.table.equals(store.table)
    assert np.array_equal(again.read(range(3)), crops)


def test_a_folder_that_is_not_empty_or_no_folder_is_refused(tmp_path: Path) -> None:
    crops, table = six_cells(tmp_path)
    import_crops(single_cells(), options(crops, table), tmp_path / "store")
    store = CellStore.open(tmp_path / "store")
    with pytest.raises(UsageError, match="not empty"):
        export_crops(store, crops)
    with pytest.raises(UsageError, match="not a folder"):
        export_crops(store, table)
    (tmp_path / "empty").mkdir()
    assert export_crops(store, tmp_path / "empty") == 6


def test_a_full_disk_is_told_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, table = six_cells(tmp_path)
    import_crops(single_cells(), options(crops, table), tmp_path / "store")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(PhenovaeError, match="No space left") as caught:
        export_crops(CellStore.open(tmp_path / "store"), tmp_path / "back")
    assert "make room" in str(caught.value)
