"""Images that stay on the device, and a compiled network: what they change, and what not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch

from phenovae.vae.file_names import HISTORY, WEIGHTS
from phenovae.vae.model_files import Summary, load_model
from phenovae.vae.options import TrainOptions
from phenovae.vae.resident import ResidentImages, reader_of, stays

CPU = torch.device("cpu")


def test_images_that_stay_are_those_that_are_read_in_any_order_and_more_than_once(
    toy: ModuleType,
) -> None:
    images, rows = toy.ToyImages(), np.arange(4, 40)
    batches = [np.array([7, 39, 4, 7]), np.array([38])]
    found = list(ResidentImages(images, rows, CPU).read(batches))
    for batch, (read, pixels) in zip(batches, found, strict=True):
        assert read is batch
        np.testing.assert_array_equal(pixels.numpy(), images.images(batch))


@pytest.mark.parametrize("row", [3, 40, 20])
def test_a_row_that_was_not_loaded_is_an_error_and_no_other_image(
    toy: ModuleType, row: int
) -> None:
    loaded = np.delete(np.arange(4, 40), 16)
    with pytest.raises(KeyError):
        list(ResidentImages(toy.ToyImages(), loaded, CPU).read([np.array([5, row])]))


@pytest.mark.parametrize(
    ("free", "expected"), [(64 * 2 * 16 * 16 * 4 * 2, True), (64 * 2 * 16 * 16 * 4 * 2 - 1, False)]
)
def test_on_a_gpu_images_stay_where_they_take_half_of_what_is_free(
    toy: ModuleType, monkeypatch: pytest.MonkeyPatch, free: int, expected: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 10 * free))
    assert stays(toy.ToyImages(), 64, torch.device("cuda"), TrainOptions()) is expected


def test_on_a_cpu_they_are_read_ahead_unless_asked_for(toy: ModuleType) -> None:
    images = toy.ToyImages()
    assert not stays(images, 1, CPU, TrainOptions())
    assert stays(images, 1, CPU, TrainOptions(resident="always"))
    assert not stays(images, 1, torch.device("cuda"), TrainOptions(resident="never"))
    read = reader_of(images, np.array([2, 2, 1]), CPU, TrainOptions(resident="always"))
    ((_, pixels),) = read([np.array([2])])
    assert isinstance(pixels, torch.Tensor)


def test_a_training_on_images_that_stay_has_the_same_bytes_and_goes_on_from_one_that_read(
    toy: ModuleType, toy_folder: Path, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    recipe = toy.recipe(train={"resident": "always"})
    trained(tmp_path / "resident", recipe)
    weights = (toy_folder / WEIGHTS).read_bytes()
    assert (tmp_path / "resident" / WEIGHTS).read_bytes() == weights
    begun = Path(shutil.copytree(toy_folder, tmp_path / "begun"))
    (begun / WEIGHTS).unlink()
    trained(begun, recipe)
    assert (begun / WEIGHTS).read_bytes() == weights


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")
# What PyTorch's compiler itself warns of.
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
)
def test_a_compiled_network_learns_the_same_and_its_files_are_those_of_any_other(
    toy: ModuleType, toy_folder: Path, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    trained(tmp_path, toy.recipe(train={"compile": True}))
    plain, compiled = (
        pd.read_csv(folder / HISTORY)["train_elbo"] for folder in (toy_folder, tmp_path)
    )
    np.testing.assert_allclose(compiled, plain, rtol=1e-3)
    found = load_model(tmp_path).model.state_dict()
    assert found.keys() == load_model(toy_folder).model.state_dict().keys()
