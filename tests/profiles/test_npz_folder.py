from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.profiles.test_reading import CONTENT, PLAIN, PLATES, known

from phenovae.base.errors import InputError
from phenovae.profiles.reading import read_features
from phenovae.profiles.recipe import make_profiles


def write(folder: Path, pattern: str, **more: np.ndarray) -> np.ndarray:
    """A file for each of two sites a well, three cells each but for the second, which has none."""
    random = np.random.default_rng(0)
    values = []
    for plate in PLATES:
        for well in CONTENT:
            for site, cells in ((1, 3), (2, 0), (3, 2)):
                path = folder / pattern.format(plate=plate, well=well, site=site)
                path.parent.mkdir(parents=True, exist_ok=True)
                values.append(random.normal(size=(cells, 4)).astype(np.float32))
                places = {"locations": np.zeros((cells, 2))}
                np.savez(path, allow_pickle=True, features=values[-1], **places, **more)
    return np.vstack(values)


@pytest.mark.parametrize("pattern", ["{plate}/{well}/{site}.npz", "{plate}/{well}-{site}.npz"])
def test_cells_of_a_folder_are_read_by_the_names_of_its_files(tmp_path: Path, pattern: str) -> None:
    values = write(tmp_path / "features", pattern)
    found = read_features(tmp_path / "features", known()).features
    assert (found.level, len(found), len(found.columns)) == ("cell", 60, 4)
    assert found.columns[0] == "feature_000"
    np.testing.assert_array_equal(np.vstack([block for _, block in found.blocks()]), values)
    wanted = np.arange(60) % 7 == 0
    np.testing.assert_array_equal(found.take(wanted), values[wanted])
    assert found.metadata["Metadata_Field"].nunique() == 24
    assert make_profiles(found, PLAIN).cells == 45


class _Wicked:
    def __reduce__(self) -> tuple[object, ...]:
        return Path("/nowhere").touch, ()


def test_what_is_pickled_is_never_read(tmp_path: Path) -> None:
    metadata = np.array({"Plate": "p", "bomb": _Wicked()}, dtype=object)
    write(tmp_path / "with", "{plate}/{well}/{site}.npz", metadata=metadata)
    assert len(read_features(tmp_path / "with", known()).features) == 60
    path = tmp_path / "pickled" / PLATES[0] / "A01" / "1.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, features=np.array([[_Wicked()]], dtype=object))
    with pytest.raises(InputError, match="pickled, and is not read"):
        read_features(tmp_path / "pickled", known())


def test_a_folder_that_is_damaged_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.npz file"):
        read_features(tmp_path, known())
    path = tmp_path / PLATES[0] / "A01" / "1.npz"
    path.parent.mkdir(parents=True)
    for damage, why in (
        (b"PK nothing", "cannot be read"),
        ({"other": np.zeros((1, 2))}, "no array features"),
        ({"features": np.zeros(3)}, r"of shape \(3,\)"),
        ({"features": np.array([["a"]])}, "not numbers"),
    ):
        if isinstance(damage, bytes):
            path.write_bytes(damage)
        else:
            np.savez(path, **damage)
        with pytest.raises(InputError, match=why) as caught:
            read_features(tmp_path, known())
        assert caught.value.where == path
    np.savez(path, features=np.zeros((1, 2)))
    np.savez(path.with_name("2.npz"), features=np.zeros((1, 3)))
    with pytest.raises(InputError, match="2 wide in some files and 3 in others"):
        read_features(tmp_path, known())
    np.savez(tmp_path / "alone.npz", features=np.zeros((1, 2)))
    with pytest.raises(InputError, match="does not tell plate, well and site"):
        read_features(tmp_path, known())
