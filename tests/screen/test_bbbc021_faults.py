"""Damaged tables: each fault with its place, and all faults of a table at once."""

from __future__ import annotations

import gzip
import logging
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.screen.small_tables import (
    COMPOUND,
    DOSE,
    FOLDERS,
    NAMES,
    PLATE,
    WELL,
    Rows,
    as_csv,
    faults_of,
    image_rows,
    moa_rows,
    places,
    write_tables,
)

from phenovae.base.errors import FaultsError
from phenovae.screen.bbbc021.tables import read_sites

NAME_OF_B02 = image_rows()[0][NAMES[0]]


def changed(line: int, column: str, value: str) -> Rows:
    """The whole image table with one other value."""
    rows = image_rows()
    rows[line - 2][column] = value
    return rows


def without(column: str, rows: Rows) -> Rows:
    return [{name: row[name] for name in row if name != column} for row in rows]


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        (PLATE, "P1", "the plate is not known"),
        (PLATE, "", "the plate is not known"),
        (PLATE, "Week1-22123", "the plate is not known"),
        (WELL, "Z99", "'Z99' lies outside a plate"),
        (WELL, "", "'' is no name of a well"),
        (WELL, "well 2", "'well 2' is no name of a well"),
        (DOSE, "high", "the concentration is no number"),
        (DOSE, "NaN", "the concentration is no number"),
        (DOSE, "inf", "the concentration is no number"),
        (DOSE, "-0.3", "the concentration is no number"),
        (DOSE, "0,3", "the concentration is no number"),
        (DOSE, "", "the concentration is missing"),
        (COMPOUND, "", "the compound is missing"),
        ("Replicate", "two", "the replicate is no whole number"),
        ("Replicate", "1.5", "the replicate is no whole number"),
        ("Replicate", "²", "the replicate is no whole number"),
        (NAMES[0], "", "this is no name of a BBBC021 image"),
        (NAMES[1], "B02.tif", "this is no name of a BBBC021 image"),
        (NAMES[2], "Week1_150607_B02_s1_w4ABC", "this is no name of a BBBC021 image"),
    ],
)
def test_a_value_that_cannot_be_read_is_shown_with_its_place(
    tmp_path: Path, column: str, value: str, what: str
) -> None:
    (fault,) = faults_of(write_tables(tmp_path, changed(3, column, value)))
    assert places([fault]) == [("image.csv", 3, column, value)]
    assert fault.what == what
    assert fault.mend


def test_a_name_that_does_not_carry_its_well_is_shown(tmp_path: Path) -> None:
    name = NAME_OF_B02.replace("B02", "B03")
    (fault,) = faults_of(write_tables(tmp_path, changed(2, NAMES[0], name)))
    assert places([fault]) == [("image.csv", 2, NAMES[0], name)]
    assert fault.what == "the file is not of well B02"


def test_a_well_that_no_file_carries_is_one_fault_and_not_one_a_channel(tmp_path: Path) -> None:
    (fault,) = faults_of(write_tables(tmp_path, changed(2, WELL, "B03")))
    assert places([fault]) == [("image.csv", 2, WELL, "B03")]
    assert fault.what == "the well is not that of its files, B02"


def test_files_that_differ_from_the_well_and_from_each_other_are_shown_each(
    tmp_path: Path,
) -> None:
    rows = image_rows()
    for name, well in zip(NAMES, ("B03", "B04", "B03"), strict=True):
        rows[0][name] = rows[0][name].replace("B02", well)
    faults = faults_of(write_tables(tmp_path, rows))
    assert places(faults) == [("image.csv", 2, name, rows[0][name]) for name in NAMES]


def test_a_plate_that_is_not_that_of_its_folders_is_one_fault(tmp_path: Path) -> None:
    (fault,) = faults_of(write_tables(tmp_path, changed(2, PLATE, "Week2_24121")))
    assert places([fault]) == [("image.csv", 2, PLATE, "Week2_24121")]
    assert fault.what == "the plate is not that of its files, Week1_22123"


@pytest.mark.parametrize("folder", ["Week1/Week1_22141", "", "Week1\\Week1_22123"])
def test_a_folder_of_another_plate_is_shown(tmp_path: Path, folder: str) -> None:
    (fault,) = faults_of(write_tables(tmp_path, changed(2, FOLDERS[1], folder)))
    assert places([fault]) == [("image.csv", 2, FOLDERS[1], folder)]
    assert fault.what == "the file is not of plate Week1_22123"


