from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cells.made import COLUMNS, field_name, table_row, write_rows

from phenovae.base.errors import FaultsError, InputError
from phenovae.cells.crop_table import read_crop_table
from phenovae.cells.records import as_line, read_records
from phenovae.screen.bbbc021.single_cells import single_cells


def rows(count: int = 4) -> list[dict[str, str]]:
    return [table_row(field_name(0), cell) for cell in range(count)]


def faults_of(path: Path) -> list[tuple[int | None, str, str, str]]:
    with pytest.raises(FaultsError) as caught:
        read_crop_table(single_cells(), path, None)
    return [(each.row, each.column, each.value, each.what) for each in caught.value.faults]


def test_every_fault_is_told_at_once_with_its_line_and_column(tmp_path: Path) -> None:
    given_rows = rows(7)
    given_rows[0]["Single_Cell_Image_Name"] = "nothing.npy"
    given_rows[1]["Single_Cell_Image_Name"] = "elsewhere_4.npy"
    given_rows[2]["Image_Metadata_Plate_DAPI"] = "plate 7"
    given_rows[3]["Image_Metadata_Well_DAPI"] = "Z99"
    given_rows[4]["Image_Metadata_Concentration"] = "high"
    given_rows[5]["Image_Metadata_Compound"] = " "
    given_rows[6]["Image_Metadata_Concentration"] = "nan"
    found = faults_of(write_rows(tmp_path / "t.csv", given_rows))
    assert [(row, column, value) for row, column, value, _ in found] == [
        (2, "Single_Cell_Image_Name", "nothing.npy"),
        (3, "Single_Cell_Image_Name", "elsewhere_4.npy"),
        (4, "Image_Metadata_Plate_DAPI", "plate 7"),
        (5, "Image_Metadata_Well_DAPI", "Z99"),
        (6, "Image_Metadata_Concentration", "high"),
        (7, "Image_Metadata_Compound", " "),
        (8, "Image_Metadata_Concentration", "nan"),
    ]
    assert [what for *_, what in found[2:6]] == [
        "the plate is not known",
        "the well has no readable name",
        "the concentration is no number",
        "no compound is named",
    ]


def test_a_cell_that_is_there_twice_is_told_with_both_lines(tmp_path: Path) -> None:
    given_rows = [*rows(3), table_row(field_name(0), 1), table_row(field_name(0).lower(), 2)]
    given_rows[4]["Single_Cell_Image_Name"] = f"other_{field_name(0)}_2.npy"
    with pytest.raises(FaultsError) as caught:
        read_crop_table(single_cells(), write_rows(tmp_path / "t.csv", given_rows), None)
    assert [(each.row, each.mend) for each in caught.value.faults] == [
        (5, "line 3 has it; remove one of the rows"),
        (6, "line 4 has it; remove one of the rows"),
    ]
    assert "t.csv, line 5, column Single_Cell_Image_Name" in str(caught.value)


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    given_rows = rows(3)
    given_rows[0]["moa"] = "two\nlines"
    given_rows[2]["Image_Metadata_Concentration"] = "x"
    path = write_rows(tmp_path / "t.csv", given_rows)
    text = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*text[:3], "\n", *text[3:]]))
    assert [row for row, *_ in faults_of(path)] == [6]


@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in ("Replicate",)][1:])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    names = [name for name in COLUMNS if name != column]
    path = write_rows(
        tmp_path / "t.csv", [{name: row[name] for name in names} for row in rows()], names
    )
    with pytest.raises(InputError, match=rf"t\.csv lacks columns: .*{column}") as caught:
        read_crop_table(single_cells(), path, None)
    assert "BBBC021_v1_image.csv" in str(caught.value)


def test_a_joint_place_that_cannot_be_parted_is_a_fault_at_its_column(tmp_path: Path) -> None:
    given_rows = [
        {
            "single_img_name": f"{field_name(0)}_{cell}.npy",
            "plate_well": place,
            "Image_Metadata_Compound": "DMSO",
            "Image_Metadata_Concentration": "0",
            "moa": "DMSO",
        }
        for cell, place in enumerate(["Week1_22123_B02", "B02", "Week1_22123_", ""])
    ]
    found = faults_of(write_rows(tmp_path / "t.csv", given_rows))
    assert {(row, column, value) for row, column, value, _ in found} == {
        (3, "plate_well", "B02"),
        (4, "plate_well", "Week1_22123_"),
        (5, "plate_well", ""),
    }


