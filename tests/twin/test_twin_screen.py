"""A whole synthetic screen on disk: names, tables, pixels, truth, determinism."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from phenovae.base.errors import PhenovaeError, UsageError
from phenovae.base.files import read_json, sha256_of_file
from phenovae.base.tables import read_table
from phenovae.screen.bbbc021.names import parse_field
from phenovae.screen.bbbc021.tables import read_sites
from phenovae.screen.partners import eligible, scorable, treatments
from phenovae.screen.sites import Role, channels_of
from phenovae.twin.options import TwinOptions
from phenovae.twin.screen import make_twin
from phenovae.twin.tables import IMAGE_CSV, MOA_CSV, POSITIONS


def _hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256_of_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _sites(folder: Path) -> pd.DataFrame:
    return read_sites(folder / IMAGE_CSV, folder / MOA_CSV)


def _positions(folder: Path) -> pd.DataFrame:
    return read_table(folder / "truth" / "positions.parquet", POSITIONS)


def test_the_reader_of_the_real_screen_reads_the_twin(small_twin: Path) -> None:
    sites = _sites(small_twin)
    assert channels_of(sites) == ("DAPI", "Tubulin", "Actin")
    assert len(sites) == 4 * (6 + 2 + 1)
    assert sites["Metadata_Batch"].nunique() == 4
    roles = sites["Metadata_Role"].value_counts()
    assert roles[Role.NEGATIVE_CONTROL.value] == 8
    assert roles[Role.POSITIVE_CONTROL.value] == 4
    assert roles[Role.TREATMENT.value] == 24


def test_every_file_of_the_table_is_there_and_carries_its_well(small_twin: Path) -> None:
    sites = _sites(small_twin)
    for channel, tag in (("DAPI", 1), ("Tubulin", 2), ("Actin", 4)):
        for well, name in zip(sites["Metadata_Well"], sites[f"File_{channel}"], strict=True):
            path = small_twin / "images" / name
            assert path.is_file()
            parsed = parse_field(path.stem)
            assert (parsed.well, parsed.tag) == (well, tag)


def test_most_treatments_have_a_partner_in_another_batch_and_two_mechanisms_none(
    small_twin: Path,
) -> None:
    known = treatments(_sites(small_twin))
    assert len(known) == 24
    mechanisms = known["Metadata_MoA"].tolist()
    compounds = known["Metadata_Compound"].tolist()
    mask = eligible(compounds, known["Batches"].tolist(), "other-compound-and-batch")
    lost = {
        mechanism
        for mechanism, found in zip(mechanisms, scorable(mask, mechanisms), strict=True)
        if not found
    }
    assert lost == {"Cholesterol-lowering", "Kinase inhibitors"}


def test_compounds_that_were_made_up_say_so(small_twin: Path) -> None:
    names = set(_sites(small_twin)["Metadata_Compound"]) - {"DMSO", "taxol"}
    assert all(name.startswith("TWN-") for name in names)


def test_the_twin_calls_itself_synthetic(small_twin: Path) -> None:
    card = read_json(small_twin / "twin.json")
    assert isinstance(card, dict)
    assert card["synthetic"] is True
    assert card["seed"] == 0
    assert card["options"]["height"] == 160
    assert "SYNTHETIC" in (small_twin / "README.txt").read_text(encoding="utf-8")


def test_pixels_are_twelve_bits_shifted_into_sixteen(small_twin: Path) -> None:
    for path in sorted((small_twin / "images").rglob("*.tif"))[:12]:
        image = tifffile.imread(path)
        assert image.shape == (160, 192)
        assert image.dtype == np.uint16
        assert (image % 16 == 0).all()


def test_masks_and_positions_agree_with_the_pixels(small_twin: Path) -> None:
    sites = _sites(small_twin)
    positions = _positions(small_twin)
    checked = 0
    for site in sites.to_dict("records"):
        field = str(site["Metadata_Field"])
        cells = positions[positions["Metadata_Field"] == field]
        dapi = tifffile.imread(small_twin / "images" / str(site["File_DAPI"]))
        actin = tifffile.imread(small_twin / "images" / str(site["File_Actin"]))
        nuclei = tifffile.imread(small_twin / "truth" / "labels" / f"{field}.tif")
        bodies = tifffile.imread(small_twin / "truth" / "cells" / f"{field}.tif")
        assert set(cells["Metadata_Cell"]) == set(np.unique(nuclei)) - {0}
        assert dapi[nuclei > 0].mean() > 1.8 * dapi[nuclei == 0].mean()
        assert actin[bodies > 0].mean() > 1.8 * actin[bodies == 0].mean()
        for cell in cells.to_dict("records"):
            mask = nuclei == cell["Metadata_Cell"]
            assert mask.sum() == cell["Area_Nucleus"]
            rows, columns = np.nonzero(mask)
            assert rows.mean() == pytest.approx(cell["Position_Row"])
            assert columns.mean() == pytest.approx(cell["Position_Column"])
            assert (bodies == cell["Metadata_Cell"]).sum() == cell["Area_Cell"]
            assert cell["Area_Cell"] >= cell["Area_Nucleus"]
            checked += 1
    assert checked == len(positions) > 100


def test_the_counts_of_the_summary_are_those_of_the_folder(
    tmp_path: Path, tiny_options: TwinOptions
) -> None:
    summary = make_twin(tiny_options.model_copy(update={"sites": 2}), tmp_path / "twin", 1)
    assert summary.wells == 14
    assert summary.fields == 28
    assert summary.plates == 2
    assert summary.treatments == summary.compounds == summary.mechanisms == 12
    assert summary.cells == len(_positions(tmp_path / "twin"))
    assert len(list((tmp_path / "twin" / "images").rglob("*.tif"))) == 3 * summary.fields
    assert "synthetic" in summary.in_words()


def test_one_seed_gives_the_same_bytes_and_another_seed_other_ones(
    tmp_path: Path, tiny_options: TwinOptions
) -> None:
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        make_twin(tiny_options, tmp_path / name, seed)
    assert _hashes(tmp_path / "again") == _hashes(tmp_path / "one")
    first, other = _hashes(tmp_path / "one"), _hashes(tmp_path / "other")
    shared = {name for name in first if other.get(name) == first[name]}
    assert shared == {"README.txt"}


@pytest.mark.slow
def test_two_processes_draw_what_one_draws(tmp_path: Path, tiny_options: TwinOptions) -> None:
    make_twin(tiny_options, tmp_path / "one", 0)
    make_twin(tiny_options, tmp_path / "two", 0, processes=2)
    assert _hashes(tmp_path / "two") == _hashes(tmp_path / "one")


def test_a_plate_does_not_depend_on_how_many_plates_there_are(
    tmp_path: Path, tiny_options: TwinOptions
) -> None:
    make_twin(tiny_options, tmp_path / "one", 0)
    make_twin(tiny_options.model_copy(update={"replicates": 2}), tmp_path / "more", 0)
    plate = Path("images") / "Week1" / "Week1_90111"
    assert _hashes(tmp_path / "more" / plate) == _hashes(tmp_path / "one" / plate)


def test_the_flat_twin_over_the_twin_is_the_true_light(
    tmp_path: Path, tiny_options: TwinOptions
) -> None:
    plain = tiny_options.model_copy(
        update={"batch_effect": 0.0, "illumination": 0.4, "height": 160, "width": 192}
    )
    make_twin(plain, tmp_path / "uneven", 0)
    make_twin(plain.model_copy(update={"illumination": 0.0}), tmp_path / "flat", 0)
    with np.load(tmp_path / "uneven" / "truth" / "illumination.npz", allow_pickle=False) as truth:
        light = truth["Week1_90111_Actin"]
    folder = Path("images") / "Week1" / "Week1_90111"
    names = sorted(path.name for path in (tmp_path / "flat" / folder).glob("*_w4*.tif"))
    offset = 24.0
    uneven = np.mean([tifffile.imread(tmp_path / "uneven" / folder / n) for n in names], axis=0)
    flat = np.mean([tifffile.imread(tmp_path / "flat" / folder / n) for n in names], axis=0)
    blocks = [(x / 16 - offset).reshape(8, 20, 8, 24).sum(axis=(1, 3)) for x in (uneven, flat)]
    expected = (light * (flat / 16 - offset)).reshape(8, 20, 8, 24).sum(axis=(1, 3)) / blocks[1]
    np.testing.assert_allclose(blocks[0] / blocks[1], expected, rtol=0.02)


def test_a_world_without_effect_moves_no_parameter_by_mechanism(
    tmp_path: Path, tiny_options: TwinOptions
) -> None:
    null = tiny_options.model_copy(update={"effect": 0.0, "compound_variation": 0.0})
    make_twin(null, tmp_path / "null", 0)
    positions = _positions(tmp_path / "null")
    sites = _sites(tmp_path / "null")[["Metadata_Field", "Metadata_MoA"]]
    table = positions.merge(sites, on="Metadata_Field")
    eg5 = table[table["Metadata_MoA"] == "Eg5 inhibitors"]
    assert (eg5["Truth_State"] == "monoaster").mean() < 0.05


def test_a_folder_that_is_no_twin_is_left_alone(tmp_path: Path, tiny_options: TwinOptions) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(UsageError, match="no twin"):
        make_twin(tiny_options, tmp_path, 0)
    assert (tmp_path / "thesis.txt").exists()
    with pytest.raises(UsageError, match="a file lies"):
        make_twin(tiny_options, tmp_path / "thesis.txt", 0)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, tiny_options: TwinOptions) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(PhenovaeError):
        make_twin(tiny_options, tmp_path / "file" / "twin", 0)


def test_a_new_twin_replaces_an_old_one(tmp_path: Path, tiny_options: TwinOptions) -> None:
    make_twin(tiny_options, tmp_path / "twin", 0)
    before = _hashes(tmp_path / "twin")
    make_twin(tiny_options, tmp_path / "twin", 0)
    assert _hashes(tmp_path / "twin") == before
    assert [path.name for path in tmp_path.iterdir()] == ["twin"]


def test_fields_so_sparse_that_some_are_empty_are_drawn(
    tmp_path: Path, tiny_options: TwinOptions
) -> None:
    sparse = tiny_options.model_copy(update={"density": 3.0})
    summary = make_twin(sparse, tmp_path / "sparse", 0)
    assert summary.cells < summary.fields
    assert len(_positions(tmp_path / "sparse")) == summary.cells