def test_a_file_of_another_channel_is_shown(tmp_path: Path) -> None:
    (fault,) = faults_of(write_tables(tmp_path, changed(2, NAMES[1], NAME_OF_B02)))
    assert places([fault]) == [("image.csv", 2, NAMES[1], NAME_OF_B02)]
    assert fault.what == "the file name is not of channel w2, Tubulin"


def test_channels_of_different_sites_are_shown(tmp_path: Path) -> None:
    name = image_rows()[0][NAMES[2]].replace("_s1_", "_s7_")
    (fault,) = faults_of(write_tables(tmp_path, changed(2, NAMES[2], name)))
    assert places([fault]) == [("image.csv", 2, NAMES[2], name)]
    assert fault.what == "the channels are of different sites"


def test_a_row_that_is_there_twice_is_one_fault_that_names_both_lines(tmp_path: Path) -> None:
    rows = image_rows()
    (fault,) = faults_of(write_tables(tmp_path, [*rows, rows[3]]))
    assert places([fault]) == [("image.csv", 16, f"{PLATE}, {WELL}", "Week1_22123 B11 s2")]
    assert fault.what == "the site is there twice"
    assert "line 5" in fault.mend


def test_a_site_with_two_sets_of_files_is_there_twice(tmp_path: Path) -> None:
    again = {name: value.replace("Week1_150607", "Week1_150608") for name, value in
             image_rows()[0].items()}  # fmt: skip
    (fault,) = faults_of(write_tables(tmp_path, [*image_rows(), again]))
    assert places([fault]) == [("image.csv", 16, f"{PLATE}, {WELL}", "Week1_22123 B02 s1")]


def test_a_file_of_two_plates_is_shown(tmp_path: Path) -> None:
    rows = image_rows()
    rows[8][NAMES[0]] = rows[0][NAMES[0]]
    (fault,) = faults_of(write_tables(tmp_path, rows))
    assert fault.what == "the file is there twice"
    assert places([fault]) == [
        ("image.csv", 10, NAMES[0], NAME_OF_B02.removesuffix(".tif")),
    ]
    assert "line 2" in fault.mend


@pytest.mark.parametrize(
    ("column", "value", "shown"), [(COMPOUND, "taxol", "taxol 1"), (DOSE, "3", "colchicine 3")]
)
def test_a_well_with_two_treatments_is_shown(
    tmp_path: Path, column: str, value: str, shown: str
) -> None:
    (fault,) = faults_of(write_tables(tmp_path, changed(9, column, value)))
    assert places([fault]) == [("image.csv", 9, f"{COMPOUND}, {DOSE}", shown)]
    assert fault.what == "the well Week1_22123 C03 holds two treatments"
    assert "line 8 has colchicine 1" in fault.mend


def test_one_dose_written_in_two_ways_is_one_treatment(tmp_path: Path) -> None:
    tables = write_tables(tmp_path, changed(3, DOSE, "0.00"))
    assert len(read_sites(tables.images, tables.moa)) == 14


@pytest.mark.parametrize("column", [NAMES[0], FOLDERS[2], PLATE, WELL, "Replicate", COMPOUND, DOSE])
def test_a_missing_column_is_one_fault(tmp_path: Path, column: str) -> None:
    (fault,) = faults_of(write_tables(tmp_path, without(column, image_rows())))
    assert places([fault]) == [("image.csv", 1, column, "")]
    assert fault.what == "a column is missing"


def test_all_missing_columns_and_faults_of_the_others_are_told_at_once(tmp_path: Path) -> None:
    rows = without(COMPOUND, without(FOLDERS[0], changed(4, DOSE, "high")))
    rows.append(rows[0])
    moa = without("moa", moa_rows())
    moa[1]["concentration"] = "low"
    assert places(faults_of(write_tables(tmp_path, rows, moa))) == [
        ("image.csv", 1, FOLDERS[0], ""),
        ("image.csv", 1, COMPOUND, ""),
        ("image.csv", 4, DOSE, "high"),
        ("image.csv", 16, f"{PLATE}, {WELL}", "Week1_22123 B02 s1"),
        ("moa.csv", 1, "moa", ""),
        ("moa.csv", 3, "concentration", "low"),
    ]


def test_a_column_that_is_there_twice_is_a_fault(tmp_path: Path) -> None:
    text = as_csv(image_rows()).replace("TableNumber", DOSE, 1)
    (fault,) = faults_of(write_tables(tmp_path, text))
    assert places([fault]) == [("image.csv", 1, DOSE, "")]
    assert fault.what == "a column is there twice"


