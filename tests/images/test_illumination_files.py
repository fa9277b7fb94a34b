"""The light of plates on disk: whole, the same bytes, under any plate's name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenovae.base.errors import InputError
from phenovae.base.tables import read_table
from phenovae.images.illumination import Illumination, flat
from phenovae.images.illumination_files import (
    ILLUMINATION,
    TABLE,
    illumination_path,
    light_of,
    load_illumination,
    save_illumination,
    write_illumination_table,
)


def some_light(seed: int = 0) -> Illumination:
    field = 1 + 0.1 * np.random.default_rng(seed).standard_normal((6, 8)).astype(np.float32)
    return Illumination(
        field=field,
        shape=(50, 65),
        side=8,
        dark_level=384.25,
        fields=24,
        degree=2,
        error=0.0123,
        flatness_before=0.3,
        flatness_after=0.12,
        flatness_chance=0.1,
    )


LIGHTS = {"DAPI": some_light(), "Aktin µ/2": some_light(1), "few": flat((50, 65), "3 fields", 3)}


def test_the_light_comes_back_as_it_was(tmp_path: Path) -> None:
    save_illumination(tmp_path / "a new folder", "Week1_1", LIGHTS)
    back = load_illumination(tmp_path / "a new folder", "Week1_1")
    assert list(back) == list(LIGHTS)
    for name, light in LIGHTS.items():
        one = back[name]
        assert (one.field == light.field).all()
        assert one.field.dtype == np.float32
        assert (one.full == light.full).all()
        told = [value for key, value in vars(light).items() if key not in ("field", "full")]
        again = [value for key, value in vars(one).items() if key not in ("field", "full")]
        assert str(again) == str(told)


def test_the_same_light_gives_the_same_bytes(tmp_path: Path) -> None:
    one = save_illumination(tmp_path / "1", "P", LIGHTS).read_bytes()
    assert save_illumination(tmp_path / "2", "P", LIGHTS).read_bytes() == one


@settings(max_examples=40)
@given(st.text(max_size=20))
def test_any_plate_has_a_file_in_the_folder(
    tmp_path_factory: pytest.TempPathFactory, plate: str
) -> None:
    try:
        plate.encode()
    except UnicodeEncodeError:
        return
    folder = tmp_path_factory.mktemp("names")
    path = save_illumination(folder, plate, {"DAPI": LIGHTS["DAPI"]})
    assert path == illumination_path(folder, plate)
    assert list(folder.iterdir()) == [path]
    assert load_illumination(folder, plate)["DAPI"].fields == 24


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file") as caught:
        load_illumination(tmp_path, "Week1_1")
    assert caught.value.where == tmp_path / "Week1_1.npz"
    path = save_illumination(tmp_path, "Week1_1", LIGHTS)
    whole = path.read_bytes()
    for length in range(0, len(whole), 211):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            load_illumination(tmp_path, "Week1_1")
    np.savez(path, format=np.int64(1), card=np.frombuffer(b'{"channels": [{}]}', np.uint8))
    with pytest.raises(InputError, match="makes no sense"):
        load_illumination(tmp_path, "Week1_1")
    np.savez(path, format=np.int64(9), card=np.frombuffer(b"{}", np.uint8))
    with pytest.raises(InputError, match="format 9"):
        load_illumination(tmp_path, "Week1_1")


def test_a_channel_without_light_is_named() -> None:
    assert light_of(LIGHTS, "DAPI", "P") is LIGHTS["DAPI"]
    with pytest.raises(InputError, match="'DAPY'") as caught:
        light_of(LIGHTS, "DAPY", "P")
    assert caught.value.mend == "did you mean 'DAPI'?"


def test_the_table_has_a_row_for_each_plate_and_channel(tmp_path: Path) -> None:
    write_illumination_table(tmp_path, {"P1": LIGHTS, "P2": {"DAPI": LIGHTS["DAPI"]}})
    table = read_table(tmp_path / TABLE, ILLUMINATION)
    assert table["Metadata_Plate"].tolist() == ["P1", "P1", "P1", "P2"]
    assert table["Light_Fallback"].tolist() == ["", "", "3 fields", ""]
    assert table["Light_Error"].isna().tolist() == [False, False, True, False]
    assert table.loc[0, "Light_Dark"] == 384.25
    write_illumination_table(tmp_path, {})
    assert isinstance(empty := read_table(tmp_path / TABLE, ILLUMINATION), pd.DataFrame)
    assert len(empty) == 0
