from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenovae.base.errors import FaultsError, InputError
from phenovae.base.tables import read_table, write_table
from phenovae.screen.assembling import field_names
from phenovae.screen.matching import Matched, match_images
from phenovae.screen.path_index import PathIndex
from phenovae.screen.scanning import Scan, scan_images
from phenovae.screen.unmatched import UNMATCHED


def sites_of(*places: tuple[str, str, int], folder: str = "{batch}/{plate}/") -> pd.DataFrame:
    """Sites with two channels; files are named without their plate."""
    table = pd.DataFrame(list(places), columns=["Metadata_Plate", "Metadata_Well", "Metadata_Site"])
    table["Metadata_Field"] = field_names(table)
    for channel in ("DAPI", "Actin"):
        table[f"File_{channel}"] = [
            f"{folder.format(batch=plate[0], plate=plate)}{well}_{site}_{channel}.tif"
            for plate, well, site in places
        ]
    return table


def touch(folder: Path, *files: str) -> Path:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return folder


def left_out(matched: Matched) -> list[tuple[object, ...]]:
    return [
        (str(row.kind), row.plate, row.well, row.site, row.file, row.channel, row.count)
        for row in matched.left_out
    ]


SITES = sites_of(("P1", "A01", 1), ("P1", "A01", 2), ("P1", "B01", 1))
FILES = [
    f"{w}_{s}_{c}.tif" for w, s in (("A01", 1), ("A01", 2), ("B01", 1)) for c in ("DAPI", "Actin")
]


@pytest.mark.parametrize(
    ("prefix", "rule"),
    [
        ("P/P1/", "as named"),
        ("P1/", "the last 2 parts of the path"),
        ("", "the file's name"),
        ("all data/raw/P/P1/", "all of the path, below other folders"),
    ],
)
def test_files_are_found_by_the_longest_end_of_their_path(
    tmp_path: Path, prefix: str, rule: str
) -> None:
    matched = match_images(SITES, touch(tmp_path, *(prefix + name for name in FILES)))
    assert matched.rules == {rule: 6}
    assert matched.left_out == ()
    assert matched.complete.tolist() == [True] * 3
    assert matched.sites["File_Actin"].tolist() == [f"{prefix}{name}" for name in FILES[1::2]]


@pytest.mark.parametrize(
    "folder", ["/mnt/elsewhere/P1/", "D:\\screen\\P1\\", "file/../P1/", "./P1/"]
)
def test_paths_of_another_machine_are_found(tmp_path: Path, folder: str) -> None:
    sites = sites_of(("P1", "A01", 1), folder=folder)
    matched = match_images(sites, touch(tmp_path, "P1/A01_1_DAPI.tif", "P1/A01_1_Actin.tif"))
    assert matched.sites["File_DAPI"].tolist() == ["P1/A01_1_DAPI.tif"]


def test_an_ending_in_capitals_is_the_same_file(tmp_path: Path) -> None:
    sites = sites_of(("P1", "A01", 1))
    matched = match_images(sites, touch(tmp_path, "P1/A01_1_DAPI.TIF", "P1/A01_1_Actin.tif"))
    assert matched.sites["File_DAPI"].tolist() == ["P1/A01_1_DAPI.TIF"]


def test_a_file_of_the_same_name_on_another_plate_is_not_taken(tmp_path: Path) -> None:
    both = sites_of(("P1", "A01", 1), ("Q1", "A01", 1))
    matched = match_images(both, touch(tmp_path, "Q1/A01_1_DAPI.tif", "Q1/A01_1_Actin.tif"))
    assert matched.sites["Metadata_Plate"].tolist() == ["Q1"]
    assert left_out(matched) == [("plate without images", "P1", None, None, None, None, 1)]


def test_one_file_found_for_two_sites_is_a_fault(tmp_path: Path) -> None:
    both = sites_of(("P1", "A01", 1), ("Q1", "A01", 1))
    with pytest.raises(FaultsError, match="that of P1_A01_s1, DAPI, and of Q1_A01_s1, DAPI"):
        match_images(both, touch(tmp_path, "A01_1_DAPI.tif", "A01_1_Actin.tif"))


def test_planes_of_one_file_are_not_one_image(tmp_path: Path) -> None:
    sites = sites_of(("P1", "A01", 1)).assign(
        File_DAPI="P1/a.tif", File_Actin="P1/a.tif", Plane_DAPI=0, Plane_Actin=1
    )
    assert match_images(sites, touch(tmp_path, "P1/a.tif")).complete.tolist() == [True]
    with pytest.raises(FaultsError, match="that of P1_A01_s1, DAPI, and of P1_A01_s1, Actin"):
        match_images(sites.assign(Plane_DAPI=1), tmp_path)