@pytest.mark.parametrize(
    ("change", "line", "fields", "what"),
    [
        (lambda line: line.rpartition(",")[0], 4, "12", "the row has too few values"),
        (lambda line: "0", 4, "1", "the row has too few values"),
        (lambda line: line + ",", 4, "14", "the row has too many values"),
        (lambda line: line.replace("taxol", "taxol,x"), 4, "14", "the row has too many values"),
    ],
)
def test_a_ragged_row_is_one_fault_with_its_line(
    tmp_path: Path, change: Callable[[str], str], line: int, fields: str, what: str
) -> None:
    lines = as_csv(image_rows()).splitlines()
    lines[line - 1] = change(lines[line - 1])
    (fault,) = faults_of(write_tables(tmp_path, "\n".join(lines)))
    assert places([fault]) == [("image.csv", line, "", fields)]
    assert fault.what == what
    assert "13" in fault.mend


def test_an_open_quotation_mark_spoils_its_own_row_alone(tmp_path: Path) -> None:
    lines = as_csv(changed(9, DOSE, "high")).splitlines()
    lines[3] = lines[3].replace("taxol", '"taxol')
    faults = faults_of(write_tables(tmp_path, "\n".join(lines)))
    assert places(faults) == [("image.csv", 4, "", ""), ("image.csv", 9, DOSE, "high")]
    assert faults[0].what == "a quotation mark is not closed"


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    text = as_csv(changed(3, DOSE, "high"), end="\r\n").replace("\r\n", "\r\n\r\n", 2)
    (fault,) = faults_of(write_tables(tmp_path, text))
    assert fault.row == 5


def test_all_faults_of_one_row_are_told_at_once(tmp_path: Path) -> None:
    rows = image_rows()
    rows[1] |= {
        PLATE: "P1",
        WELL: "",
        "Replicate": "x",
        COMPOUND: "",
        DOSE: "inf",
        NAMES[0]: "x.tif",
        NAMES[1]: rows[1][NAMES[2]],
        NAMES[2]: rows[0][NAMES[2]],
    }
    assert sorted(places(faults_of(write_tables(tmp_path, rows)))) == sorted(
        [
            ("image.csv", 3, PLATE, "P1"),
            ("image.csv", 3, WELL, ""),
            ("image.csv", 3, "Replicate", "x"),
            ("image.csv", 3, COMPOUND, ""),
            ("image.csv", 3, DOSE, "inf"),
            ("image.csv", 3, NAMES[0], "x.tif"),
            ("image.csv", 3, NAMES[1], rows[1][NAMES[1]]),  # not of its channel
            ("image.csv", 3, NAMES[2], rows[0][NAMES[2]]),  # not of its site
        ]
    )


def test_a_row_with_a_bad_dose_may_be_a_row_too_many_as_well(tmp_path: Path) -> None:
    rows = image_rows()
    rows.append({**rows[0], DOSE: "high"})
    assert places(faults_of(write_tables(tmp_path, rows))) == [
        ("image.csv", 16, DOSE, "high"),
        ("image.csv", 16, f"{PLATE}, {WELL}", "Week1_22123 B02 s1"),
    ]


def test_a_row_in_doubt_about_its_place_is_not_blamed_for_the_well_it_names(
    tmp_path: Path,
) -> None:
    (fault,) = faults_of(write_tables(tmp_path, changed(9, WELL, "D05")))
    assert fault.column == WELL


def test_faults_of_every_kind_in_both_tables_are_told_at_once(tmp_path: Path) -> None:
    rows = image_rows()
    rows[0][PLATE] = "P1"
    rows[1][WELL] = "B"
    rows[2][DOSE] = "-1"
    rows[3][NAMES[1]] = rows[3][NAMES[1]].replace("B11", "B10")
    rows[4][NAMES[2]] = rows[4][NAMES[2]].replace("_s1_", "_s2_")
    rows[7][COMPOUND] = "taxol"
    rows[9] = dict(rows[8])
    rows[12][COMPOUND] = ""
    lines = as_csv(rows).splitlines()
    lines[11] += ",extra"
    lines[12] = lines[12].rpartition(",")[0]
    moa = [
        *moa_rows(),
        {"compound": "taxol", "concentration": "0.3", "moa": "Actin disruptors"},
        {"compound": "colchicine", "concentration": "NaN", "moa": "Actin disruptors"},
        {"compound": "taxol", "concentration": "77", "moa": "DNA damage"},
        {"compound": "nocodazole", "concentration": "3", "moa": ""},
        {"compound": "", "concentration": "3", "moa": "DNA damage"},
    ]
    faults = faults_of(write_tables(tmp_path, "\n".join(lines), moa))
    assert [(Path(fault.file).name, fault.row, fault.what) for fault in faults] == [
        ("image.csv", 2, "the plate is not known"),
        ("image.csv", 3, "'B' is no name of a well"),
        ("image.csv", 4, "the concentration is no number"),
        ("image.csv", 5, "the file is not of well B11"),
        ("image.csv", 6, "the channels are of different sites"),
        ("image.csv", 9, "the well Week1_22123 C03 holds two treatments"),
        ("image.csv", 11, "the site is there twice"),
        ("image.csv", 12, "the row has too many values"),
        ("image.csv", 13, "the row has too few values"),
        ("image.csv", 14, "the compound is missing"),
        ("moa.csv", 6, "a treatment has two mechanisms"),
        ("moa.csv", 7, "the concentration is no number"),
        ("moa.csv", 8, "a treatment of the mechanism table is on no plate"),
        ("moa.csv", 9, "the mechanism is missing"),
        ("moa.csv", 10, "the compound is missing"),
    ]
    assert all(fault.mend for fault in faults)


