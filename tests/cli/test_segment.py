from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import tifffile
from tests.images.drawn import counts, discs, lit, scattered
from tests.pipeline.runs import call

from phenovae.images.segmentation.matching import agreement

TRUTH = discs((160, 200), [(40, 40, 12), (40, 100, 12), (110, 60, 12), (110, 150, 12)])
IMAGE = counts(lit(TRUTH))


def written(path: Path, image: npt.NDArray[np.generic] = IMAGE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, image)
    return path


def test_labels_have_the_images_name_and_are_told_of(tmp_path: Path) -> None:
    images = [written(tmp_path / "plate 1" / "größe.tif")]
    eight = np.round(IMAGE / IMAGE.max() * 255).astype(np.uint8)
    for name in ("b.png", "c.jpg"):
        images.append(tmp_path / name)
        PIL.Image.fromarray(eight).save(images[-1])
    images.append(written(tmp_path / "empty.TIFF", np.zeros((20, 30), np.uint8)))
    out = tmp_path / "new" / "labels"
    told = call("segment", *images, "-o", out)
    assert told.code == 0, told.err
    lines = told.out.splitlines()
    for line, image in zip(lines[:3], images[:3], strict=True):
        start, end = f"{image}: 4 nuclei, ", " px across"
        assert line.startswith(start)
        assert 22 < float(line.removeprefix(start).removesuffix(end)) < 28
    assert lines[3:] == [
        f"{images[3]}: 0 nuclei",
        f"12 nuclei in 4 of 4 images; labels in {out}",
    ]
    assert sorted(path.name for path in out.iterdir()) == [
        "b.tif", "c.tif", "empty.tif", "größe.tif",
    ]  # fmt: skip
    labels = tifffile.imread(out / "größe.tif")
    assert labels.dtype == np.uint16
    assert agreement(TRUTH, labels).f1 == 1
    assert tifffile.imread(out / "empty.tif").shape == (20, 30)


def test_an_image_that_cannot_be_read_costs_no_other(tmp_path: Path) -> None:
    good = written(tmp_path / "good.tif")
    cut = tmp_path / "cut.tif"
    cut.write_bytes(good.read_bytes()[:5000])
    (tmp_path / "text.png").write_text("no image", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    bad = [cut, tmp_path / "text.png", tmp_path / "folder", tmp_path / "nowhere.tif"]
    told = call("segment", *bad, good, "-o", tmp_path / "out")
    assert told.code == 3
    assert [line.split(": ")[0] for line in told.err.splitlines()] == [str(path) for path in bad]
    assert told.out.splitlines()[-1] == (f"4 nuclei in 1 of 5 images; labels in {tmp_path / 'out'}")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.tif"]


def test_images_of_one_name_are_refused_before_any_work(tmp_path: Path) -> None:
    images = [written(tmp_path / "a" / "field.tif"), written(tmp_path / "b" / "Field.tiff")]
    told = call("segment", *images, "-o", tmp_path / "out")
    assert told.code == 2
    assert f"{images[0]} and {images[1]} would have one label image" in told.err
    assert not (tmp_path / "out").exists()


def test_images_are_never_written_over(tmp_path: Path) -> None:
    image = written(tmp_path / "field.tif")
    other = written(tmp_path / "far" / "field.tif")
    before = image.read_bytes()
    for given in (image, other):
        told = call("segment", given, "-o", tmp_path)
        assert told.code == 2
        assert "images are never written over" in told.err
    assert image.read_bytes() == before


def test_labels_of_an_earlier_call_are_written_anew(tmp_path: Path) -> None:
    image = written(tmp_path / "field.tif")
    assert call("segment", image, "-o", tmp_path / "out").code == 0
    first = (tmp_path / "out" / "field.tif").read_bytes()
    written(image, np.zeros((20, 30), np.uint8))
    assert call("segment", image, "-o", tmp_path / "out").code == 0
    assert (tmp_path / "out" / "field.tif").read_bytes() != first


def test_a_file_or_a_closed_folder_in_the_place_of_the_output(tmp_path: Path) -> None:
    image = written(tmp_path / "field.tif")
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    told = call("segment", image, "-o", tmp_path / "file")
    assert told.code == 2
    assert "this is a file" in told.err
    told = call("segment", image, "-o", tmp_path / "file" / "below")
    assert told.code == 1
    assert "cannot write field.tif" in told.err
    with mock.patch.object(tifffile, "imwrite", side_effect=OSError(28, "No space left on device")):
        told = call("segment", image, "-o", tmp_path / "full")
    assert told.code == 1
    assert "No space left on device" in told.err
    assert list((tmp_path / "full").iterdir()) == []


def test_more_nuclei_than_the_labels_can_number(tmp_path: Path) -> None:
    image = written(tmp_path / "field.tif")
    with mock.patch("phenovae.cli.segment._MOST", 3):
        told = call("segment", image, "-o", tmp_path / "out")
    assert told.code == 3
    assert "4 nuclei are more than a uint16 label image can number" in told.err


def test_limits_in_micrometres(tmp_path: Path) -> None:
    image = written(tmp_path / "field.tif")
    out = ("-o", tmp_path / "out")
    assert "4 nuclei" in call("segment", image, *out, "--pixel-size", 0.5, "--min-diameter", 8).out
    assert "0 nuclei" in call("segment", image, *out, "--pixel-size", 0.5, "--max-diameter", 8).out
    for wrong, why in (
        (("--min-diameter", 8), "needs the size of a pixel"),
        (("--pixel-size", 0), "above 0"),
        (("--pixel-size", "nan"), "above 0"),
        (("--pixel-size", 1, "--min-diameter", 8, "--max-diameter", 8), "must be below"),
    ):
        told = call("segment", image, *out, *wrong)
        assert told.code == 2
        assert why in told.err


def test_no_image_and_no_folder_are_wrong_usage(tmp_path: Path) -> None:
    assert call("segment", "-o", tmp_path).code == 2
    assert call("segment", written(tmp_path / "a.tif")).code == 2


@pytest.mark.slow
def test_a_large_field(tmp_path: Path) -> None:
    tile = scattered((340, 340), 20, 100, seed=1)
    number = np.arange(36, dtype=np.int32).reshape(6, 6) * (tile.max() + 1)
    wide = np.tile(tile, (6, 6))
    truth = np.where(wide > 0, wide + np.kron(number, np.ones_like(tile)), 0).astype(np.int32)
    image = written(tmp_path / "a.tif", counts(lit(truth)))
    assert call("segment", image, "-o", tmp_path / "out").code == 0
    assert agreement(truth, tifffile.imread(tmp_path / "out" / "a.tif")).f1 > 0.97
