from __future__ import annotations

from pathlib import Path

import pytest

from phenovae.base.errors import FaultsError, InputError
from phenovae.base.tables import to_arrow
from phenovae.screen.assembling import Found
from phenovae.screen.loaddata import sites_by_loaddata
from phenovae.screen.platemap import read_platemap
from phenovae.screen.roles import RoleRules
from phenovae.screen.sites import SITES, channels_of, files_of

HEADER = (
    "FileName_OrigDNA,PathName_OrigDNA,FileName_OrigER,PathName_OrigER,FileName_IllumDNA,"
    "PathName_IllumDNA,Metadata_Plate,Metadata_Well,Metadata_Site,Metadata_Batch\n"
)
PLACE = "/home/someone/images/P1"
ROWS = "".join(
    f"{well}_{site}_1.tiff,{PLACE},{well}_{site}_2.tiff,{PLACE},i.npy,/illum,P1,{well},{site},B1\n"
    for well in ("A01", "B2")
    for site in (1, 2)
)
MAP = "well,compound\nA1,DMSO\nB2,x\n"


def load(
    folder: Path, text: str, platemap: str | None = MAP, files: str = "P1/{}", **more: object
) -> Found:
    names = [f"{well}_{site}_{c}.tiff" for well in ("A01", "B2") for site in (1, 2) for c in (1, 2)]
    for name in names:
        path = folder / "images" / files.format(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (folder / "load data.csv").write_text(text, encoding="utf-8")
    wells = None
    if platemap is not None:
        (folder / "map.csv").write_text(platemap, encoding="utf-8")
        wells = read_platemap(folder / "map.csv", RoleRules())
    found = sites_by_loaddata(folder / "images", folder / "load data.csv", wells, **more)  # type: ignore[arg-type]
    to_arrow(found.sites, SITES)
    return found


def test_paths_of_another_machine_are_found_and_the_rule_is_said(tmp_path: Path) -> None:
    found = load(tmp_path, HEADER + ROWS)
    assert channels_of(found.sites) == ("OrigDNA", "OrigER")
    assert found.sites["Metadata_Field"].tolist() == [
        "P1_A01_s1", "P1_A01_s2", "P1_B02_s1", "P1_B02_s2",
    ]  # fmt: skip
    assert found.sites["File_OrigER"].tolist()[3] == "P1/B2_2_2.tiff"
    assert found.sites["Metadata_Role"].tolist()[0] == "negative_control"
    assert found.sites["Metadata_Batch"].tolist() == ["B1"] * 4
    assert found.notes == (
        "illumination functions are no channels: IllumDNA",
        "8 files were found by the last 2 parts of the path",
    )
    assert found.left_out == ()


def test_channels_are_chosen_ordered_and_named(tmp_path: Path) -> None:
    found = load(tmp_path, HEADER + ROWS, channels={"ER": "OrigER", "DNA": "OrigDNA"})
    assert channels_of(found.sites) == ("ER", "DNA")
    assert found.sites["File_DNA"].tolist()[0] == "P1/A01_1_1.tiff"
    with pytest.raises(FaultsError, match=r"no channel 'DNA'; mend: did you mean 'OrigDNA'"):
        load(tmp_path, HEADER + ROWS, channels={"DNA": "DNA"})


def test_the_table_itself_may_say_what_is_in_the_wells(tmp_path: Path) -> None:
    text = (
        "Image_FileName_D,Metadata_Plate,Metadata_Well,Metadata_Site,Metadata_Compound,"
        "Metadata_Dose_nM,Metadata_MoA\n"
        "A01_1_1.tiff,P1,A1,1,DMSO,,\nA01_2_1.tiff,P1,A01,2,DMSO,,\nB2_1_1.tiff,P1,B2,1,x,300,m\n"
    )
    found = load(tmp_path, text, None, files="{}", rules=RoleRules())
    assert found.sites["Metadata_Concentration"].tolist() == [0, 0, 0.3]
    assert found.sites["Metadata_Role"].tolist()[::2] == ["negative_control", "treatment"]
    with pytest.raises(FaultsError, match="A01 is there twice, and not with the same compound"):
        load(tmp_path, text.replace("2,DMSO,", "2,y,1"), None, files="{}", rules=RoleRules())


def test_addresses_and_frames_are_read(tmp_path: Path) -> None:
    text = (
        "URL_D,Frame_D,URL_E,Frame_E,Metadata_Plate,Metadata_Well\n"
        "file:///x/P1/A01_1_1.tiff,0,file:///x/P1/A01_1_1.tiff,1,P1,A1\n"
        "s3://bucket/x/P1/B2_1_1.tiff,0,https://h/P1/B2%5F1_1.tiff,2,P1,B2\n"
    )
    found = load(tmp_path, text, None)
    assert files_of(found.sites, ["D", "E"]) == [
        (("P1/A01_1_1.tiff", 0), ("P1/A01_1_1.tiff", 1)),
        (("P1/B2_1_1.tiff", 0), ("P1/B2_1_1.tiff", 2)),
    ]
    assert found.sites["Metadata_Compound"].tolist() == ["unknown"] * 2
    assert "neither the table nor a plate map says what is in the wells" in found.notes


def test_a_row_without_a_file_or_with_one_that_is_gone_is_told(tmp_path: Path) -> None:
    text = HEADER + ROWS.replace("A01_1_1.tiff", "").replace("B2_2_2.tiff", "gone.tiff")
    found = load(tmp_path, text)
    said = [(row.well, row.site, row.channel) for row in found.left_out if row.channel]
    assert said == [("A01", 1, "OrigDNA"), ("B02", 2, "OrigER")]
    assert found.sites["File_OrigDNA"].isna().tolist() == [True, False, False, False]


def test_every_fault_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    lines = ROWS.splitlines()
    lines[1] = lines[1].replace(",A01,2,", ",A01,1,")
    lines[2] = lines[2].replace(",B2,", ",2B,")
    lines[3] = lines[3].replace(",P1,B2,2,B1", ",,B2,x,B2")
    lines.append(lines[0].replace(",1,B1", ",7,B9"))
    with pytest.raises(FaultsError) as caught:
        load(tmp_path, HEADER + "\n".join(lines) + "\n")
    assert [(fault.row, fault.what) for fault in caught.value.faults] == [
        (3, "the site is there twice"),
        (4, "'2B' is no name of a well"),
        (5, "the plate is missing"),
        (5, "this is no whole number"),
        (6, "the plate is of two batches"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Metadata_Plate,Metadata_Well\nP1,A1\n", "the table names no images"),
        ("FileName_D\nx.tif\n", "there is no column for the plate"),
        ("", "load data.csv is empty"),
        (
            "FileName_D,Series_D,Metadata_Plate,Metadata_Well\nx,1,P,A1\n",
            "after the first of a file",
        ),
        ("URL_D,Metadata_Plate,Metadata_Well\nomero:,P,A1\n", "this address has no path"),
    ],
)
def test_a_table_that_is_no_loaddata_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(FaultsError, match=said):
        load(tmp_path, text)


def test_a_table_with_no_file_that_is_there_names_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of 8 images of the table is there"):
        load(tmp_path, HEADER + ROWS, files="other/{}.png")