def test_a_mechanism_on_no_plate_is_shown_though_the_images_are_damaged(tmp_path: Path) -> None:
    moa = [*moa_rows(), {"compound": "taxol", "concentration": "7", "moa": "x"}]
    faults = faults_of(write_tables(tmp_path, changed(2, WELL, ""), moa))
    assert places(faults) == [
        ("image.csv", 2, WELL, ""),
        ("moa.csv", 6, "compound, concentration", "taxol 7"),
    ]


def test_a_dose_that_differs_is_on_no_plate(tmp_path: Path) -> None:
    moa = as_csv(moa_rows()).replace("0.300000", "0.310000")
    (fault,) = faults_of(write_tables(tmp_path, None, moa))
    assert places([fault]) == [("moa.csv", 2, "compound, concentration", "taxol 0.31")]


def test_compounds_of_other_plates_are_named_and_no_damage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    moa = [*moa_rows(), {"compound": "elsewhere", "concentration": "1", "moa": "x"}]
    tables = write_tables(tmp_path, None, moa)
    with caplog.at_level(logging.INFO):
        assert len(read_sites(tables.images, tables.moa)) == 14
    assert "1 treatments of the mechanism table are on no plate, of 1 compounds: elsewhere" in (
        caplog.text
    )
    assert f"{len(moa)} rows in moa.csv" in caplog.text
    assert "1 on no plate" in caplog.text


def test_a_mechanism_table_of_another_screen_is_damage(tmp_path: Path) -> None:
    moa = [{"compound": "elsewhere", "concentration": "1", "moa": "x"}]
    (fault,) = faults_of(write_tables(tmp_path, None, moa))
    assert "is on no plate" in fault.what


def test_a_control_of_the_mechanism_table_may_be_on_no_plate(tmp_path: Path) -> None:
    moa = [*moa_rows(), {"compound": "DMSO", "concentration": "0.5", "moa": "DMSO"}]
    tables = write_tables(tmp_path, None, moa)
    assert len(read_sites(tables.images, tables.moa)) == 14


def test_two_mechanisms_of_one_treatment_are_shown_whatever_its_dose_looks_like(
    tmp_path: Path,
) -> None:
    moa = [*moa_rows(), {"compound": "taxol", "concentration": "3e-1", "moa": "Eg5 inhibitors"}]
    (fault,) = faults_of(write_tables(tmp_path, None, moa))
    assert places([fault]) == [("moa.csv", 6, "moa", "taxol 0.3: Eg5 inhibitors")]
    assert "Microtubule stabilizers" in fault.mend


def test_a_mechanism_told_twice_alike_is_no_fault(tmp_path: Path) -> None:
    tables = write_tables(tmp_path, None, [*moa_rows(), moa_rows()[0]])
    assert read_sites(tables.images, tables.moa)["Metadata_MoA"].notna().sum() == 10


@pytest.mark.parametrize("column", ["compound", "concentration", "moa"])
def test_a_missing_column_of_the_mechanism_table_is_shown(tmp_path: Path, column: str) -> None:
    (fault,) = faults_of(write_tables(tmp_path, None, without(column, moa_rows())))
    assert places([fault]) == [("moa.csv", 1, column, "")]


def test_a_ragged_row_of_the_mechanism_table_is_no_mechanism(tmp_path: Path) -> None:
    (fault,) = faults_of(write_tables(tmp_path, None, as_csv(moa_rows()) + "x,1\n"))
    assert places([fault]) == [("moa.csv", 6, "", "2")]


