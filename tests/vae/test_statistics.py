"""Batch statistics are those of images as they are, and nothing else of a model changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from phenovae.vae.data import read_ahead
from phenovae.vae.devices import make_fabric
from phenovae.vae.model import VAE, make_model
from phenovae.vae.model_files import Summary, load_model
from phenovae.vae.options import ModelOptions, TrainOptions
from phenovae.vae.statistics import settle_statistics


def made(**options: object) -> VAE:
    settings = {"size": "small", "latent": 4, "norm": "batch", **options}
    return make_model((2, 16, 16), ModelOptions.model_validate(settings), 0)


def settled(model: VAE, toy: ModuleType, batches: list[np.ndarray]) -> None:
    settle_statistics(
        make_fabric(TrainOptions(device="cpu")),
        model,
        partial(read_ahead, toy.ToyImages(), workers=1),
        batches,
        torch.Generator().manual_seed(0),
    )


def test_the_first_layer_keeps_the_mean_statistics_of_the_batches(toy: ModuleType) -> None:
    model, batches = made(), [np.arange(0, 16), np.arange(16, 48)]
    settled(model, toy, batches)
    convolution, norm = list(model.encoder.layers)[:2]
    with torch.no_grad():
        maps = [convolution(torch.from_numpy(toy.ToyImages().images(rows))) for rows in batches]
    means = torch.stack([each.mean(dim=(0, 2, 3)) for each in maps]).mean(dim=0)
    variances = torch.stack([each.var(dim=(0, 2, 3)) for each in maps]).mean(dim=0)
    torch.testing.assert_close(norm.running_mean, means, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var, variances, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_weights_codes_momentum_and_mode_stay_as_they_were(toy: ModuleType, training: bool) -> None:
    model = made(codes={"count": 4, "parts": 2})
    model.train(training)
    before = {name: each.clone() for name, each in model.state_dict().items()}
    settled(model, toy, [np.arange(24)])
    changed = {
        name for name, each in model.state_dict().items() if not torch.equal(each, before[name])
    }
    assert changed
    assert all("running_" in name or "num_batches" in name for name in changed)
    norms = [each for each in model.modules() if isinstance(each, nn.BatchNorm2d)]
    assert {each.momentum for each in norms} == {0.1}
    assert all(each.training is training for each in [model, *norms])


def test_a_model_without_such_layers_reads_no_image(toy: ModuleType) -> None:
    settled(made(norm="none"), toy, [np.array([10**6])])


def test_a_training_on_noisy_images_measures_clean_ones_as_it_learned_them(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    recipe = toy.recipe(
        model={"norm": "batch"}, augment={"noise": 0.5}, train={"epochs": 3, "keep": "last"}
    )
    trained(tmp_path, recipe)
    model = load_model(tmp_path).model
    images = torch.from_numpy(toy.ToyImages().images(toy.TRAINING_ROWS))
    norm = list(model.encoder.layers)[1]
    with torch.no_grad():
        clean = next(iter(model.encoder.layers))(images).var(dim=(0, 2, 3))
        noisy = next(iter(model.encoder.layers))(
            (images + 0.5 * torch.randn(images.shape)).clamp(0, 1)
        ).var(dim=(0, 2, 3))
    kept = norm.running_var
    assert ((kept - clean).abs() < (noisy - clean).abs()).float().mean() > 0.9
