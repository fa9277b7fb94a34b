from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from phenovae.base.errors import FaultsError, InputError, UsageError
from phenovae.base.tables import read_table, to_arrow, write_table
from phenovae.screen.assembling import Found, batches, field_names
from phenovae.screen.channels import ChannelSource
from phenovae.screen.pattern import sites_by_pattern
from phenovae.screen.platemap import read_platemap
from phenovae.screen.sites import SITES, channels_of, files_of
from phenovae.screen.unmatched import UNMATCHED

TWO_FILES = {"DAPI": ChannelSource("1"), "Actin": ChannelSource("2")}
PLANES = {"Actin": ChannelSource(plane=0), "DAPI": ChannelSource(plane=2)}
MAP = "plate,well,compound,dose,moa\nP1,A1,x,1,m\nP1,A2,y,2,n\nP2,A1,x,1,m\n"


def screen(
    folder: Path,
    *files: str,
    pattern: str = "{plate}/{well}_s{site}_w{channel}.tif",
    platemap: str | None = MAP,
    channels: Mapping[str, ChannelSource] = TWO_FILES,
    plate: str | None = None,
    batch_pattern: str | None = None,
) -> Found:
    images = folder / "my images"
    images.mkdir(exist_ok=True)
    for file in files:
        (images / file).parent.mkdir(parents=True, exist_ok=True)
        (images / file).touch()
    wells = None
    if platemap is not None:
        (folder / "map.csv").write_text(platemap, encoding="utf-8")
        wells = read_platemap(folder / "map.csv")
    found = sites_by_pattern(
        images, pattern, wells, channels, plate=plate, batch_pattern=batch_pattern
    )
    to_arrow(found.sites, SITES)
    to_arrow(found.unmatched, UNMATCHED)
    return found


def left_out(found: Found) -> list[tuple[object, ...]]:
    return [
        (str(row.kind), row.plate, row.well, row.site, row.file, row.channel, row.count)
        for row in found.left_out
    ]


def test_files_of_one_channel_each_become_sites(tmp_path: Path) -> None:
    files = [f"{p}/{w}_s{s}_w{c}.tif" for p, w in (("P1", "A1"), ("P1", "A02"), ("P2", "a1"))
             for s in (1, 2) for c in (1, 2)]  # fmt: skip
    found = screen(tmp_path, *files)
    assert found.left_out == ()
    assert found.tried == 12
    sites = found.sites
    assert channels_of(sites) == ("DAPI", "Actin")
    assert sites["Metadata_Field"].tolist() == [
        "P1_A01_s1", "P1_A01_s2", "P1_A02_s1", "P1_A02_s2", "P2_A01_s1", "P2_A01_s2",
    ]  # fmt: skip
    assert sites["Metadata_Compound"].tolist() == ["x", "x", "y", "y", "x", "x"]
    assert sites["Metadata_Batch"].tolist() == ["all"] * 6
    assert sites["File_Actin"].tolist()[2] == "P1/A02_s1_w2.tif"
    assert not any(str(name).startswith("Plane_") for name in sites)
    assert files_of(sites, ["Actin", "DAPI"])[-1] == (
        ("P2/a1_s2_w2.tif", None),
        ("P2/a1_s2_w1.tif", None),
    )


def test_channels_of_one_file_are_planes_and_come_back_from_parquet(tmp_path: Path) -> None:
    pattern = "(?P<plate>[^/]+)/(?P<well>A[0-9]+)[.](?i:png)"
    found = screen(tmp_path, "P1/A1.png", "P2/A1.PNG", pattern=pattern, channels=PLANES)
    write_table(found.sites, tmp_path / "sites.parquet", SITES)
    sites = read_table(tmp_path / "sites.parquet", SITES)
    assert sites["Metadata_Site"].tolist() == [1, 1]
    expected = [(("P1/A1.png", 0), ("P1/A1.png", 2)), (("P2/A1.PNG", 0), ("P2/A1.PNG", 2))]
    assert files_of(sites, ["Actin", "DAPI"]) == expected
    assert files_of(found.sites, ["Actin", "DAPI"]) == expected
    assert files_of(sites, ["none"]) == [((None, None),), ((None, None),)]


