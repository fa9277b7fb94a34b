from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.cells.made import (
    CHANNELS,
    cell_pixels,
    field_name,
    options,
    six_cells,
    table_row,
    write_crop,
    write_rows,
)

from phenovae.base.errors import InputError
from phenovae.cells.importing import import_crops
from phenovae.cells.store import CellStore
from phenovae.screen.bbbc021.single_cells import single_cells

IMAGE_COLUMNS = (
    "TableNumber",
    "ImageNumber",
    "Image_FileName_DAPI",
    "Image_PathName_DAPI",
    "Image_FileName_Tubulin",
    "Image_PathName_Tubulin",
    "Image_FileName_Actin",
    "Image_PathName_Actin",
    "Image_Metadata_Plate_DAPI",
    "Image_Metadata_Well_DAPI",
    "Replicate",
    "Image_Metadata_Compound",
    "Image_Metadata_Concentration",
)


def image_row(number: int, well: str, compound: str, dose: str) -> list[str]:
    stem = field_name(number, well)
    names = [stem.replace("_w1A", f"_w{tag}A") + ".tif" for tag in (1, 2, 4)]
    folder = "Week1/Week1_22123"
    files = [text for name in names for text in (name, folder)]
    return ["4", str(number), *files, "Week1_22123", well, "1", compound, dose]


def official_tables(folder: Path, *, turned: bool = False) -> tuple[Path, Path]:
    rows = [
        image_row(0, "B02", "DMSO", "0"),
        image_row(1, "C07", "emetine", "0.3"),
        image_row(2, "D03", "PP-2", "3"),
    ]
    image, moa = folder / "image.csv", folder / "moa.csv"
    with image.open("w", newline="") as file:
        csv.writer(file).writerows([IMAGE_COLUMNS, *(rows[::-1] if turned else rows)])
    known = ['"emetine",0.300000,"Protein synthesis"', '"DMSO",0.0,"DMSO"']
    lines = ['"compound",concentration,"moa"', *(known[::-1] if turned else known)]
    moa.write_text("\n".join(lines) + "\n")
    return image, moa


def crops_of_three_fields(folder: Path) -> Path:
    for number, well in enumerate(("B02", "C07", "D03")):
        write_crop(folder, field_name(number, well), 4, cell_pixels(number), nested=True)
    return folder


@pytest.mark.parametrize("nested", [True, False])
def test_every_cell_of_both_layouts_is_stored_with_its_pixels_and_metadata(
    tmp_path: Path, nested: bool
) -> None:
    crops, table = six_cells(tmp_path, nested=nested)
    report = import_crops(
        single_cells(), options(crops, table, pixel_size_um=0.656), tmp_path / "store"
    )
    assert (report.found, report.imported, report.refused) == (6, 6, ())
    assert (report.flagged, report.rows_without_file) == ({}, 0)
    store = CellStore.open(tmp_path / "store")
    assert (store.channels, store.crop_size, store.pixel_size_um) == (CHANNELS, (12, 12), 0.656)
    cells = store.table
    assert cells["Metadata_Plate"].tolist() == ["Week1_22123"] * 4 + ["Week2_24381"] * 2
    assert cells["Metadata_Batch"].tolist() == ["Week1"] * 4 + ["Week2"] * 2
    assert cells["Metadata_Well"].tolist() == ["B02", "B02", "C07", "C07", "D05", "D05"]
    assert cells["Metadata_Cell"].tolist() == [3, 12] * 3
    assert cells["Metadata_Concentration"].tolist() == [0, 0, 0.3, 0.3, 0.3, 0.3]
    assert cells["Metadata_Role"].tolist() == (
        ["negative_control"] * 2 + ["treatment"] * 2 + ["positive_control"] * 2
    )
    assert cells["Metadata_MoA"].fillna("").tolist() == (
        ["", "", "Protein synthesis", "Protein synthesis"] + ["Microtubule stabilizers"] * 2
    )
    for row, pixels in enumerate(store.read(range(6))):
        number, cell = row // 2, int(cells["Metadata_Cell"].iloc[row])
        assert np.array_equal(pixels.transpose(1, 2, 0), cell_pixels(10 * number + cell))


def test_the_order_of_the_rows_of_the_table_changes_nothing(tmp_path: Path) -> None:
    crops, table = six_cells(tmp_path)
    import_crops(single_cells(), options(crops, table), tmp_path / "one")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    turned = write_rows(tmp_path / "metadata2.csv", rows[::-1], list(rows[0])[::-1])
    import_crops(single_cells(), options(crops, turned), tmp_path / "other")
    one, other = CellStore.open(tmp_path / "one"), CellStore.open(tmp_path / "other")
    assert one.table.equals(other.table)
    assert one.card.shards == other.card.shards


def test_the_same_crops_in_another_layout_make_the_same_store(tmp_path: Path) -> None:
    for name, nested in (("a", True), ("b", False)):
        (tmp_path / name).mkdir()
        crops, table = six_cells(tmp_path / name, nested=nested)
        import_crops(single_cells(), options(crops, table), tmp_path / name / "store")
    one, other = (CellStore.open(tmp_path / name / "store") for name in "ab")
    assert one.fingerprint() == other.fingerprint()


