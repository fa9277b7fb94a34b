from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import tifffile

from phenovae.images.probing import HeaderReport, probe_sites


def sites_of(rows: list[tuple[str, str | None, str | None]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Metadata_Field": [row[0] for row in rows],
            "Metadata_Plate": "P",
            "Metadata_Well": "A01",
            "Metadata_Site": range(1, len(rows) + 1),
            "File_DAPI": [row[1] for row in rows],
            "File_Actin": [row[2] for row in rows],
        }
    )


def probe(folder: Path, *rows: tuple[str, str | None, str | None]) -> HeaderReport:
    return probe_sites(sites_of(list(rows)), folder, ["DAPI", "Actin"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images: dict[str, npt.NDArray[np.generic]] = {
        "a": np.zeros((4, 5), np.uint16),
        "b": np.zeros((4, 5), np.uint16),
        "small": np.zeros((3, 5), np.uint16),
        "byte": np.zeros((4, 5), np.uint8),
        "float": np.zeros((4, 5), np.float32),
    }
    for name, pixels in images.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels)
    (tmp_path / "empty.tif").touch()
    return tmp_path


def test_a_screen_of_one_size_and_kind_has_no_faults(folder: Path) -> None:
    report = probe(folder, ("f1", "a.tif", "b.tif"), ("f2", "b.tif", "a.tif"))
    assert report == HeaderReport(2, (), {(4, 5): 2}, {"uint16": 2})
    assert report.differences == ()


def test_every_channel_that_cannot_be_used_is_told_with_its_reason(folder: Path) -> None:
    report = probe(
        folder,
        ("f1", "empty.tif", "float.tif"),
        ("f2", None, "gone.tif"),
        ("f3", "a.tif", "b.tif"),
        ("f4", "a.tif", "small.tif"),
    )
    said = [
        (fault.field, fault.site, fault.channel, fault.file, fault.reason)
        for fault in report.faults
    ]
    assert said == [
        ("f1", 1, "DAPI", "empty.tif", "the image is empty: 0 bytes"),
        ("f1", 1, "Actin", "float.tif", "the image holds float32, not uint8 or uint16"),
        ("f2", 2, "DAPI", "", "the site has no file for the channel"),
        ("f2", 2, "Actin", "gone.tif", "there is no such image"),
        ("f4", 4, "", "", "the channels differ in size: DAPI 5 × 4, Actin 5 × 3"),
    ]
    assert report.sizes == {(4, 5): 1}


def test_sizes_and_dtypes_that_differ_within_the_screen_are_listed(folder: Path) -> None:
    report = probe(
        folder,
        ("f1", "a.tif", "b.tif"),
        ("f2", "a.tif", "b.tif"),
        ("f3", "small.tif", "small.tif"),
        ("f4", "byte.tif", "a.tif"),
    )
    assert not report.faults
    assert report.differences == (
        "sizes of images differ: 5 × 4 pixels at 3 sites, 5 × 3 pixels at 1 site",
        "dtypes of images differ: uint16 at 3 sites, uint8 and uint16 at 1 site",
    )


def test_no_sites_are_no_fault(folder: Path) -> None:
    assert probe(folder) == HeaderReport(0, (), {}, {})