def test_a_table_of_the_first_format_is_still_read(tmp_path: Path) -> None:
    found = screen(tmp_path, "P1/A1_s1_w1.tif", "P1/A1_s1_w2.tif")
    table = to_arrow(found.sites, SITES)
    notes = {**table.schema.metadata, b"phenovae.version": b"1"}
    pq.write_table(table.replace_schema_metadata(notes), tmp_path / "sites.parquet")
    sites = read_table(tmp_path / "sites.parquet", SITES)
    assert files_of(sites, ["DAPI"]) == [(("P1/A1_s1_w1.tif", None),)]


def test_what_has_no_partner_is_told_plate_by_plate_and_well_by_well(tmp_path: Path) -> None:
    found = screen(
        tmp_path,
        *(f"P1/A1_s{s}_w{c}.tif" for s in (1, 2) for c in (1, 2)),
        "P1/B1_s1_w1.tif",  # a well that the map does not have
        "P1/B1_s2_w1.tif",
        "Q/A1_s1_w1.tif",  # a plate that it does not have
        "P1/A1_s3_w2.tif",  # a site without DAPI
        "P1/A1_s1_w3.tif",  # a channel that nobody asked for
        "P1/notes.tif",
        "P1/A1_s1_w1_thumb.tif",
        "P1/.A1_s1_w1.tif",
        "P1/Thumbs.db",
        "__MACOSX/P1/A1_s1_w1.tif",
    )
    assert left_out(found) == [
        ("name outside the pattern", None, None, None, "P1/notes.tif", None, 1),
        ("images without metadata", "P1", "B01", None, None, None, 2),
        ("images without metadata", "Q", None, None, None, None, 1),
        ("well without images", "P1", "A02", None, None, None, 1),
        ("plate without images", "P2", None, None, None, None, 1),
        ("channel without image", "P1", "A01", 3, None, "DAPI", 1),
        ("channel not asked for", None, None, None, None, "3", 1),
    ]
    assert found.sites["Metadata_Site"].tolist() == [1, 2, 3]
    assert found.sites["File_DAPI"].isna().tolist() == [False, False, True]
    assert found.dropped["images without metadata"] == 3
    assert found.ignored == {"thumbnail": 1, "hidden": 1, "not .tif, .tiff, .png": 1}


def test_a_map_without_plates_holds_for_all_and_tells_its_wells_once(tmp_path: Path) -> None:
    found = screen(
        tmp_path, "P/A1_s1_w1.tif", "Q/A1_s1_w1.tif", platemap="well,compound\nA1,x\nA2,y\n",
        channels={"DAPI": ChannelSource("1")},
    )  # fmt: skip
    assert found.sites["Metadata_Plate"].tolist() == ["P", "Q"]
    assert left_out(found) == [("well without images", None, "A02", None, None, None, 1)]


def test_without_a_map_compounds_are_unknown_and_no_treatments(tmp_path: Path) -> None:
    found = screen(tmp_path, "P/A1_s1_w1.tif", "P/A1_s1_w2.tif", platemap=None)
    site = found.sites.iloc[0]
    assert site["Metadata_Compound"] == "unknown"
    assert site["Metadata_Role"] == "other"


def test_without_a_plate_in_the_pattern_there_is_one(tmp_path: Path) -> None:
    pattern = "{well}_w{channel}.tif"
    found = screen(tmp_path, "A1_w1.tif", pattern=pattern, platemap="well,compound\nA1,x\n")
    assert found.sites["Metadata_Plate"].tolist() == ["my images"]
    assert found.sites["Metadata_Field"].tolist() == ["my_images_A01_s1"]
    assert found.notes == ("the pattern names no plate: all images are of the plate my images",)
    named = screen(tmp_path, pattern=pattern, plate="P1")
    assert named.sites["Metadata_Compound"].tolist() == ["x"]


def test_batches_are_told_or_found_in_the_plates_name() -> None:
    plates = ["Week1_2", "Week1_2", "Week10_3"]
    assert batches(plates, ["a", None, None], None) == ["a", "all", "all"]
    assert batches(plates, [None, "b", None], "^(Week[0-9]+)_") == ["Week1", "b", "Week10"]
    assert batches(plates, [None] * 3, "Week[0-9]+") == ["Week1", "Week1", "Week10"]
    with pytest.raises(FaultsError, match=r"found 'other'"):
        batches([*plates, "other"], [None] * 4, "^(Week[0-9]+)_")
    with pytest.raises(UsageError, match="no regular expression: missing"):
        batches(plates, [None] * 3, "(Week")


