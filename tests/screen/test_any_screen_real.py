"""Sites of real images: whole fields with a plate map, raw plates with the official table."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from phenovae.images.probing import probe_sites
from phenovae.images.reading import read_plane, read_site
from phenovae.screen.bbbc021.tables import read_sites
from phenovae.screen.channels import ChannelSource
from phenovae.screen.matching import match_images
from phenovae.screen.pattern import sites_by_pattern
from phenovae.screen.platemap import read_platemap
from phenovae.screen.roles import RoleRules
from phenovae.screen.sites import files_of

CHANNELS = ("Actin", "Tubulin", "DAPI")


def test_whole_fields_with_a_plate_map_are_a_screen(public_data: Path) -> None:
    folder = public_data / "fields"
    found = sites_by_pattern(
        folder,
        "{plate}/{well}_s{site}.png",
        read_platemap(folder / "platemap.csv", RoleRules()),
        {name: ChannelSource(plane=plane) for plane, name in enumerate(CHANNELS)},
        batch_pattern="^(Week[0-9]+)_",
    )
    sites = found.sites
    assert len(sites) == 440
    assert sites["Metadata_Plate"].nunique() == 20
    assert sites.groupby(["Metadata_Plate", "Metadata_Well"]).ngroups == 110
    assert sites.groupby(["Metadata_Compound", "Metadata_Concentration"]).ngroups == 55
    assert sites["Metadata_MoA"].nunique() == 6
    assert set(sites["Metadata_Role"]) == {"treatment"}
    assert found.left_out == ()
    report = probe_sites(sites, folder, CHANNELS)
    assert not report.faults
    assert report.sizes == {(256, 256): 440}
    assert report.dtypes == {"uint8": 440}
    files = [(str(file), plane) for file, plane in files_of(sites, CHANNELS)[0]]
    pixels = read_site(folder, files)
    assert pixels.shape == (3, 256, 256)
    assert np.array_equal(pixels[2], read_plane(folder / files[2][0], 2))
    assert len({plane.tobytes() for plane in pixels}) == 3


@pytest.fixture(scope="module")
def raw(public_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    for archive in sorted((public_data / "raw").glob("*.zip")):
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
    return folder


def test_a_part_of_the_official_screen_is_told_from_what_is_not_there(
    public_data: Path, raw: Path
) -> None:
    official = public_data / "bbbc021"
    sites = read_sites(official / "BBBC021_v1_image.csv.gz", official / "BBBC021_v1_moa.csv")
    matched = match_images(sites, raw)
    assert matched.rules == {"the last 2 parts of the path": 12}
    assert len(matched.sites) == 7
    whole = matched.sites.loc[matched.complete]
    assert whole["Metadata_Plate"].tolist() == ["Week2_24381"] * 2
    assert sorted(whole["Metadata_Site"]) == [1, 2]
    assert matched.dropped == {
        "plate without images": 50 * 240,
        "well without images": 5 * 59 * 4,
        "site without images": 13,
        "channel without image": 5,
    }
    lacking = {
        (row.plate, row.well, row.site): row.channel for row in matched.left_out if row.channel
    }
    assert lacking["Week2_24381", "B02", 3] == "Actin"
    report = probe_sites(matched.sites, raw, CHANNELS)
    assert report.sizes == {(1024, 1280): 2}
    assert {fault.reason for fault in report.faults} == {"the site has no file for the channel"}
    assert len(report.faults) == 9
