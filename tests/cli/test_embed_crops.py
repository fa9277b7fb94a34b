"""Somebody else's crops: any names, with a table or without, and everything that can be wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.pipeline.runs import Told, call

from phenovae.base.tables import read_table
from phenovae.cells.refusals import ERRORS


def _latents(table: pd.DataFrame) -> np.ndarray:
    return table[[name for name in table if str(name).startswith("z_")]].to_numpy()


def _embed(model: Path, crops: Path, out: Path, *more: object) -> Told:
    named = ["--model", model, "--set", "embed.device=cpu", "--crops", crops, "-o", out]
    return call("embed", *named, *more)


@pytest.fixture
def theirs(made_crops: Path, tmp_path: Path) -> Path:
    """A folder of crops in which nothing is named as phenovae names it."""
    folder = tmp_path / "their crops"
    for number, path in enumerate(sorted((made_crops / "crops").glob("*.npy"))[:24]):
        place = folder / ("day one" if number < 12 else "day two")
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place / f"cell {number}.npy")
    return folder


def test_crops_of_any_name_are_embedded_without_a_table(
    crops_run: Path, theirs: Path, tmp_path: Path
) -> None:
    told = _embed(crops_run / "model", theirs, tmp_path / "e.parquet")
    assert told.code == 0, told.err
    assert "scaled by the grey levels of all 24" in told.out
    table = pd.read_parquet(tmp_path / "e.parquet")
    assert list(table) == ["Metadata_File", "z_000", "z_001", "z_002", "z_003"]
    files = sorted(path.relative_to(theirs).as_posix() for path in theirs.rglob("*.npy"))
    assert table["Metadata_File"].tolist() == files
    assert np.isfinite(_latents(table)).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.parquet", "their crops"]


def test_a_gain_of_the_camera_is_taken_out_by_the_crops_own_scale(
    crops_run: Path, theirs: Path, tmp_path: Path
) -> None:
    brighter = tmp_path / "brighter"
    for path in theirs.rglob("*.npy"):
        place = brighter / path.relative_to(theirs)
        place.parent.mkdir(parents=True, exist_ok=True)
        np.save(place, np.load(path) // 8)
    found = {}
    for name, folder in (("as it was", theirs), ("dimmer", brighter)):
        for scale in ("crops", "model"):
            out = tmp_path / f"{name} {scale}.parquet"
            told = _embed(crops_run / "model", folder, out, "--scale", scale)
            assert told.code == 0, told.err
            assert ("the range of these crops is" in told.err) == (
                scale == "model" and name == "dimmer"
            ), told.err
            found[name, scale] = _latents(pd.read_parquet(out))
    apart = {
        scale: np.abs(found["as it was", scale] - found["dimmer", scale]).max()
        for scale in ("crops", "model")
    }
    assert apart["crops"] < 0.05 * apart["model"]


def test_by_the_models_scale_a_crop_is_embedded_alike_in_any_company(
    crops_run: Path, theirs: Path, tmp_path: Path
) -> None:
    one = tmp_path / "one"
    one.mkdir()
    shutil.copy(theirs / "day one" / "cell 3.npy", one)
    for scale in ("model", "crops"):
        told = _embed(crops_run / "model", one, tmp_path / f"{scale}.parquet", "--scale", scale)
        assert told.code == 0, told.err
        assert ("only 1 crops tell the scale" in told.err) == (scale == "crops")
    told = _embed(crops_run / "model", theirs, tmp_path / "all.parquet", "--scale", "model")
    every = pd.read_parquet(tmp_path / "all.parquet").set_index("Metadata_File")
    alone = pd.read_parquet(tmp_path / "model.parquet")
    np.testing.assert_allclose(
        _latents(alone)[0], every.loc["day one/cell 3.npy"].to_numpy(np.float32), atol=1e-6
    )


def test_a_table_of_ones_own_goes_with_the_files_and_its_plates_are_scaled_alone(
    crops_run: Path, theirs: Path, tmp_path: Path
) -> None:
    files = sorted(path.relative_to(theirs).as_posix() for path in theirs.rglob("*.npy"))
    rows = pd.DataFrame({"Metadata_File": files[:20], "Metadata_Donor": "né en 1970", "other": 1})
    rows["Metadata_Plate"] = ["P1" if name.startswith("day one") else "P2" for name in files[:20]]
    rows.to_csv(tmp_path / "t.csv", index=False)
    told = _embed(
        crops_run / "model", theirs, tmp_path / "e.parquet", "--metadata", tmp_path / "t.csv"
    )
    assert told.code == 3
    assert "each of 2 plates" in told.out
    table = pd.read_parquet(tmp_path / "e.parquet")
    assert list(table)[:3] == ["Metadata_File", "Metadata_Donor", "Metadata_Plate"]
    assert table["Metadata_File"].tolist() == files[:20]
    assert set(table["Metadata_Donor"]) == {"né en 1970"}
    errors = read_table(tmp_path / "e.parquet.errors.parquet", ERRORS)
    assert set(errors["Reason"]) == {"no row for its name in the table"}
    assert errors["File"].tolist() == files[20:]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Metadata_File\n", "no rows"),
        ("Metadata_File,Metadata_Plate\ncell 1.npy,\n", "no plate is named"),
        ("Metadata_File\na.npy\na.npy\n", "the file is there twice"),
        ("Metadata_File\nelsewhere.npy\n", "none of 24 files is named"),
        ("Metadata_File,Metadata_Role\ncell 1.npy,control\n", "the role is none"),
        ("File\ncell 1.npy\n", "lacks columns"),
    ],
)
def test_a_table_that_does_not_fit_is_told_of(
    text: str, said: str, crops_run: Path, theirs: Path, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    told = _embed(
        crops_run / "model", theirs, tmp_path / "e.parquet", "--metadata", tmp_path / "t.csv"
    )
    assert told.code == 1, told.out
    assert said in told.err
    assert not (tmp_path / "e.parquet").exists()


_GOOD = np.full((24, 24, 3), 7, np.uint16)


@pytest.mark.parametrize(
    ("crop", "said"),
    [
        (np.moveaxis(_GOOD, -1, 0), "numpy.moveaxis"),
        (_GOOD[..., :2], "the model wants 3 channels, axes height × width × channel (DAPI"),
        (_GOOD[..., 0], "the model wants 3 channels"),
        (_GOOD[:20, :20], "--other-size"),
        (_GOOD.astype(np.uint8), "trained on 16-bit pixels"),
        (_GOOD.astype(np.float32), "trained on 16-bit pixels"),
        (np.full((24, 24, 3), np.nan), "NaN or infinite values"),
    ],
)
def test_crops_of_another_form_are_refused_with_what_to_do(
    crop: np.ndarray, said: str, crops_run: Path, tmp_path: Path
) -> None:
    (tmp_path / "c").mkdir()
    np.save(tmp_path / "c" / "a cell.npy", np.ascontiguousarray(crop))
    told = _embed(crops_run / "model", tmp_path / "c", tmp_path / "e.parquet")
    assert told.code == 1, told.out
    assert "no file can be used" in told.err
    assert "a cell.npy" in told.err
    assert said in told.err
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_pickles_and_torn_files_are_listed_and_the_others_embedded(
    crops_run: Path, theirs: Path, tmp_path: Path
) -> None:
    np.save(theirs / "pickle.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (theirs / "empty.npy").touch()
    torn = (theirs / "day one" / "cell 0.npy").read_bytes()[:-10]
    (theirs / "torn.npy").write_bytes(torn)
    told = _embed(crops_run / "model", theirs, tmp_path / "e.parquet")
    assert told.code == 3, told.err
    assert len(pd.read_parquet(tmp_path / "e.parquet")) == 24
    errors = read_table(tmp_path / "e.parquet.errors.parquet", ERRORS)
    assert dict(zip(errors["File"], errors["Reason"], strict=True)) == {
        "empty.npy": "truncated",
        "pickle.npy": "an object array, which is never unpickled",
        "torn.npy": "truncated",
    }


def test_folders_without_crops_are_told_of(crops_run: Path, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    for folder, said in ((tmp_path / "c", "no .npy file"), (tmp_path / "none", "no such folder")):
        told = _embed(crops_run / "model", folder, tmp_path / "e.parquet")
        assert told.code == 1
        assert said in told.err


def test_crops_of_another_size_pass_where_they_are_as_wide_or_it_is_asked_for(
    crops_run: Path, theirs: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(crops_run / "model", model)
    card = json.loads((model / "model.json").read_text(encoding="utf-8"))
    assert card["origin"]["crop_size"] == [24, 24]
    assert card["origin"]["dtype"] == "uint16"
    for path in theirs.rglob("*.npy"):
        np.save(path, np.kron(np.load(path), np.ones((2, 2, 1), np.uint16)))
    out = tmp_path / "e.parquet"
    assert "--other-size" in _embed(model, theirs, out).err
    assert _embed(model, theirs, out, "--other-size").code == 0
    card["origin"]["pixel_size_um"] = 0.5
    (model / "model.json").write_text(json.dumps(card), encoding="utf-8")
    told = _embed(model, theirs, out, "--set", "input.pixel_size_um=0.25")
    assert told.code == 0, told.err
    told = _embed(model, theirs, out, "--set", "input.pixel_size_um=0.5")
    assert told.code == 1
    assert "24.0 µm high (48 × 48 px of 0.5 µm)" in told.err
