"""Models of others behind the one call, by stand-ins that are called as the real ones are."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from unittest import mock

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from pydantic import ValidationError
from tests.images.drawn import counts, discs, lit
from tests.pipeline.runs import call

from phenovae.base.errors import InputError, MissingExtraError, PhenovaeError, UsageError
from phenovae.images.segmentation import external
from phenovae.images.segmentation.matching import agreement
from phenovae.images.segmentation.nuclei import segment_nuclei
from phenovae.images.segmentation.options import SegmentationOptions

TRUTH = discs((160, 200), [(40, 40, 12), (40, 100, 12), (110, 60, 12), (110, 150, 12)])
IMAGE = counts(lit(TRUTH))
Told = dict[str, object]
Array = npt.NDArray[np.generic]
BOTH = ("cellpose", "instanseg")
WEIGHTS = {
    ("cellpose", "3.1.1.3"): "nucleitorch_0",
    ("cellpose", "4.0.8"): "cpsam",
    ("cellpose", "4.2.1.1"): "cpsam_v2",
    ("instanseg", "0.1.2"): "fluorescence_nuclei_and_cells/0.1.1/instanseg.pt",
}
INDEX = """[
{"name": "fluorescence_nuclei_and_cells", "version": "0.1.1", "license": "Apache-2.0", "url": ""},
{"name": "single_channel_nuclei", "version": "0.1.2", "license": "Apache-2.0", "url": ""}]"""


class World:
    """What the stand-ins are to do, and what they were told."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.weights = folder / "weights"
        self.packages = folder / "packages"
        self.patch = monkeypatch
        self.made: list[Told] = []
        self.asked: list[Told] = []
        self.errors: list[BaseException] = []
        self.labels: Array = np.where(TRUTH > 0, TRUTH * 7, 0)
        monkeypatch.setenv("INSTANSEG_BIOIMAGEIO_PATH", str(self.weights))

    def install(self, method: str, version: str, *, weights: bool = True) -> None:
        """Put a package of that version where Python finds it."""
        name = "cellpose" if method == "cellpose" else "instanseg-torch"
        told = self.packages / f"{name.replace('-', '_')}-{version}.dist-info"
        told.mkdir(parents=True)
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        self.patch.syspath_prepend(str(self.packages))
        if method == "cellpose":
            models = cellpose_3(self) if version.startswith("3.") else cellpose_4(self, version)
            package = ModuleType("cellpose")
            package.__dict__["models"] = models
            self.patch.setitem(sys.modules, "cellpose", package)
            self.patch.setitem(sys.modules, "cellpose.models", models)
        else:
            # on disk, since its list of models is a file of the package
            folder = self.packages / "instanseg" / "bioimageio_models"
            folder.mkdir(parents=True)
            (folder / "model-index.json").write_text(INDEX)
            (folder.parent / "__init__.py").write_text("InstanSeg = None\n")
            self.patch.delitem(sys.modules, "instanseg", raising=False)
            module = importlib.import_module("instanseg")
            self.patch.setitem(sys.modules, "instanseg", module)
            self.patch.setattr(module, "InstanSeg", instanseg(self))
        if weights:
            self.put(WEIGHTS[method, version])

    def put(self, name: str) -> Path:
        path = self.weights / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"weights")
        return path

    def answer(self, image: Array, told: Told) -> Array:
        assert image.dtype == np.float32
        self.asked.append(told)
        if self.errors:
            raise self.errors.pop(0)
        return self.labels


def cellpose_3(world: World) -> ModuleType:
    class CellposeModel:
        def __init__(
            self, gpu: bool = False, pretrained_model: str | bool = False,
            model_type: str | None = None, diam_mean: float = 30.0,
        ) -> None:  # fmt: skip
            world.made.append({"gpu": gpu, "name": model_type or pretrained_model})

        def eval(
            self, x: Array, batch_size: int = 8, channels: list[int] | None = None,
            diameter: float | None = None,
        ) -> tuple[Array, list[Array], Array]:  # fmt: skip
            assert channels == [0, 0]
            return world.answer(x, {"batch": batch_size, "diameter": diameter}), [], np.zeros(256)

    return _models(world, CellposeModel, ["cyto3", "nuclei", "yeast_BF_cp3"])


