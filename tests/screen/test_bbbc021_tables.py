from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest
from tests.screen.small_tables import (
    COMPOUND,
    DOSE,
    NAMES,
    PLATE,
    WELL,
    as_csv,
    image_rows,
    moa_rows,
    write_tables,
)

from phenovae.base.errors import InputError
from phenovae.base.tables import read_table, write_table
from phenovae.screen.bbbc021.image_rows import is_image_table
from phenovae.screen.bbbc021.tables import read_sites
from phenovae.screen.sites import METADATA, SITES
from phenovae.screen.text_table import read_columns, read_header


def read(folder: Path, images: str | bytes | None = None, moa: str | None = None) -> pd.DataFrame:
    tables = write_tables(folder, images, moa)
    return read_sites(tables.images, tables.moa)


def test_a_row_becomes_a_site_with_its_well_treatment_and_files(tmp_path: Path) -> None:
    sites = read(tmp_path)
    given = image_rows()[5]
    name = given["Image_FileName_DAPI"]
    assert len(sites) == 14
    assert list(sites.columns) == [*METADATA, "File_DAPI", "File_Tubulin", "File_Actin"]
    assert sites.loc[5].to_dict() == {
        "Metadata_Plate": "Week1_22123",
        "Metadata_Well": "D05",
        "Metadata_Replicate": 1,
        "Metadata_Batch": "Week1",
        "Metadata_Compound": "taxol",
        "Metadata_Concentration": 0.3,
        "Metadata_MoA": "Microtubule stabilizers",
        "Metadata_Role": "treatment",
        "Metadata_Site": 2,
        "Metadata_Field": name.removesuffix(".tif"),
        "File_DAPI": f"Week1/Week1_22123/{name}",
        "File_Tubulin": f"Week1/Week1_22123/{given['Image_FileName_Tubulin']}",
        "File_Actin": f"Week1/Week1_22123/{given['Image_FileName_Actin']}",
    }


def test_roles_and_mechanisms_follow_from_compound_dose_and_place(tmp_path: Path) -> None:
    sites = read(tmp_path)
    wells = sites.drop_duplicates(["Metadata_Plate", "Metadata_Well"])
    assert wells["Metadata_Role"].tolist() == [
        "negative_control",
        "positive_control",
        "treatment",
        "treatment",
        "negative_control",
        "positive_control",
        "treatment",
    ]
    without = wells["Metadata_MoA"].isna().tolist()
    assert without == [True, False, False, False, True, False, False]


def test_the_row_for_dmso_is_no_mechanism(tmp_path: Path) -> None:
    assert "DMSO" not in set(read(tmp_path)["Metadata_MoA"].dropna())


def test_without_a_mechanism_table_no_mechanism_is_known(tmp_path: Path) -> None:
    sites = read_sites(write_tables(tmp_path).images, None)
    assert sites["Metadata_MoA"].isna().all()
    assert len(sites) == 14


