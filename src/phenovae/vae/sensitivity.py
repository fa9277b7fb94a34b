"""How the picture answers to each latent dimension, and each dimension to every pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.func import jvp

from phenovae.vae.data import Pixels
from phenovae.vae.latent_paths import Latents
from phenovae.vae.model_files import TrainedModel
from phenovae.vae.plates import codes_of
from phenovae.vae.validation import to_device

_DARKEST = np.float32(0.01)


def picture_by_gradient(
    trained: TrainedModel,
    latents: Latents,
    dimensions: Sequence[int],
    plates: Sequence[str] | None = None,
) -> Pixels:
    """How the picture changes with each of some dimensions (n, dimension, channel, height, width).

    The derivative of the mean of every pixel [view's range per unit of the latent] at latents
    (n, latent), by forward-mode products of the Jacobian with a direction. In a latent space of
    codes it is that of the decoder, without the step to the nearest codes, which has none.
    """
    model = trained.model
    there = torch.from_numpy(np.float32(latents)).to(trained.device)
    told = (
        None
        if plates is None
        else torch.from_numpy(codes_of(plates, trained.card.plates)).to(trained.device)
    )

    def decoded(points: Tensor) -> Tensor:
        return model.decode(points, told)

    found = np.empty((len(latents), len(dimensions), *model.shape), np.float32)
    with torch.no_grad():
        for number, dimension in enumerate(dimensions):
            direction = torch.zeros_like(there)
            direction[:, dimension] = 1.0
            change: Tensor = jvp(decoded, (there,), (direction,))[1]
            found[:, number] = change.contiguous().cpu().numpy()
    return found


def picture_by_traversal(
    trained: TrainedModel,
    latents: Latents,
    dimensions: Sequence[int],
    steps: npt.NDArray[np.floating],
    plates: Sequence[str] | None = None,
) -> Pixels:
    """As `picture_by_gradient`, by the difference between two steps, one forth and one back.

    `steps` (latent,) has the length of a step in every dimension; the difference is divided by
    twice that.
    """
    found = np.empty((len(latents), len(dimensions), *trained.shape), np.float32)
    for number, dimension in enumerate(dimensions):
        step = np.zeros_like(latents)
        step[:, dimension] = steps[dimension]
        ahead, behind = (trained.decode(latents + way * step, plates) for way in (1, -1))
        found[:, number] = (ahead - behind) / (2 * steps[dimension])
    return found


def latent_by_pixel(trained: TrainedModel, images: Pixels, dimensions: Sequence[int]) -> Pixels:
    """How each of some posterior means changes with every pixel, as `picture_by_gradient` is laid.

    The derivative [units of the latent per view's range] at images (n, channel, height, width). An
    encoder that sees the shape takes roots of pixels, whose slope at 0 is infinite: for it, pixels
    are 0.01 at least.
    """
    if trained.card.recipe.model.sees == "shape":
        images = np.maximum(images, _DARKEST)
    found = np.empty((len(images), len(dimensions), *trained.shape), np.float32)
    with torch.enable_grad():
        seen = to_device(images, trained.device).requires_grad_()
        means: Tensor = trained.model.encoder(seen).mu
        for number, dimension in enumerate(dimensions):
            # A cell's mean is told by its own pixels alone, so the sum has all gradients apart.
            (change,) = torch.autograd.grad(means[:, dimension].sum(), seen, retain_graph=True)
            found[:, number] = change.contiguous().cpu().numpy()
    return found
