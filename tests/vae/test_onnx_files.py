from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from phenovae.base.seeds import generator
from phenovae.vae.model import make_model
from phenovae.vae.model_files import Card, Origin, Recipe, Summary, TrainedModel
from phenovae.vae.onnx_files import TOLERANCE, write_onnx
from phenovae.vae.readout import Coordinates

_SUMMARY = Summary(
    epochs=1, steps=1, kept_epoch=1, kept_by="last", elbo=0, bits_per_dimension=0, kl=0,
    active_units=0, sigma=(1.0,), sigma_at_bound=False, collapsed=False, stopped_early=False,
)  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {"size": "small", "latent": 5, "readout": {"take": "stages", "views": 8, "components": 4}},
        {"size": "small", "sees": "shape", "latent": 3, "readout": {"take": "stages"}},
        {"size": "light", "norm": "batch", "channels": "apart", "latent": 3},
        {"size": "small", "latent": 4, "plates": {"code": 2}, "codes": {"count": 3, "parts": 2}},
    ],
)
def test_every_readout_and_network_is_the_same_in_onnx(
    options: dict[str, object], tmp_path: Path
) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    recipe = Recipe.model_validate({"model": options})
    shape = (2, 16, 16)
    model = make_model(shape, recipe.model, 0).eval()
    card = Card(
        channels=("a", "b"), shape=shape, recipe=recipe, origin=Origin(), seed=0, summary=_SUMMARY
    )
    random = generator(0, "test")
    coordinates = None
    if recipe.model.readout.components:
        coordinates = Coordinates(random.normal(size=96), random.normal(size=(96, 4)))
    trained = TrainedModel(model, card, torch.device("cpu"), "", coordinates)
    images = random.random((5, *shape), dtype=np.float32)
    found = write_onnx(trained, tmp_path, images)
    assert found.images == 5
    assert set(found.largest) == {"embedding", "mean", "log_variance", "image"}
    assert max(found.largest.values()) < TOLERANCE
