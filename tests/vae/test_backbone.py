"""A frozen network of others: what it is shown, what it gives, and which weights it takes."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.vae.stand_in import MEAN, NAME, STD, put_in, write_weights

from phenovae.base.errors import InputError, MissingExtraError, PhenovaeError, UsageError
from phenovae.cells.view import View, ViewOptions
from phenovae.vae.backbone import Backbone, load_backbone
from phenovae.vae.options import BackboneOptions

VIEW = View(ViewOptions(size=16, normalise="none"), ("DNA", "actin"), {})


def loaded(weights: Path | None, name: str = NAME, **options: object) -> Backbone:
    told = {"name": name, "weights": weights, **options}
    return load_backbone(BackboneOptions.model_validate(told), VIEW, "cpu")


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    put_in(monkeypatch)


def corners() -> np.ndarray:
    """One cell whose channels are black, but for one corner, and for two."""
    images = np.zeros((1, 2, 16, 16), np.float32)
    images[0, 0, 0, 0] = 1.0
    images[0, 1, 0, -1] = images[0, 1, -1, -1] = 1.0
    return images


def shown(grey: float) -> list[float]:
    """Features of a corner that is as bright as that, in the mean of the views."""
    return [
        weight * (grey - mean) / std
        for weight, mean, std in zip((1, 2, 4), MEAN, STD, strict=True)
    ]  # fmt: skip


@pytest.mark.usefixtures("stand_in")
def test_each_channel_is_a_grey_image_on_the_scale_of_the_network(tmp_path: Path) -> None:
    backbone = loaded(write_weights(tmp_path / "w.safetensors"), views=1)
    found = backbone.embed(corners())
    np.testing.assert_allclose(found, [[*shown(1.0), *shown(0.0)]], rtol=1e-6)
    assert found.dtype == np.float32
    assert backbone.shape == (2, 16, 16)
    assert (backbone.facts.features, backbone.facts.size) == (3, 16)


@pytest.mark.usefixtures("stand_in")
def test_eight_views_are_averaged(tmp_path: Path) -> None:
    found = loaded(write_weights(tmp_path / "w.safetensors")).embed(corners())
    np.testing.assert_allclose(found, [[*shown(0.25), *shown(0.5)]], rtol=1e-5)


@pytest.mark.usefixtures("stand_in")
def test_images_are_enlarged_to_the_size_of_the_network_and_stay_in_its_range(
    tmp_path: Path,
) -> None:
    weights = write_weights(tmp_path / "w.safetensors")
    small = View(ViewOptions(size=8, normalise="none"), ("DNA",), {})
    backbone = load_backbone(BackboneOptions(name=NAME, weights=weights), small, "cpu")
    assert backbone.shape == (1, 8, 8)
    # Bicubic interpolation alone would make this corner brighter than white.
    images = np.ones((70, 1, 8, 8), np.float32)
    images[:, 0, 2:6, 2:6] = 0.0
    np.testing.assert_allclose(backbone.embed(images), [shown(1.0)] * 70, rtol=1e-6)


@pytest.mark.usefixtures("stand_in")
def test_other_weights_or_views_are_told_apart(tmp_path: Path) -> None:
    one = write_weights(tmp_path / "one.safetensors")
    other = write_weights(tmp_path / "other.safetensors", weight=torch.ones(3))
    marks = {
        loaded(one).weights_hash,
        loaded(other).weights_hash,
        loaded(one, views=1).weights_hash,
    }
    assert len(marks) == 3


@pytest.mark.usefixtures("stand_in")
def test_weights_that_are_not_to_be_had_say_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file of weights"):
        loaded(tmp_path / "none.safetensors")
    with pytest.raises(InputError, match="cannot be read"):
        loaded(tmp_path)
    with pytest.raises(UsageError, match="no weights are given"):
        loaded(None)
    whole = write_weights(tmp_path / "w.safetensors").read_bytes()
    for data in (b"", b"nothing of the kind", whole[:-1]):
        cut = tmp_path / "cut.safetensors"
        cut.write_bytes(data)
        with pytest.raises(InputError, match="no whole safetensors file"):
            loaded(cut)


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_of_torch_is_refused_whatever_its_name(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "w.safetensors"
    weights = {"weight": torch.ones(3)}
    torch.save(weights, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(InputError, match="a pickle of torch") as told:
        loaded(path)
    assert "safetensors.torch.save_file" in str(told.value)


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"other": torch.ones(3)}, "1 missing (weight), 1 unknown (other)"),
        ({"weight": torch.ones(4)}, "1 of another shape (weight)"),
        ({"weight": torch.full((3,), torch.nan)}, "not a number"),
    ],
)
def test_weights_of_another_network_are_refused(
    tmp_path: Path, tensors: dict[str, torch.Tensor], said: str
) -> None:
    path = tmp_path / "w.safetensors"
    save_file(tensors, path)
    with pytest.raises(InputError, match=re.escape(said)):
        loaded(path)


@pytest.mark.usefixtures("stand_in")
def test_a_network_that_is_not_there_or_cannot_see_that_size_is_refused(tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "w.safetensors")
    with pytest.raises(UsageError, match="no network 'corners'") as told:
        loaded(weights, "corners")
    assert "did you mean 'corner'?" in str(told.value)
    with pytest.raises(UsageError, match="no network 'hf-hub:corner'"):
        loaded(weights, "hf-hub:corner")
    with pytest.raises(UsageError, match="corner takes no images of 32 px"):
        loaded(weights, size=32)


def test_without_timm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match="needs the package timm") as told:
        loaded(write_weights(tmp_path / "w.safetensors"))
    assert "phenovae[timm]" in str(told.value)


def test_a_timm_without_its_torchvision_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put_in(monkeypatch)
    monkeypatch.setitem(sys.modules, "timm.data", None)
    with pytest.raises(PhenovaeError, match="cannot be imported") as told:
        loaded(write_weights(tmp_path / "w.safetensors"))
    assert "torchvision" in str(told.value)


def test_alone_without_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="alone wants weights"):
        BackboneOptions(alone=True)


@pytest.mark.skipif(find_spec("timm") is None, reason="timm, an extra out of `all`, is not here")
def test_timm_itself_takes_its_own_weights_and_no_others(tmp_path: Path) -> None:
    timm = import_module("timm")
    name = "tf_efficientnet_lite0"
    torch.manual_seed(0)
    whole = timm.create_model(name, pretrained=False).eval()
    weights = tmp_path / "w.safetensors"
    save_file(whole.state_dict(), weights)
    backbone = loaded(weights, name, views=1, size=32)
    assert (backbone.facts.features, backbone.facts.mean) == (1280, (0.5, 0.5, 0.5))
    images = np.random.default_rng(0).random((2, 2, 32, 32), np.float32)
    wide = View(ViewOptions(size=32, normalise="none"), ("DNA", "actin"), {})
    found = load_backbone(
        BackboneOptions(name=name, weights=weights, views=1, size=32), wide, "cpu"
    ).embed(images)
    with torch.inference_mode():
        colours = torch.from_numpy(images[1, 1]).expand(1, 3, 32, 32) * 2 - 1
        asked = whole.forward_head(whole.forward_features(colours), pre_logits=True)
    np.testing.assert_allclose(found[1, 1280:], asked[0].numpy(), rtol=1e-4, atol=1e-5)
    with pytest.raises(InputError, match="not the weights of tf_efficientnet_lite1"):
        loaded(weights, "tf_efficientnet_lite1", size=32)
