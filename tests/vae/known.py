"""Models whose encoder and decoder are known by heart: both are linear."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from phenovae.vae.encoders import Encoded
from phenovae.vae.model import VAE
from phenovae.vae.model_files import Card, Origin, Recipe, Summary, TrainedModel
from phenovae.vae.options import ModelOptions

SHAPE = (2, 16, 16)
LATENT = 4
PIXELS = 2 * 16 * 16


def floats(values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Values as float32."""
    return np.asarray(values, dtype=np.float32)


class LinearDecoder(nn.Module):
    """Pixels are `matrix` (pixel, latent) times the latents, and half a range more."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.matrix = matrix

    def forward(self, latents: Tensor) -> Tensor:
        """Images (n, channel, height, width)."""
        return (latents @ self.matrix.T + 0.5).reshape(-1, *SHAPE)


class LinearEncoder(nn.Module):
    """The first latents are `matrix` (latent, pixel) times what pixels have above half a range."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.matrix = matrix

    def forward(self, images: Tensor) -> Encoded:
        """Posteriors of variance 1/4."""
        mu = (images.flatten(1) - 0.5) @ self.matrix.T
        return Encoded(mu, torch.full_like(mu, float(np.log(0.25))), ())


def columns() -> npt.NDArray[np.float32]:
    """Directions of pixels (pixel, latent), orthogonal to each other, each of its own length."""
    random = np.random.default_rng(2)
    basis, _ = np.linalg.qr(random.normal(size=(PIXELS, LATENT)))
    return floats(basis) * floats([1, 2, 3, 4])


def linear_model() -> TrainedModel:
    """A model whose round trip is exact, except that the last latent is lost on the way back."""
    options = ModelOptions.model_validate({"size": "small", "latent": LATENT})
    model = VAE(SHAPE, options)
    forth = columns()
    back = np.linalg.pinv(forth)
    back[-1] = 0.0
    model.decoder = LinearDecoder(torch.from_numpy(forth))
    model.encoder = LinearEncoder(torch.from_numpy(back.astype(np.float32)))  # type: ignore[assignment]
    model.eval()
    summary = Summary(
        epochs=1, steps=1, kept_epoch=1, kept_by="nothing", elbo=0.0, bits_per_dimension=0.0,
        kl=0.0, active_units=0, sigma=(0.1,), sigma_at_bound=False, collapsed=False,
        stopped_early=False,
    )  # fmt: skip
    card = Card(
        channels=("DAPI", "Actin"), shape=SHAPE, recipe=Recipe(model=options), origin=Origin(),
        seed=0, summary=summary,
    )  # fmt: skip
    return TrainedModel(model, card, torch.device("cpu"), "known")
