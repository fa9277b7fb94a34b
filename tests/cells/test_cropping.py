from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from phenovae.base.errors import InputError, StoreError
from phenovae.cells.cropping import crop_at, cut
from phenovae.cells.store import CellStore
from phenovae.screen.sites import METADATA

CHANNELS = ("DAPI", "Actin")
HEIGHT, WIDTH = 20, 30


def field_pixels(number: int) -> npt.NDArray[np.uint16]:
    """Two planes whose every pixel tells field, channel, row and column."""
    row, column = np.indices((HEIGHT, WIDTH))
    plane = 10_000 * number + 100 * row + column
    return np.stack([plane, plane + 5000]).astype(np.uint16)


def screen(folder: Path, fields: int = 2) -> pd.DataFrame:
    """Fields F0, F1 … on plates P0, P0, P1, P1 …, with images of both channels."""
    rows = []
    for number in range(fields):
        files = {}
        for channel, plane in zip(CHANNELS, field_pixels(number), strict=True):
            name = f"F{number}_{channel}.tif"
            tifffile.imwrite(folder / name, plane)
            files[f"File_{channel}"] = name
        plate = f"P{number // 2}"
        rows.append({"Metadata_Field": f"F{number}", "Metadata_Plate": plate, **files})
    sites = pd.DataFrame(rows).assign(
        Metadata_Well="B02",
        Metadata_Replicate=None,
        Metadata_Batch="Week1",
        Metadata_Compound="DMSO",
        Metadata_Concentration=0.0,
        Metadata_MoA=None,
        Metadata_Role="negative_control",
        Metadata_Site=1,
    )
    return sites[[*METADATA, *(f"File_{channel}" for channel in CHANNELS)]]


def positions(*cells: tuple[str, int, float, float]) -> pd.DataFrame:
    names = ["Metadata_Field", "Metadata_Cell", "Position_Row", "Position_Column"]
    return pd.DataFrame(list(cells), columns=pd.Index(names))


def test_a_square_is_cut_around_each_position(tmp_path: Path) -> None:
    where = positions(("F1", 4, 10, 12), ("F0", 1, 4, 4), ("F1", 2, 9.6, 11.4))
    report = crop_at(
        screen(tmp_path), tmp_path, where, CHANNELS, tmp_path / "s", size=8, pixel_size_um=0.5
    )
    assert (report.fields, report.positions, report.cropped) == (2, 3, 3)
    assert (report.at_border, report.in_lost_fields, report.refused) == (0, 0, ())
    store = CellStore.open(tmp_path / "s")
    store.verify()
    assert (store.channels, store.crop_size, store.pixel_size_um) == (CHANNELS, (8, 8), 0.5)
    read = store.read(range(3))
    assert np.array_equal(read[0], field_pixels(0)[:, 0:8, 0:8])
    assert np.array_equal(read[1], field_pixels(1)[:, 6:14, 8:16])
    assert np.array_equal(read[2], field_pixels(1)[:, 6:14, 7:15])
    cells = store.table
    assert cells["Metadata_File"].tolist() == ["F0_1.npy", "F1_4.npy", "F1_2.npy"]
    assert cells["Position_Row"].tolist() == [4.0, 10.0, 9.6]
    assert cells["Metadata_Replicate"].isna().all()


def test_positions_at_the_border_are_left_out_and_counted(tmp_path: Path) -> None:
    # squares of 8: centres from row 4 to 16 and from column 4 to 26 fit
    fit = [(4, 4), (16, 26), (4, 26), (16, 4)]
    out = [(3, 4), (4, 3), (17, 26), (16, 27), (-50, 10), (10, 900)]
    where = positions(*(("F0", n, float(r), float(c)) for n, (r, c) in enumerate([*fit, *out])))
    report = crop_at(screen(tmp_path), tmp_path, where, CHANNELS, tmp_path / "s", size=8)
    assert (report.positions, report.cropped, report.at_border) == (10, 4, 6)
    assert CellStore.open(tmp_path / "s").table["Metadata_Cell"].tolist() == [0, 1, 2, 3]