def test_the_official_tables_are_joined_by_the_unique_id_never_by_the_order(tmp_path: Path) -> None:
    crops = crops_of_three_fields(tmp_path / "crops")
    stores = []
    for name, turned in (("one", False), ("other", True)):
        (tmp_path / name).mkdir()
        image, moa = official_tables(tmp_path / name, turned=turned)
        report = import_crops(
            single_cells(), options(crops, image, moa=moa), tmp_path / name / "store"
        )
        assert (report.found, report.imported, report.rows_without_file) == (3, 3, 0)
        stores.append(CellStore.open(tmp_path / name / "store"))
    assert stores[0].table.equals(stores[1].table)
    cells = stores[0].table
    assert cells["Metadata_Compound"].tolist() == ["DMSO", "emetine", "PP-2"]
    assert cells["Metadata_MoA"].fillna("").tolist() == ["", "Protein synthesis", ""]


def test_a_file_finds_its_row_whatever_stands_before_the_well_in_its_name(tmp_path: Path) -> None:
    image, moa = official_tables(tmp_path)
    short = field_name(1, "C07").removeprefix("Week1_150607_")
    write_crop(tmp_path / "crops", short.replace("_w1A", "_w1a", 1), 7, cell_pixels(0), nested=True)
    import_crops(single_cells(), options(tmp_path / "crops", image, moa=moa), tmp_path / "store")
    cells = CellStore.open(tmp_path / "store").table
    assert cells[["Metadata_Compound", "Metadata_Cell"]].to_numpy().tolist() == [["emetine", 7]]


def test_without_the_mechanism_table_no_mechanism_is_known(tmp_path: Path) -> None:
    crops = crops_of_three_fields(tmp_path / "crops")
    image, _ = official_tables(tmp_path)
    import_crops(single_cells(), options(crops, image), tmp_path / "store")
    assert CellStore.open(tmp_path / "store").table["Metadata_MoA"].isna().all()


def test_a_mechanism_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    crops = crops_of_three_fields(tmp_path / "crops")
    image, _ = official_tables(tmp_path)
    with pytest.raises(InputError, match=r"gone\.csv"):
        import_crops(
            single_cells(), options(crops, image, moa=tmp_path / "gone.csv"), tmp_path / "store"
        )


def feature_row(number: int, plate_well: str, compound: str, dose: str, moa: str) -> dict[str, str]:
    well = plate_well.rpartition("_")[2]
    return {
        "single_img_name": f"{field_name(number, well)}_4.npy",
        "plate_well": plate_well,
        "Image_Metadata_Compound": compound,
        "Image_Metadata_Concentration": dose,
        "moa": moa,
    }


FEATURE_ROWS = [
    feature_row(0, "Week1_22123_B02", "DMSO", "0.0", "DMSO"),
    feature_row(1, "Week1_22123_C07", "emetine", "0.3", "Protein synthesis"),
    feature_row(2, "Week2_24381_D03", "PP-2", "3.0", "Epithelial"),
]


@pytest.mark.parametrize("features", [2, 200])
@pytest.mark.parametrize("with_images", [True, False])
def test_a_table_of_features_tells_plate_and_well_in_one_column(
    tmp_path: Path, features: int, with_images: bool
) -> None:
    crops = crops_of_three_fields(tmp_path / "crops")
    more = {f"latent_{number}": "0.25" for number in range(features)}
    if with_images:
        more["Image_FileName_DAPI"] = "field.tif"
    table = write_rows(tmp_path / "features.csv", [{**row, **more} for row in FEATURE_ROWS])
    report = import_crops(single_cells(), options(crops, table), tmp_path / "store")
    assert report.imported == 3
    cells = CellStore.open(tmp_path / "store").table
    assert cells["Metadata_Plate"].tolist() == ["Week1_22123", "Week1_22123", "Week2_24381"]
    assert cells["Metadata_Well"].tolist() == ["B02", "C07", "D03"]
    assert cells["Metadata_MoA"].fillna("").tolist() == ["", "Protein synthesis", "Epithelial"]
    assert cells["Metadata_Replicate"].isna().all()


def test_columns_for_plate_and_well_come_before_the_joint_one(tmp_path: Path) -> None:
    crops = crops_of_three_fields(tmp_path / "crops")
    rows = [
        {**row, "Image_Metadata_Plate_DAPI": "Week9_39206", "Image_Metadata_Well_DAPI": "G11"}
        for row in FEATURE_ROWS
    ]
    import_crops(
        single_cells(), options(crops, write_rows(tmp_path / "t.csv", rows)), tmp_path / "store"
    )
    cells = CellStore.open(tmp_path / "store").table
    assert set(cells["Metadata_Plate"] + cells["Metadata_Well"]) == {"Week9_39206G11"}


