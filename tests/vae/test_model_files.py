from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from phenovae.base.errors import InputError, PhenovaeError
from phenovae.vae.model_files import TrainedModel, load_model, read_card


@pytest.fixture
def copied(toy_folder: Path, tmp_path: Path) -> Path:
    """A copy of the toy model's folder."""
    folder = tmp_path / "a model"
    shutil.copytree(toy_folder, folder)
    return folder


def _change(folder: Path, **values: object) -> None:
    path = folder / "model.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**card, **values}), encoding="utf-8")


def test_a_card_of_a_newer_format_is_refused(copied: Path) -> None:
    _change(copied, format=2)
    with pytest.raises(InputError, match="format 2") as caught:
        load_model(copied)
    assert "newer phenovae" in str(caught.value)


def test_an_unknown_key_of_the_card_is_named(copied: Path) -> None:
    _change(copied, licence="none")
    with pytest.raises(InputError, match="licence"):
        read_card(copied)


def test_weights_of_another_model_are_refused(copied: Path) -> None:
    card = json.loads((copied / "model.json").read_text(encoding="utf-8"))
    card["recipe"]["model"]["latent"] = 7
    _change(copied, recipe=card["recipe"])
    with pytest.raises(InputError, match="does not hold the weights"):
        load_model(copied)


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_a_missing_or_torn_file_is_named(copied: Path, name: str) -> None:
    path = copied / name
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match=name):
        load_model(copied)
    path.unlink()
    with pytest.raises(InputError, match=f"there is no {name}"):
        load_model(copied)


def test_loading_leaves_global_random_state_alone(toy_folder: Path) -> None:
    import torch

    state = torch.get_rng_state()
    load_model(toy_folder)
    assert torch.equal(torch.get_rng_state(), state)


def test_images_and_latents_of_another_shape_are_refused(toy_model: TrainedModel) -> None:
    with pytest.raises(PhenovaeError, match="do not fit"):
        toy_model.encode(np.zeros((1, 3, 16, 16), np.float32))
    with pytest.raises(PhenovaeError, match="do not fit"):
        toy_model.decode(np.zeros((1, 5), np.float32))