def test_semicolons_are_one_fault_and_not_one_a_column(tmp_path: Path) -> None:
    semicolons = as_csv(image_rows(), mark=";"), as_csv(moa_rows(), mark=";")
    faults = faults_of(write_tables(tmp_path, *semicolons))
    assert [fault.what for fault in faults] == [
        "image.csv has its values separated by semicolons",
        "moa.csv has its values separated by semicolons",
    ]
    (tabs,) = faults_of(write_tables(tmp_path, as_csv(image_rows(), mark="\t")))
    assert tabs.what == "image.csv has its values separated by tabs"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "image.csv is empty"),
        (b"\n \r\n", "image.csv is empty"),
        (b"\xef\xbb\xbf", "image.csv is empty"),
        (as_csv(image_rows()).splitlines()[0].encode(), "the table has no rows"),
        (as_csv(changed(2, COMPOUND, "µ")).encode("latin-1"), "image.csv is not UTF-8 text"),
        (as_csv(image_rows()).encode("utf-16"), "image.csv is not UTF-8 text"),
        (gzip.compress(as_csv(image_rows()).encode())[:-20], "image.csv cannot be unpacked"),
        (gzip.compress(as_csv(image_rows()).encode())[:12], "image.csv cannot be unpacked"),
        (gzip.compress(b""), "image.csv is empty"),
        (b"\x1f\x8bnonsense", "image.csv cannot be unpacked"),
    ],
    ids=["nothing", "empty lines", "byte order mark", "header", "latin-1", "UTF-16",
         "truncated", "truncated in its head", "gzip of nothing", "no gzip"],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, what: str) -> None:
    (fault,) = faults_of(write_tables(tmp_path, content))
    assert fault.what.startswith(what)
    assert Path(fault.file).name == "image.csv"
    assert fault.mend


def test_a_flipped_byte_of_a_gzip_is_found(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(as_csv(image_rows()).encode()))
    packed[len(packed) // 2] ^= 0xFF
    (fault,) = faults_of(write_tables(tmp_path, bytes(packed)))
    assert fault.what.startswith("image.csv cannot be unpacked")


def test_a_table_that_is_not_there_hides_no_fault_of_the_other(tmp_path: Path) -> None:
    tables = write_tables(tmp_path, changed(2, DOSE, "x"))
    tables.moa.unlink()
    image, moa = faults_of(tables)
    assert (image.row, image.column) == (2, DOSE)
    assert moa.what == "there is no table moa.csv"


def test_a_value_too_long_for_a_table_is_a_fault_of_its_row(tmp_path: Path) -> None:
    rows = changed(2, COMPOUND, "x" * 200_000)
    rows[3][DOSE] = "high"
    assert [fault.row for fault in faults_of(write_tables(tmp_path, rows))] == [2, 5]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 8))
def test_any_damage_is_told_or_harms_nothing(
    tmp_path_factory: pytest.TempPathFactory, seed: int, wounds: int
) -> None:
    chance = random.Random(seed)
    damaged = bytearray(as_csv(image_rows()).encode())
    for _ in range(wounds):
        damaged[chance.randrange(len(damaged))] = chance.choice(b'",;\n\r\x00\xff 0aZ_')
    tables = write_tables(tmp_path_factory.mktemp("damaged"), bytes(damaged))
    try:
        sites = read_sites(tables.images, tables.moa)
    except FaultsError as error:
        assert error.faults
        assert all(fault.file and fault.what for fault in error.faults)
    else:
        assert not sites.duplicated(["Metadata_Plate", "Metadata_Well", "Metadata_Site"]).any()
        assert sites["Metadata_Field"].is_unique


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.integers(2, 15),
        st.sampled_from([(PLATE, "P1"), (WELL, "?"), (DOSE, "x"), (NAMES[2], "?")]),
        min_size=1,
    )
)
def test_as_many_faults_are_told_as_were_made(
    tmp_path_factory: pytest.TempPathFactory, damage: dict[int, tuple[str, str]]
) -> None:
    rows = image_rows()
    for line, (column, value) in damage.items():
        rows[line - 2][column] = value
    tables = write_tables(tmp_path_factory.mktemp("damaged"), rows)
    with pytest.raises(FaultsError) as caught:
        read_sites(tables.images, None)
    assert places(caught.value.faults) == [
        ("image.csv", line, *damage[line]) for line in sorted(damage)
    ]


def test_a_spreadsheet_is_told_as_one_and_its_rows_of_commas_hold_nothing(tmp_path: Path) -> None:
    (fault,) = faults_of(write_tables(tmp_path, b"PK\x03\x04rest"))
    assert (fault.what, fault.mend) == ("image.csv is a spreadsheet", "save it as CSV")
    text = as_csv(image_rows())
    tables = write_tables(tmp_path, text + "," * text.splitlines()[0].count(",") + "\n")
    assert len(read_sites(tables.images, tables.moa)) == len(image_rows())