def test_a_name_in_the_table_may_have_folders_before_it_and_lack_its_ending(tmp_path: Path) -> None:
    crops = crops_of_three_fields(tmp_path / "crops")
    rows = [
        {**row, "single_img_name": f"some/folder/{row['single_img_name'].removesuffix('.npy')}"}
        for row in FEATURE_ROWS
    ]
    import_crops(
        single_cells(), options(crops, write_rows(tmp_path / "t.csv", rows)), tmp_path / "store"
    )
    fields = CellStore.open(tmp_path / "store").table["Metadata_Field"]
    assert fields.tolist() == [
        field_name(number, well) for number, well in enumerate(("B02", "C07", "D03"))
    ]


def test_a_packed_table_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    crops, table = six_cells(tmp_path)
    packed = tmp_path / "metadata.csv.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + table.read_bytes()))
    assert import_crops(single_cells(), options(crops, packed), tmp_path / "store").imported == 6


def test_rows_without_a_file_are_counted_with_examples(tmp_path: Path) -> None:
    crops, _ = six_cells(tmp_path)
    rows = [table_row(field_name(0), cell) for cell in (3, 12, 40, 41)]
    report = import_crops(
        single_cells(), options(crops, write_rows(tmp_path / "t.csv", rows)), tmp_path / "store"
    )
    assert (report.found, report.imported, len(report.refused)) == (6, 2, 4)
    assert {each.reason for each in report.refused} == {"no metadata for its name"}
    assert report.rows_without_file == 2
    unique = field_name(0).partition("_w1")[2]
    assert report.examples_without_file == (f"{unique}_40", f"{unique}_41")
    assert report.joins == (
        "6 files and 4 cells in t.csv: 2 files imported, 4 without metadata, 0 refused for other "
        "reasons; 2 cells without a file",
    )
    told = report.as_dict()
    assert (told["found"], told["imported"], told["refused"]) == (6, 2, 4)
    assert told["refused_by_reason"] == {"no metadata for its name": 4}


def test_a_replicate_that_is_no_number_is_unknown_and_stops_nothing(tmp_path: Path) -> None:
    field = field_name(0)
    rows = [
        table_row(field, cell, Replicate=value) for cell, value in enumerate(["2", "1.5", "", "x"])
    ]
    for cell in range(4):
        write_crop(tmp_path / "crops", field, cell, cell_pixels(cell), nested=False)
    import_crops(
        single_cells(),
        options(tmp_path / "crops", write_rows(tmp_path / "t.csv", rows)),
        tmp_path / "store",
    )
    told = CellStore.open(tmp_path / "store").table["Metadata_Replicate"]
    assert told.iloc[0] == 2
    assert told.isna().tolist() == [False, True, True, True]


@pytest.mark.parametrize(("channels", "dtype"), [(1, "uint8"), (5, "uint16"), (3, "uint8")])
def test_any_number_of_channels_and_both_depths_are_stored(
    tmp_path: Path, channels: int, dtype: str
) -> None:
    names = tuple(f"C{number}" for number in range(channels))
    pixels = cell_pixels(1, channels=channels, dtype=dtype)
    write_crop(tmp_path / "crops", field_name(0), 1, pixels, nested=False)
    table = write_rows(tmp_path / "t.csv", [table_row(field_name(0), 1)])
    import_crops(
        single_cells(), options(tmp_path / "crops", table, channels=names), tmp_path / "store"
    )
    store = CellStore.open(tmp_path / "store")
    assert store.card.dtype == dtype
    assert np.array_equal(store.read([0])[0].transpose(1, 2, 0), pixels)


def test_crops_without_a_cell_are_flagged_and_kept(tmp_path: Path) -> None:
    field = field_name(0)
    noise = np.random.default_rng(0).integers(300, 400, (12, 12, 3)).astype(np.uint16)
    write_crop(tmp_path / "crops", field, 0, cell_pixels(0), nested=True)
    write_crop(tmp_path / "crops", field, 1, noise, nested=True)
    write_crop(tmp_path / "crops", field, 2, np.full((12, 12, 3), 7, np.uint16), nested=True)
    table = write_rows(tmp_path / "t.csv", [table_row(field, cell) for cell in range(3)])
    report = import_crops(single_cells(), options(tmp_path / "crops", table), tmp_path / "store")
    assert (report.imported, report.flagged) == (3, {"constant": 1, "noise": 1})
    flags = CellStore.open(tmp_path / "store").table["Quality_Flag"]
    assert flags.tolist() == ["", "noise", "constant"]


def test_an_import_replaces_an_older_store_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    crops, table = six_cells(tmp_path)
    for _ in range(2):
        import_crops(single_cells(), options(crops, table), tmp_path / "store")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crops", "metadata.csv", "store"]
    CellStore.open(tmp_path / "store").verify()


def test_the_tables_columns_are_those_that_the_schema_declares(tmp_path: Path) -> None:
    crops, table = six_cells(tmp_path)
    import_crops(single_cells(), options(crops, table), tmp_path / "store")
    cells = CellStore.open(tmp_path / "store").table
    assert not [name for name in cells.columns if name.startswith("Table_")]
    assert isinstance(cells, pd.DataFrame)
    assert cells["Store_Shard"].tolist() == [0, 0, 0, 0, 1, 1]
    assert cells["Store_Offset"].tolist() == [0, 1, 2, 3, 0, 1]