def cellpose_4(world: World, version: str) -> ModuleType:
    names = ["cpsam"] if version < "4.2" else ["cpsam_v2", "cpdino", "cpdino-vitb", "cpsam"]

    class CellposeModel:
        def __init__(self, gpu: bool = False, pretrained_model: str = names[0]) -> None:
            if Path(pretrained_model).is_file() and not Path(pretrained_model).stat().st_size:
                raise RuntimeError("unexpected end of file\nsecond line")
            world.made.append({"gpu": gpu, "name": pretrained_model})

        def eval(
            self, x: Array, batch_size: int = 8, diameter: float | None = None
        ) -> tuple[Array, list[Array], Array]:
            return world.answer(x, {"batch": batch_size, "diameter": diameter}), [], np.zeros(256)

    return _models(world, CellposeModel, names)


def _models(world: World, model: type, names: list[str]) -> ModuleType:
    models = ModuleType("cellpose.models")
    models.__dict__.update(CellposeModel=model, MODEL_NAMES=names, MODEL_DIR=world.weights)
    return models


class Tensor:
    def __init__(self, values: Array) -> None:
        self.values = values

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> Array:
        return self.values


def instanseg(world: World) -> type:
    class InstanSeg:
        def __init__(
            self, model_type: str, device: str | None = None, image_reader: str = "auto",
            verbosity: int = 1,
        ) -> None:  # fmt: skip
            assert (image_reader, verbosity) == ("skimage.io", 0)
            world.made.append({"gpu": device is None, "name": model_type})

        def eval_small_image(
            self, image: Array, pixel_size: float | None = None, return_image_tensor: bool = True,
            target: str = "all_outputs",
        ) -> Tensor:  # fmt: skip
            assert (target, return_image_tensor) == ("nuclei", False)
            found = world.answer(image, {"tile": None, "pixel": pixel_size})
            return Tensor(found[None, None].astype(np.float32))

        def eval_medium_image(
            self, image: Array, pixel_size: float | None = None, tile_size: int = 512,
            return_image_tensor: bool = True, target: str = "all_outputs",
        ) -> Tensor:  # fmt: skip
            assert (target, return_image_tensor) == ("nuclei", False)
            found = world.answer(image, {"tile": tile_size, "pixel": pixel_size})
            return Tensor(found[None, None].astype(np.float32))

    return InstanSeg


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    external._loaded.cache_clear()
    yield World(tmp_path / "a world", monkeypatch)
    external._loaded.cache_clear()


def options(method: str, **named: object) -> SegmentationOptions:
    return SegmentationOptions.model_validate({"method": method, **named})