def test_the_batch_of_the_map_wins_over_the_pattern(tmp_path: Path) -> None:
    files = ("P1/A1_s1_w1.tif", "P1/A2_s1_w1.tif")
    one = {"DAPI": ChannelSource("1")}
    table = "plate,well,compound,batch\nP1,A1,x,b1\nP1,A2,y,b1\n"
    assert screen(tmp_path, *files, platemap=table, channels=one).sites[
        "Metadata_Batch"
    ].tolist() == [
        "b1",
        "b1",
    ]
    found = screen(tmp_path, platemap=None, channels=one, batch_pattern="P[0-9]")
    assert found.sites["Metadata_Batch"].tolist() == ["P1", "P1"]


def test_two_images_of_one_place_are_a_fault_with_both_names(tmp_path: Path) -> None:
    with pytest.raises(FaultsError) as caught:
        screen(tmp_path, "P1/A1_s1_w1.tif", "P1/A01_s1_w1.tif", "P1/A01_s01_w2.tif")
    (fault,) = caught.value.faults
    assert fault.what == "P1 A01 s1 has two images of DAPI"
    assert fault.file.endswith("A1_s1_w1.tif")
    assert "P1/A01_s1_w1.tif" in fault.mend


def test_plates_that_names_of_files_cannot_tell_apart_are_refused() -> None:
    sites = pd.DataFrame(
        {"Metadata_Plate": ["a b", "a/b"], "Metadata_Well": "A01", "Metadata_Site": 1}
    )
    with pytest.raises(FaultsError, match="named too much like 'a b'"):
        field_names(sites)


@pytest.mark.parametrize(
    ("pattern", "channels", "said"),
    [
        ("{plate}/{well}.tif", {}, "no channel is named"),
        ("{plate}/{well}_{channel}.tif", PLANES, "no tag: Actin, DAPI"),
        ("{plate}/{well}.tif", TWO_FILES, "no plane: DAPI, Actin"),
        ("{plate}/{well}.tif", {"a": ChannelSource(plane=1), "b": ChannelSource(plane=1)},
         "the same image: a, b"),
    ],
)  # fmt: skip
def test_channels_that_do_not_go_with_the_pattern_are_refused(
    tmp_path: Path, pattern: str, channels: Mapping[str, ChannelSource], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        screen(tmp_path, pattern=pattern, channels=channels)


def test_a_pattern_that_fits_nothing_says_what_was_tried(tmp_path: Path) -> None:
    files = [f"P1/A1_s{site}_w1.tif" for site in range(1, 6)]
    with pytest.raises(InputError) as caught:
        screen(tmp_path, *files, "P1/a.txt", pattern="{plate}/{well}_f{site}_w{channel}.tif")
    said = str(caught.value)
    assert "fits none of 5 images (ignored besides: 1 not .tif, .tiff, .png)" in said
    assert said.count("'{plate}/{well}_' fits 'P1/A1_', but 'f{site}") == 3


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("P9/A1_s1_w1.tif", "plates of the images: P9; of the map: P1, P2"),
        ("P1/H9_s1_w1.tif", "wells of the images: P1 H09; of the map: P1 A01, P1 A02, P2 A01"),
        ("P1/A1_s1_w7.tif", "files have 7"),
        ("P1/a.txt", "ignored: 1 not .tif"),
    ],
)
def test_images_of_which_none_can_be_used_are_an_error_with_both_sides(
    tmp_path: Path, file: str, said: str
) -> None:
    with pytest.raises(InputError) as caught:
        screen(tmp_path, file)
    assert said in str(caught.value)


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, said in (("gone", "no such folder"), ("file", "is a file")):
        with pytest.raises(InputError, match=said):
            sites_by_pattern(tmp_path / name, "{well}_{channel}.tif", None, TWO_FILES)


def test_links_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "my images" / "P1").mkdir(parents=True)
    (tmp_path / "my images" / "P1" / "back").symlink_to(tmp_path / "my images")
    assert len(screen(tmp_path, "P1/A1_s1_w1.tif", "P1/A1_s1_w2.tif").sites) == 1
