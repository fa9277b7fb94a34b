from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import pytest
from tests.cells.made import cell_pixels, field_name, options, table_row, write_rows

from phenovae.base.errors import InputError, MissingExtraError
from phenovae.cells.hdf5 import unpack_hdf5
from phenovae.cells.importing import import_crops
from phenovae.screen.bbbc021.single_cells import single_cells

IMAGES = np.stack([cell_pixels(seed) for seed in range(3)])
NAMES = [f"{field_name(0)}_{cell}.npy" for cell in range(3)]


def write_h5(path: Path, **given: object) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, value in {"images": IMAGES, "image_names": NAMES, **given}.items():
            if value is not None:
                file[name] = value
    return path


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_every_crop_becomes_a_file_under_its_name(tmp_path: Path, dtype: str) -> None:
    images = IMAGES.astype(dtype)
    assert unpack_hdf5(write_h5(tmp_path / "a.h5", images=images), tmp_path / "out") == 3
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == NAMES
    for name, pixels in zip(NAMES, images, strict=True):
        read = np.load(tmp_path / "out" / name)
        assert read.dtype == dtype
        assert np.array_equal(read, pixels)


def test_names_of_fixed_length_and_without_an_ending_are_read(tmp_path: Path) -> None:
    names = np.array([name.removesuffix(".npy").encode() for name in NAMES])
    unpack_hdf5(write_h5(tmp_path / "a.h5", image_names=names), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == NAMES


def test_what_was_unpacked_is_imported(tmp_path: Path) -> None:
    unpack_hdf5(write_h5(tmp_path / "a.h5"), tmp_path / "out")
    table = write_rows(tmp_path / "t.csv", [table_row(field_name(0), cell) for cell in range(3)])
    assert (
        import_crops(single_cells(), options(tmp_path / "out", table), tmp_path / "store").imported
        == 3
    )


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_crops_that_are_not_raw_are_refused(tmp_path: Path, dtype: str) -> None:
    path = write_h5(tmp_path / "a.h5", images=IMAGES.astype(dtype))
    with pytest.raises(InputError, match=f"`images` holds {dtype}, not raw") as caught:
        unpack_hdf5(path, tmp_path / "out")
    assert "lost their intensities" in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("key", ["images", "image_names"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    with pytest.raises(InputError, match=f"the file lacks .*{key}"):
        unpack_hdf5(write_h5(tmp_path / "a.h5", **{key: None}), tmp_path / "out")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"images": IMAGES[0]}, r"`images` has shape \(12, 12, 3\)"),
        ({"image_names": NAMES[:2]}, r"`image_names` \(2,\)"),
        ({"image_names": [[name] for name in NAMES]}, r"`image_names` \(3, 1\)"),
        ({"images": None, "images/more": IMAGES}, "`images` has shape None"),
    ],
)
def test_shapes_that_do_not_belong_together_are_refused(
    tmp_path: Path, given: dict[str, object], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        unpack_hdf5(write_h5(tmp_path / "a.h5", **given), tmp_path / "out")


@pytest.mark.parametrize("name", ["../evil.npy", "/evil.npy", "a/b_1.npy", "", "."])
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "in").mkdir()
    path = write_h5(tmp_path / "in" / "a.h5", image_names=[*NAMES[:2], name])
    with pytest.raises(InputError, match="is no file name"):
        unpack_hdf5(path, tmp_path / "in" / "out")
    assert not list(tmp_path.rglob("*.npy"))


def test_two_crops_of_one_name_are_refused_rather_than_one_lost(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "a.h5", image_names=["a_1", "a_2", "a_1.npy"])
    with pytest.raises(InputError, match=r"'a_1\.npy' is in `image_names` twice"):
        unpack_hdf5(path, tmp_path / "out")


def test_a_damaged_file_and_none_are_told(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "a.h5")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be read"):
        unpack_hdf5(path, tmp_path / "out")
    path.write_bytes(b"no HDF5 at all")
    with pytest.raises(InputError, match="cannot be read"):
        unpack_hdf5(path, tmp_path / "out")
    with pytest.raises(InputError, match="cannot be read"):
        unpack_hdf5(tmp_path / "gone.h5", tmp_path / "out")


def test_without_the_package_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: object, **named: object) -> object:
        if name == "h5py":
            raise ImportError(name)
        return real(name, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match="h5py") as caught:
        unpack_hdf5(tmp_path / "a.h5", tmp_path / "out")
    assert "phenovae[hdf5]" in str(caught.value)