def test_rows_that_do_not_fit_the_header_are_faults_never_shifted(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.csv", rows())
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1] + ",more", lines[2], "few,cells"]) + "\n")
    assert [(row, what) for row, _, _, what in faults_of(path)] == [
        (2, "the row has 9 cells, the header 8"),
        (4, "the row has 2 cells, the header 8"),
    ]


def test_a_known_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.csv", rows())
    path.write_text("".join(f"{line},x\n" for line in path.read_text().splitlines()))
    path.write_text(path.read_text().replace("moa,x", "moa,moa", 1))
    with pytest.raises(InputError, match="has columns twice: moa"):
        read_crop_table(single_cells(), path, None)


def test_a_table_without_rows_an_empty_one_and_none_at_all_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "bare.csv").write_text(",".join(COLUMNS) + "\n")
    (tmp_path / "empty.csv").write_text("")
    for name, said in (("bare", "has no rows"), ("empty", "is empty"), ("gone", "no table gone")):
        with pytest.raises(InputError, match=said):
            read_crop_table(single_cells(), tmp_path / f"{name}.csv", None)


@pytest.mark.parametrize(
    "content",
    [b"Single_Cell_Image_Name\n\xff\xfe\n", b"\x1f\x8b\x08broken", b'a,"b' + b"x" * 200_000],
)
def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"t\.csv"):
        read_crop_table(single_cells(), tmp_path / "t.csv", None)
    with pytest.raises(InputError):
        read_crop_table(single_cells(), tmp_path, None)


def test_a_mechanism_of_a_control_is_none_and_a_blank_one_is_unknown(tmp_path: Path) -> None:
    given_rows = rows(3)
    given_rows[1] |= {"Image_Metadata_Compound": "PP-2", "moa": ""}
    given_rows[2] |= {"Image_Metadata_Compound": "UNKNOWN", "moa": "Epithelial"}
    table = read_crop_table(single_cells(), write_rows(tmp_path / "t.csv", given_rows), None)
    assert table.rows["Metadata_MoA"].fillna("?").tolist() == ["?", "?", "Epithelial"]
    assert table.rows["Metadata_Role"].tolist() == ["negative_control", "treatment", "other"]


def test_wells_and_doses_take_their_one_form(tmp_path: Path) -> None:
    given_rows = rows(3)
    for row, well, dose in zip(
        given_rows, ["b2", " B02", "B 2"], ["0.3", "0.30000001", "3e-1"], strict=True
    ):
        row |= {"Image_Metadata_Well_DAPI": well, "Image_Metadata_Concentration": dose}
    read = read_crop_table(single_cells(), write_rows(tmp_path / "t.csv", given_rows), None).rows
    assert read["Metadata_Well"].tolist() == ["B02"] * 3
    assert read["Metadata_Concentration"].tolist() == [0.3] * 3


_CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


@settings(max_examples=80, deadline=None)
@given(
    cells=st.lists(st.tuples(_CELL, _CELL, _CELL), max_size=6),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
    last=st.booleans(),
)
def test_a_table_is_read_as_it_was_written_and_comes_back_byte_for_byte(
    cells: list[tuple[str, str, str]], end: str, mark: bool, last: bool
) -> None:
    rows_of_text = [as_line(["", "b", "ü,"]), *(as_line(row) for row in cells)]
    text = "".join(row.removesuffix("\n") + end for row in rows_of_text)
    text = ("\ufeff" if mark else "") + (text if last else text.removesuffix(end))
    with tempfile.TemporaryDirectory() as folder:
        path, back = Path(folder) / "t.csv", Path(folder) / "back.csv"
        path.write_text(text, encoding="utf-8", newline="")
        records = read_records(path, (), 64)
        assert list(records.cells.columns) == ["", "b", "ü,"]
        assert [tuple(row) for row in records.cells.to_numpy()] == cells
        records.origin.write(range(len(cells))[::-1], back)
        assert back.read_bytes() == path.read_bytes()
