"""Batch statistics of images as they are, in the place of those of a training's changed images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import nn

from phenovae.vae.data import Rows
from phenovae.vae.model import VAE
from phenovae.vae.resident import Reader
from phenovae.vae.validation import to_device

BATCHES = 16
"""Batches of training cells whose statistics are kept."""


def settle_statistics(
    fabric: Fabric,
    model: VAE,
    read: Reader,
    batches: Sequence[Rows],
    random: torch.Generator,
    told: Rows | None = None,
) -> None:
    """Give batch normalisations their mean statistics over these cells, seen as they are.

    In training they keep a running mean over changed images, whose noise alone adds much to the
    variance of dim ones. What is measured, embedded and decoded later are images as they are
    (after Wu & Johnson 2021, "precise" statistics). `told` are the codes of plates that the decoder
    is told, by row. Weights stay as they are, and so does a model without such layers.
    """
    layers = [each for each in model.modules() if isinstance(each, nn.BatchNorm2d)]
    if not layers:
        return
    training, momenta = model.training, [each.momentum for each in layers]
    model.eval()
    for each in layers:
        each.train()
        each.reset_running_stats()
        each.momentum = cast("float", None)  # the plain mean over all that comes
    with torch.no_grad(), fabric.autocast():
        for rows, pixels in read(batches):
            noise = torch.randn((len(rows), model.latent), generator=random).to(fabric.device)
            plates = None if told is None else torch.from_numpy(told[rows]).to(fabric.device)
            model(to_device(pixels, fabric.device), noise, None, plates)
    for each, momentum in zip(layers, momenta, strict=True):
        each.momentum = momentum
    model.train(training)