def test_both_sides_are_told_as_briefly_as_they_can_be(tmp_path: Path) -> None:
    places = [(plate, well, site) for plate in ("P1", "P2", "Q1") for well in ("A01", "A02", "B01")
              for site in (1, 2)]  # fmt: skip
    files = [f"P1/A01_{s}_{c}.tif" for s in (1, 2) for c in ("DAPI", "Actin")]
    files += ["P1/A02_1_DAPI.tif", "P1/A02_1_Actin.tif", "P2/A01_1_DAPI.tif"]
    extra = ["R1/a.tif", "R1/b.tif", "P1/stray.tif", "P1/log.txt"]
    extra += [f"P2/more_{number}.tif" for number in range(20)]
    matched = match_images(sites_of(*places), touch(tmp_path, *files, *extra))
    assert left_out(matched) == [
        ("site without images", "P1", "A02", 2, None, None, 1),
        ("well without images", "P1", "B01", None, None, None, 2),
        ("site without images", "P2", "A01", 2, None, None, 1),
        ("well without images", "P2", "A02", None, None, None, 2),
        ("well without images", "P2", "B01", None, None, None, 2),
        ("plate without images", "Q1", None, None, None, None, 6),
        ("channel without image", "P2", "A01", 1, None, "Actin", 1),
        ("images without metadata", None, None, None, "P1/stray.tif", None, 1),
        ("images without metadata", None, None, None, "P2/more_0.tif", None, 20),
        ("images without metadata", None, None, None, "R1/", None, 2),
    ]
    assert matched.left_out[5].reason == "none of its 6 sites has an image"
    assert matched.complete.tolist() == [True, True, True, False]
    assert matched.sites["File_Actin"].isna().tolist() == [False, False, False, True]
    assert matched.dropped == {
        "images without metadata": 23,
        "plate without images": 6,
        "well without images": 6,
        "site without images": 2,
        "channel without image": 1,
        "ignored: not .tif, .tiff, .png": 1,
    }
    write_table(matched.unmatched, tmp_path / "unmatched.parquet", UNMATCHED)
    back = read_table(tmp_path / "unmatched.parquet", UNMATCHED)
    assert back["Count"].tolist() == [row.count for row in matched.left_out]
    assert back["Site"].isna().tolist() == [row.site is None for row in matched.left_out]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("P9/other.tif", "the table names 'P/P1/A01_1_DAPI.tif'; the folder has 'P9/other.tif'"),
        ("P9/A01_1_DAPI.tif", "a file of that name is 'P9/A01_1_DAPI.tif'"),
        ("notes.txt", "ignored: 1 not .tif"),
    ],
)
def test_a_folder_with_none_of_the_files_is_an_error_with_both_names(
    tmp_path: Path, file: str, said: str
) -> None:
    with pytest.raises(InputError) as caught:
        match_images(SITES, touch(tmp_path, file))
    assert said in str(caught.value)


NAMES = st.text("abAB1 .", min_size=1, max_size=4).filter(lambda name: name.strip(".") != "")
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join).map(lambda path: f"{path}.tif")


@settings(max_examples=150)
@given(st.lists(PATHS, min_size=1, max_size=6, unique=True), st.lists(NAMES, max_size=2))
def test_every_file_is_found_by_its_path_and_below_any_folder(
    paths: list[str], above: list[str]
) -> None:
    index = PathIndex(Path(), Scan(tuple(sorted(paths)), {}, ()))
    for path in paths:
        assert index.find(path) == (path, "as named")
        found = index.find("/".join([*above, path]))
        assert found is not None
        assert "/".join([*above, path]).endswith(found[0])
        assert len(found[0]) >= len(path)


def test_stores_are_not_looked_into(tmp_path: Path) -> None:
    scan = scan_images(touch(tmp_path, "a.zarr/B/02/0/x.tif", "b/c.ZARR/.zattrs", "b/d.tif"))
    assert scan.stores == ("a.zarr", "b/c.ZARR")
    assert scan.files == ("b/d.tif",)
    index = PathIndex(tmp_path, scan)
    assert index.find("/far/a.zarr/B/02/0") == ("a.zarr/B/02/0", "the last 4 parts of the path")
    assert index.find("a.zarr/B/02/1") is None