@settings(max_examples=40, deadline=None)
@given(
    places=st.lists(st.tuples(st.floats(-5, 25), st.floats(-5, 35)), max_size=8),
    size=st.integers(1, 12),
)
def test_every_square_that_is_cut_is_whole_and_the_others_are_told(
    places: list[tuple[float, float]], size: int
) -> None:
    where = positions(*(("F0", n, *place) for n, place in enumerate(places)))
    squares, inside = cut(field_pixels(0), where.astype({"Position_Row": float}), size)
    assert squares.shape == (inside.sum(), 2, size, size)
    assert len(inside) == len(places)
    kept = where.loc[inside]
    for square, row, column in zip(
        squares, kept["Position_Row"], kept["Position_Column"], strict=True
    ):
        top, left = round(row) - size // 2, round(column) - size // 2
        assert square[0, 0, 0] == 100 * top + left
        assert square[0, -1, -1] == 100 * (top + size - 1) + left + size - 1


def damaged(folder: Path, names: Sequence[str]) -> None:
    (folder / names[0]).unlink()
    whole = (folder / names[1]).read_bytes()
    (folder / names[1]).write_bytes(whole[:-100])
    tifffile.imwrite(folder / names[2], np.zeros((10, 10), np.uint16))


def test_fields_that_are_lost_are_listed_and_stop_nothing(tmp_path: Path) -> None:
    sites = screen(tmp_path, fields=6)
    damaged(tmp_path, ["F1_Actin.tif", "F2_DAPI.tif", "F3_Actin.tif"])
    sites.loc[4, "File_Actin"] = None
    where = positions(*((f"F{n}", 1, 10.0, 10.0) for n in (0, 1, 1, 2, 3, 4, 5)))
    where["Metadata_Cell"] = range(7)
    strangers = positions(("F9", 1, 10.0, 10.0), ("F9", 2, 1.0, 1.0))
    report = crop_at(
        sites, tmp_path, pd.concat([where, strangers]), CHANNELS, tmp_path / "s", size=8
    )
    reasons = {each.file: each.reason for each in report.refused}
    assert {name: text.partition(" (")[0].partition(":")[0] for name, text in reasons.items()} == {
        "F1": "there is no such image",
        "F2": "the image cannot be read",
        "F3": "the channels differ in size",
        "F4": "the field has no file for a channel",
        "F9": "the field is not among the sites",
    }
    assert (report.positions, report.cropped) == (9, 2)
    assert (report.at_border, report.in_lost_fields) == (0, 7)
    told = report.as_dict()
    assert told["positions"] == 9
    assert (told["imported"], told["refused"]) == (2, 5)
    lost = next(each for each in report.refused if each.file == "F1")
    assert (lost.plate, lost.well, lost.site) == ("P0", "B02", 1)
    assert "F1_Actin.tif" in lost.reason


def test_a_channel_that_the_sites_do_not_have_loses_the_field(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not one crop"):
        crop_at(
            screen(tmp_path), tmp_path, positions(("F0", 1, 10, 10)), ("DAPI", "ER"), tmp_path / "s"
        )


def test_where_no_cell_can_be_cut_out_there_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not one crop could be stored"):
        crop_at(
            screen(tmp_path), tmp_path, positions(("F0", 1, 0.0, 0.0)), CHANNELS, tmp_path / "s"
        )
    assert not (tmp_path / "s").exists()
    assert not (tmp_path / "s.partial").exists()


def test_a_position_that_is_no_number_is_refused(tmp_path: Path) -> None:
    where = positions(("F0", 1, 10.0, float("nan")))
    with pytest.raises(InputError, match="a position is no number"):
        crop_at(screen(tmp_path), tmp_path, where, CHANNELS, tmp_path / "s", size=8)


def test_images_of_8_bit_become_crops_of_16_with_the_same_levels(tmp_path: Path) -> None:
    sites = screen(tmp_path, fields=1)
    plane = (np.arange(HEIGHT * WIDTH) % 251).reshape(HEIGHT, WIDTH).astype(np.uint8)
    for channel in CHANNELS:
        tifffile.imwrite(tmp_path / f"F0_{channel}.tif", plane)
    where = positions(("F0", 1, 10.0, 10.0))
    crop_at(sites, tmp_path, where, CHANNELS, tmp_path / "s", size=8)
    read = CellStore.open(tmp_path / "s").read([0])
    assert read.dtype == np.uint16
    assert np.array_equal(read[0, 1], plane[6:14, 6:14])
