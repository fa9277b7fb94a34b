from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests.screen.zarr_plates import FORMATS, attributes, plate

from phenovae.base.errors import FaultsError, InputError, UsageError
from phenovae.base.tables import to_arrow
from phenovae.images.reading import read_site
from phenovae.screen.assembling import Found
from phenovae.screen.channels import ChannelSource
from phenovae.screen.ome_zarr import sites_by_ome_zarr
from phenovae.screen.platemap import read_platemap
from phenovae.screen.sites import SITES, channels_of, files_of

pytest.importorskip("zarr")

FIELDS: list[npt.NDArray[np.uint16]] = [
    np.full((2, 1, 4, 5), value, np.uint16) + np.array([0, 1000], np.uint16)[:, None, None, None]
    for value in range(4)
]
WELLS = {"A/1": FIELDS[:2], "B/02": FIELDS[2:]}


def found_in(folder: Path, **more: object) -> Found:
    (folder / "map.csv").write_text("plate,well,compound\nP 1,A1,x\nP 1,B2,y\n", encoding="utf-8")
    wells = read_platemap(folder / "map.csv")
    found = sites_by_ome_zarr(folder, wells, **more)  # type: ignore[arg-type]
    to_arrow(found.sites, SITES)
    return found


@pytest.mark.parametrize("ngff", FORMATS)
def test_fields_of_a_plate_become_sites_whose_planes_are_read(tmp_path: Path, ngff: str) -> None:
    plate(tmp_path / "deep" / "P 1.zarr", WELLS, ngff)
    found = found_in(tmp_path)
    assert channels_of(found.sites) == ("DAPI", "Tubulin")
    assert found.sites["Metadata_Field"].tolist() == [
        "P_1_A01_s1", "P_1_A01_s2", "P_1_B02_s1", "P_1_B02_s2",
    ]  # fmt: skip
    assert found.sites["Metadata_Compound"].tolist() == ["x", "x", "y", "y"]
    assert found.left_out == ()
    rows = files_of(found.sites, ["Tubulin", "DAPI"])
    assert rows[2] == (("deep/P 1.zarr/B/02/0", 1), ("deep/P 1.zarr/B/02/0", 0))
    files = [(str(file), number) for file, number in rows[2]]
    assert read_site(tmp_path, files)[:, 0, 0].tolist() == [1002, 2]


def test_channels_are_chosen_by_label_or_by_place(tmp_path: Path) -> None:
    plate(tmp_path / "P 1.zarr", WELLS, "0.4")
    chosen = {"b": ChannelSource(tag="Tubulin"), "a": ChannelSource(plane=0)}
    found = found_in(tmp_path, channels=chosen)
    assert files_of(found.sites, ["b", "a"])[0] == (("P 1.zarr/A/1/0", 1), ("P 1.zarr/A/1/0", 0))
    with pytest.raises(
        UsageError, match="no field has a channel with the label 'Tubulim'"
    ) as caught:
        found_in(tmp_path, channels={"b": ChannelSource(tag="Tubulim")})
    assert "did you mean 'Tubulin'?" in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "said"),
    [(None, "no labels of channels"), (("D", "D"), "channels have the label 'D'")],
)
def test_without_labels_that_tell_channels_apart_planes_must_be_named(
    tmp_path: Path, labels: tuple[str, ...] | None, said: str
) -> None:
    plate(tmp_path / "P 1.zarr", WELLS, "0.5", labels=labels)
    with pytest.raises(UsageError, match=said):
        found_in(tmp_path)
    found = found_in(tmp_path, channels={"D": ChannelSource(plane=1)})
    assert found.sites["Plane_D"].tolist() == [1] * 4


def test_of_several_acquisitions_one_is_chosen(tmp_path: Path) -> None:
    folder = tmp_path / "P 1.zarr"
    plate(folder, WELLS, "0.4")
    told = {"wells": [{"path": "A/1"}], "acquisitions": [{"id": 0}, {"id": 7}]}
    attributes(folder, {"plate": told}, "0.4")
    images = [{"path": "0", "acquisition": 0}, {"path": "1", "acquisition": 7}]
    attributes(folder / "A/1", {"well": {"images": images}}, "0.4")
    with pytest.raises(FaultsError, match=r"imaged several times; mend: .*: 0, 7"):
        found_in(tmp_path)
    found = found_in(tmp_path, acquisition=7)
    assert found.sites["File_DAPI"].tolist() == ["P 1.zarr/A/1/1"]
    assert found.sites["Metadata_Site"].tolist() == [1]


def test_a_field_that_is_gone_or_lacks_a_channel_is_told_and_the_others_stay(
    tmp_path: Path,
) -> None:
    plate(tmp_path / "P 1.zarr", WELLS, "0.4")
    (tmp_path / "P 1.zarr/A/1/0/.zattrs").unlink()
    path = tmp_path / "P 1.zarr/B/02/1/.zattrs"
    told = json.loads(path.read_text())
    told["omero"]["channels"].pop()
    path.write_text(json.dumps(told))
    found = found_in(tmp_path)
    assert [(row.kind.value, row.well, row.site, row.channel) for row in found.left_out] == [
        ("site without images", "A01", 1, None),
        ("channel without image", "B02", 2, "Tubulin"),
    ]
    assert found.sites["Metadata_Site"].tolist() == [2, 1, 2]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "no plate of OME-Zarr"),
        ({"plate": {}}, "have no wells"),
        ({"plate": {"wells": [{"path": "A/99"}]}}, "outside a plate"),
        ({"plate": {"wells": [{"path": "A/2"}]}}, "has no attributes"),
        ({"plate": {"wells": [{}]}}, "is no name of a well"),
    ],
)
def test_a_store_that_is_no_plate_is_a_fault_with_its_place(
    tmp_path: Path, told: dict[str, object], said: str
) -> None:
    attributes(tmp_path / "P 1.zarr", told, "0.5")
    with pytest.raises(FaultsError, match=said) as caught:
        found_in(tmp_path)
    assert "P 1.zarr" in str(caught.value)


def test_a_folder_without_stores_and_damaged_metadata_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no OME-Zarr in the folder"):
        found_in(tmp_path)
    (tmp_path / "P.zarr").mkdir()
    (tmp_path / "P.zarr" / ".zattrs").write_text("{", encoding="utf-8")
    with pytest.raises(FaultsError, match=r"\.zattrs cannot be read"):
        found_in(tmp_path)