@pytest.mark.parametrize(("method", "version"), list(WEIGHTS))
def test_labels_of_a_model_come_back_numbered_without_gaps(
    world: World, method: str, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.install(method, version)
    with caplog.at_level(logging.WARNING):
        results = [segment_nuclei(IMAGE, options(method), pixel_size_um=0.5) for _ in range(2)]
    for result in results:
        assert result.labels.dtype == np.int32
        assert (result.labels == TRUTH).all()
        assert result.count == 4
        # a disc of 441 pixels
        assert result.scale == pytest.approx(23.70, abs=0.01)
    assert len(world.made) == 1
    assert world.made[0]["gpu"] is True
    assert [record.message.count(version) for record in caplog.records] == [1]
    words = "CC-BY-NC" if method == "cellpose" else "these weights as Apache-2.0"
    assert words in caplog.text


@pytest.mark.parametrize("version", ["3.1.1.3", "4.0.8", "4.2.1.1"])
def test_cellpose_is_told_the_diameter_that_the_image_shows(world: World, version: str) -> None:
    world.install("cellpose", version)
    segment_nuclei(IMAGE, options("cellpose"))
    assert world.asked[0]["diameter"] == pytest.approx(24, rel=0.25)
    world.labels = np.zeros((50, 60), np.uint16)
    result = segment_nuclei(np.full((50, 60), 9, np.uint8), options("cellpose"))
    assert world.asked[1]["diameter"] is None
    assert (result.count, result.scale) == (0, 0.0)


def test_instanseg_is_told_the_size_of_a_pixel(world: World) -> None:
    world.install("instanseg", "0.1.2")
    for size in (0.65, None):
        segment_nuclei(IMAGE, options("instanseg"), pixel_size_um=size)
    assert [told["pixel"] for told in world.asked] == [0.65, None]


def test_a_large_image_goes_to_instanseg_in_tiles(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.install("instanseg", "0.1.2")
    monkeypatch.setattr("phenovae.images.segmentation.instanseg_model._LARGEST", 160 * 200 - 1)
    segment_nuclei(IMAGE, options("instanseg"))
    assert [told["tile"] for told in world.asked] == [512]


def test_limits_in_micrometres_go_with_a_model_too(world: World) -> None:
    world.install("cellpose", "4.2.1.1")
    world.labels = discs((160, 200), [(40, 40, 12), (110, 60, 5), (0, 150, 5)])
    told = options("cellpose", minimum_diameter_um=8)
    result = segment_nuclei(IMAGE, told, pixel_size_um=0.5)
    # the one that the border cuts may be smaller
    assert result.count == 2
    assert result.dropped == {"small": 1}


@pytest.mark.parametrize(
    ("method", "package"), [("cellpose", "cellpose"), ("instanseg", "instanseg-torch")]
)
def test_a_library_that_is_missing_names_its_extra(
    world: World, method: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(MissingExtraError) as told:
        segment_nuclei(IMAGE, options(method))
    assert f"needs the package {package}" in told.value.what
    assert told.value.mend == f"pip install 'phenovae[{method}]'"


@pytest.mark.parametrize(
    ("method", "version"),
    [("cellpose", "2.3.2"), ("cellpose", "5.0"), ("cellpose", "4.20.1"), ("instanseg", "0.0.9"),
     ("instanseg", "unknown")],
)  # fmt: skip
def test_a_version_that_is_not_known_is_refused_and_those_known_are_named(
    world: World, method: str, version: str
) -> None:
    world.install(method, version, weights=False)
    with pytest.raises(UsageError) as told:
        segment_nuclei(IMAGE, options(method))
    assert f"{version} is installed, and phenovae does not know" in told.value.what
    assert ("3.0, 3.1, 4.0, 4.1, 4.2" if method == "cellpose" else "0.1") in str(told.value.mend)
    assert not world.made


def test_a_library_that_is_broken_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.install("cellpose", "4.2.1.1")

    def broken(name: str) -> ModuleType:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(PhenovaeError, match="cannot be imported: RuntimeError: operator") as told:
        segment_nuclei(IMAGE, options("cellpose"))
    assert not isinstance(told.value, InputError)


@pytest.mark.parametrize(("method", "version"), list(WEIGHTS))
def test_weights_are_downloaded_only_where_that_is_asked_for(
    world: World, method: str, version: str
) -> None:
    world.install(method, version, weights=False)
    with pytest.raises(UsageError) as told:
        segment_nuclei(IMAGE, options(method))
    assert told.value.where == world.weights / WEIGHTS[method, version]
    assert "--download-weights" in str(told.value.mend)
    assert not world.made
    segment_nuclei(IMAGE, options(method, download_weights=True))
    assert len(world.made) == 1


def test_models_are_named_by_their_name_or_the_path_of_their_weights(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world.install("cellpose", "3.1.1.3")
    beside, far = world.put("my model"), tmp_path / "far.pth"
    far.write_bytes(b"weights")
    world.put("yeast_BF_cp3")
    for model in ("nuclei", "my model", str(far), "yeast_BF_cp3"):
        segment_nuclei(IMAGE, options("cellpose", model=model))
    assert [made["name"] for made in world.made] == [
        "nuclei", str(beside), str(far), "yeast_BF_cp3",
    ]  # fmt: skip
    told = [record.message for record in caplog.records]
    assert ["CC-BY-NC (no" in line for line in told] == [True, False, False, False]
    assert ["not known" in line for line in told] == [False, True, True, False]


def test_a_model_of_the_other_generation_is_refused(world: World) -> None:
    world.install("cellpose", "4.2.1.1")
    with pytest.raises(UsageError, match="has no model 'cyto3'") as told:
        segment_nuclei(IMAGE, options("cellpose", model="cyto3"))
    assert "Cellpose 3 and 4 do not read each other's models" in str(told.value.mend)
    segment_nuclei(IMAGE, options("cellpose", device="cpu"))
    assert world.made == [{"gpu": False, "name": str(world.weights / "cpsam_v2")}]


def test_an_instanseg_model_may_be_a_folder(world: World, tmp_path: Path) -> None:
    world.install("instanseg", "0.1.2")
    own = tmp_path / "my model"
    own.mkdir()
    (own / "instanseg.pt").write_bytes(b"weights")
    world.put("beside/instanseg.pt")
    for model in (str(own), str(own / "instanseg.pt"), "beside"):
        segment_nuclei(IMAGE, options("instanseg", model=model, device="cpu"))
    assert [made["name"] for made in world.made] == [str(own), str(own), "beside"]
    assert not any(made["gpu"] for made in world.made)
    with pytest.raises(UsageError, match="has no model 'nope'"):
        segment_nuclei(IMAGE, options("instanseg", model="nope"))


def test_weights_that_do_not_load_stop_everything(world: World) -> None:
    world.install("cellpose", "4.2.1.1")
    (world.weights / "cpsam_v2").write_bytes(b"")
    with pytest.raises(PhenovaeError, match="cannot be loaded: RuntimeError: unexp") as told:
        segment_nuclei(IMAGE, options("cellpose"))
    assert not isinstance(told.value, InputError)
    assert "second line" not in str(told.value)


def test_weights_that_cannot_be_downloaded(world: World) -> None:
    world.install("instanseg", "0.1.2", weights=False)
    with (
        mock.patch.object(sys.modules["instanseg"], "InstanSeg", side_effect=OSError("no route")),
        pytest.raises(PhenovaeError, match="cannot be downloaded: OSError: no route") as told,
    ):
        segment_nuclei(IMAGE, options("instanseg", download_weights=True))
    assert "network" in str(told.value.mend)


@pytest.mark.parametrize("method", BOTH)
def test_out_of_memory_is_met_with_less_at_once_and_then_told(
    world: World, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.install(method, "4.2.1.1" if method == "cellpose" else "0.1.2")
    world.errors = [RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")]
    assert segment_nuclei(IMAGE, options(method)).count == 4
    assert "tries again with less at once" in caplog.text
    if method == "cellpose":
        assert [told["batch"] for told in world.asked] == [8, 4]
    else:
        assert [told["tile"] for told in world.asked] == [None, 512]
    world.errors = [MemoryError() for _ in range(4)]
    with pytest.raises(InputError, match=r"ran out of memory; .*cpu.*tiles: MemoryError"):
        segment_nuclei(IMAGE, options(method))


def test_labels_of_another_shape_and_labels_without_ground(world: World) -> None:
    world.install("cellpose", "4.2.1.1")
    world.labels = np.full(IMAGE.shape, 3, np.uint16)
    assert (segment_nuclei(IMAGE, options("cellpose")).labels == 1).all()
    world.labels = np.zeros(0)
    with pytest.raises(InputError, match="gave labels of shape"):
        segment_nuclei(IMAGE, options("cellpose"))


@pytest.mark.parametrize("method", BOTH)
def test_a_failure_of_the_model_costs_the_one_image(
    world: World, method: str, tmp_path: Path
) -> None:
    world.install(method, "4.2.1.1" if method == "cellpose" else "0.1.2")
    world.errors = [AssertionError()]
    images = [tmp_path / "a field.tif", tmp_path / "b.tif"]
    for image in images:
        tifffile.imwrite(image, IMAGE)
    out = tmp_path / "out"
    told = call("segment", *images, "-o", out, "--method", method)
    assert told.code == 3, told.err
    assert f"{images[0]}: not segmented: " in told.err
    assert "failed: AssertionError" in told.err
    assert "4 nuclei in 1 of 2 images" in told.out
    assert (tifffile.imread(out / "b.tif") == TRUTH).all()


def test_the_command_line_names_method_model_device_and_download(
    world: World, tmp_path: Path
) -> None:
    world.install("cellpose", "4.2.1.1", weights=False)
    tifffile.imwrite(tmp_path / "a.tif", IMAGE)
    asked = ("segment", tmp_path / "a.tif", "-o", tmp_path / "out", "--method", "cellpose")
    told = call(*asked)
    assert told.code == 2
    assert "--download-weights" in told.err
    told = call(*asked, "--model", "cpdino", "--download-weights", "--device", "cpu")
    assert told.code == 0, told.err
    assert world.made == [{"gpu": False, "name": "cpdino"}]
    assert "CC-BY-NC" in told.err
    for wrong in (("--method", "stardist"), ("--device", "tpu"), ("--model", "cpsam")):
        told = call(*asked[:4], *wrong)
        assert told.code == 2
        assert wrong[0] in told.err or "no model" in told.err


def test_a_classical_method_takes_no_model() -> None:
    with pytest.raises(ValidationError, match="takes no model"):
        SegmentationOptions(model="cpsam")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", BOTH)
def test_the_real_models_find_discs(method: str) -> None:
    if not os.environ.get("PHENOVAE_TEST_MODELS"):
        pytest.skip("PHENOVAE_TEST_MODELS does not ask for models of others to be downloaded")
    pytest.importorskip(method)
    external._loaded.cache_clear()
    told = options(method, download_weights=True, device="cpu")
    result = segment_nuclei(IMAGE, told, pixel_size_um=0.5)
    assert agreement(TRUTH, result.labels).f1 > 0.8
