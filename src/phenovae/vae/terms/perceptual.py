"""Likeness in features of the model's own encoder: a deep feature loss (after Hou et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from phenovae.base.errors import TrainingError
from phenovae.vae.encoders import Encoder
from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.options import ObjectiveOptions
from phenovae.vae.terms.likeness import half_pixels, unexplained
from phenovae.vae.terms.term import Setting


class PerceptualTerm:
    """Maps of every stage of the encoder are alike for the image and its reconstruction.

    The encoder's weights are held still here, as are its statistics of batches, so that features
    are not made alike by being made poor: the decoder learns, and the encoder through z.
    """

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        if setting.encoder is None:
            raise TrainingError("the term `perceptual` was given no encoder")
        self.options = options.perceptual
        # No module of this term: its weights are the model's, and are saved and trained with it.
        self._seen_by = (_Maps(setting.encoder),)
        self._half_pixels = half_pixels(setting.shape)

    def weight(self, step: int) -> float:
        """As the options say, at every step."""
        del step
        return self.options.weight

    def __call__(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        """Half the share of the maps' variance that is not rebuilt, for every value of an image."""
        del posterior
        with torch.no_grad():
            real = self._maps(batch.images)
        rebuilt = self._maps(reconstruction.mean)
        shares = [unexplained(one, other) for one, other in zip(real, rebuilt, strict=True)]
        # Channels apart are images of their own there.
        by_cell = torch.stack(shares).mean(dim=0).reshape(len(batch.images), -1)
        return self._half_pixels * by_cell.mean(dim=1)

    def _maps(self, images: Tensor) -> list[Tensor]:
        (network,) = self._seen_by
        still = {name: each.detach() for name, each in network.named_parameters()}
        training = network.training
        network.eval()
        maps: list[Tensor] = functional_call(network, still, (images,))
        network.train(training)
        return maps


class _Maps(nn.Module):
    """An encoder as what gives maps."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.train(encoder.training)

    def forward(self, images: Tensor) -> list[Tensor]:
        return self.encoder.maps(images)