def test_the_sites_table_can_be_written_and_read_back(tmp_path: Path) -> None:
    rows = image_rows()
    rows[0]["Replicate"] = ""
    tables = write_tables(tmp_path, rows)
    write_table(read_sites(tables.images, tables.moa), tmp_path / "sites.parquet", SITES)
    back = read_table(tmp_path / "sites.parquet", SITES)
    assert back["Metadata_Replicate"].isna().tolist() == [True] + [False] * 13
    assert back["Metadata_Field"].is_unique


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("\ufeff" + as_csv(image_rows()), id="byte order mark"),
        pytest.param(as_csv(image_rows(), end="\r\n"), id="CRLF"),
        pytest.param(as_csv(image_rows(), end="\r"), id="CR"),
        pytest.param("\ufeff" + as_csv(image_rows(), end="\r\n"), id="both"),
        pytest.param(as_csv(image_rows()).rstrip("\n"), id="no last line end"),
        pytest.param(as_csv(image_rows()) + "\n  \n\n", id="empty lines at the end"),
        pytest.param(as_csv(image_rows()).replace("\n", "\n\n"), id="empty lines between"),
        pytest.param(as_csv(image_rows()).replace(",", " , "), id="spaces"),
        pytest.param(as_csv(image_rows()).replace(",taxol,", ', "taxol" ,'), id="quoted"),
        pytest.param(as_csv(image_rows()).replace(",0.3\n", ",0.30\n"), id="0.30"),
        pytest.param(as_csv(image_rows()).replace(",0.3\n", ",3e-1\n"), id="3e-1"),
        pytest.param(as_csv(image_rows()).replace(",0.3\n", ",0.30000000000000004\n"), id="noise"),
        pytest.param(as_csv(image_rows()).replace(",B02,", ",b2,"), id="b2"),
        pytest.param(as_csv([{"More": "x", **row} for row in image_rows()]), id="more columns"),
        pytest.param(
            as_csv([dict(reversed(row.items())) for row in image_rows()]), id="columns reversed"
        ),
        pytest.param(gzip.compress(as_csv(image_rows()).encode()), id="gzip"),
    ],
)
def test_ways_to_write_one_table_are_one_table(tmp_path: Path, written: str | bytes) -> None:
    (tmp_path / "whole").mkdir()
    pd.testing.assert_frame_equal(read(tmp_path, written), read(tmp_path / "whole"))


def test_compounds_with_commas_and_quotes_keep_them(tmp_path: Path) -> None:
    rows = image_rows()
    for row in rows[6:8]:
        row[COMPOUND] = 'a,b "c"'
    moa = [row for row in moa_rows() if row["compound"] != "colchicine"]
    sites = read(tmp_path, as_csv(rows), as_csv(moa))
    assert sites["Metadata_Compound"].tolist()[6:8] == ['a,b "c"'] * 2


def test_doses_of_the_two_tables_are_compared_as_numbers(tmp_path: Path) -> None:
    moa = as_csv(moa_rows()).replace("0.300000", "3E-01").replace("1.000000", "1")
    sites = read(tmp_path, None, moa)
    assert sites["Metadata_MoA"].notna().sum() == 10


@pytest.mark.parametrize(("text", "value"), [("2", 2), ("2.0", 2), (" 2 ", 2)])
def test_a_replicate_is_a_whole_number(tmp_path: Path, text: str, value: int) -> None:
    rows = [{**row, "Replicate": text} for row in image_rows()]
    assert read(tmp_path, as_csv(rows))["Metadata_Replicate"].tolist() == [value] * 14


def test_an_image_table_is_told_from_a_table_of_cells(tmp_path: Path) -> None:
    header = f"{NAMES[0]},{PLATE},{WELL},{COMPOUND},{DOSE}"
    (tmp_path / "fields.csv").write_text(header + "\n")
    (tmp_path / "cells.csv").write_text("Single_Cell_Image_Name," + header + "\n")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert is_image_table(tmp_path / "fields.csv")
    assert not is_image_table(tmp_path / "cells.csv")
    assert not is_image_table(tmp_path / "other.csv")


def test_a_table_with_semicolons_is_said_to_have_them(tmp_path: Path) -> None:
    (tmp_path / "fields.csv").write_text(as_csv(image_rows(), mark=";"))
    with pytest.raises(InputError, match="separated by semicolons") as caught:
        is_image_table(tmp_path / "fields.csv")
    assert "commas" in (caught.value.mend or "")


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no table none\.csv"):
        is_image_table(tmp_path / "none.csv")


def test_the_header_is_read_without_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "image.csv"
    path.write_bytes(b"\xef\xbb\xbf\r\nImage_FileName_DAPI,b\r\n" + b"1,2\r\n" * 50_000 + b"\xff")
    assert read_header(path) == ["Image_FileName_DAPI", "b"]
    assert is_image_table(path)
    faults = read_columns(path, ["b"]).faults
    assert [fault.what for fault in faults] == ["image.csv is not UTF-8 text: invalid start byte"]
