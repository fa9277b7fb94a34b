"""Label images on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from phenovae.base.errors import InputError
from phenovae.images.label_files import read_labels, read_own_labels, write_labels

LABELS = np.array([[0, 1, 1], [2, 0, 300]], np.int32)


@pytest.mark.parametrize(("most", "dtype"), [(300, np.uint16), (70_000, np.uint32)])
def test_labels_come_back_in_the_smallest_dtype_that_holds_them(
    most: int, dtype: type, tmp_path: Path
) -> None:
    labels = LABELS.copy()
    labels[1, 2] = most
    write_labels(labels, tmp_path / "a b" / "x.tif")
    assert tifffile.imread(tmp_path / "a b" / "x.tif").dtype == dtype
    assert (read_own_labels(tmp_path / "a b" / "x.tif") == labels).all()


@pytest.mark.parametrize("name", ["P1/A01_w1.tif", "A01_w1.png", "A01_w1.npy", "P1_A01_s1.tif"])
def test_labels_made_elsewhere_are_found_by_path_stem_or_field(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, LABELS)
    elif path.suffix == ".png":
        from skimage.io import imsave

        imsave(path, LABELS.astype(np.uint16), check_contrast=False)
    else:
        tifffile.imwrite(path, LABELS.astype(np.uint16))
    found = read_labels(tmp_path, "P1/A01_w1.tif", "P1_A01_s1", (2, 3))
    assert (found == LABELS).all()


def test_a_missing_label_image_says_how_it_should_be_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no label image of f1") as told:
        read_labels(tmp_path, "P/w1.tif", "f1", (2, 3))
    assert "w1.tif" in str(told.value)


@pytest.mark.parametrize(
    ("pixels", "what"),
    [
        (LABELS.astype(np.float32), "whole numbers"),
        (np.stack([LABELS, LABELS]).astype(np.int32), "one plane"),
        (LABELS - 5, "labels run from"),
        (LABELS * 100_000, "labels run from"),
        (np.zeros((4, 4), np.uint16), "4 × 4 px"),
    ],
)
def test_what_is_no_label_image_of_the_field_is_refused(
    pixels: np.ndarray, what: str, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "w1.tif", pixels, photometric="minisblack")
    with pytest.raises(InputError, match=what):
        read_labels(tmp_path, "w1.tif", "f", (2, 3))


def test_a_cut_label_image_is_refused(tmp_path: Path) -> None:
    write_labels(np.arange(10_000, dtype=np.int32).reshape(100, 100), tmp_path / "w1.tif")
    whole = (tmp_path / "w1.tif").read_bytes()
    (tmp_path / "w1.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cannot be read"):
        read_own_labels(tmp_path / "w1.tif")
