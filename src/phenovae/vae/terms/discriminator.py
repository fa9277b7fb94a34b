"""Likeness in the eyes of a discriminator: the features of VAE+ (Lafarge et al. 2019).

A discriminator learns to tell images from reconstructions. The model does not try to deceive it:
it makes the maps of every stage alike, which come in one after the other, the finest first.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import SGD, Optimizer

from phenovae.base.errors import TrainingError
from phenovae.vae.encoders import Stages
from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.options import DiscriminatorOptions, ObjectiveOptions
from phenovae.vae.terms.term import Setting


class Discriminator(nn.Module):
    """Stages as those of the encoder, and whether an image is one or a reconstruction."""

    def __init__(self, setting: Setting, options: DiscriminatorOptions) -> None:
        super().__init__()
        channels, height, width = setting.shape
        trunk = setting.trunk
        self.layers = Stages(channels, trunk, options.norm, setting.slope)
        side = 2 ** len(trunk.widths)
        self.verdict = nn.Linear(trunk.widths[-1] * (height // side) * (width // side), 1)

    def maps(self, images: Tensor) -> list[Tensor]:
        """Maps of every stage, from the finest to the coarsest."""
        return self.layers.maps(images)

    def forward(self, images: Tensor) -> Tensor:
        """Log-odds (n,) that an image is none that was reconstructed."""
        return cast("Tensor", self.verdict(self.maps(images)[-1].flatten(1))).squeeze(1)


class DiscriminatorTerm(nn.Module):
    """The features' loss, and the discriminator that it looks through."""

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        super().__init__()
        self.options = options.discriminator
        self.network = Discriminator(setting, self.options)
        channels, height, width = setting.shape
        self.half_pixels = 0.5 * channels * height * width

    @property
    def sees_fresh(self) -> bool:
        """Whether real images are others than those that are reconstructed."""
        return self.options.real == "fresh"

    def weight(self, step: int) -> float:
        """Always 1: every stage has a weight of its own, see `stage_weight`."""
        del step
        return 1.0

    def stage_weight(self, stage: int, step: int) -> float:
        """0 until `delay · (stage + 1)` steps, then rising to 1 over `rise` steps; from stage 0."""
        begun = step - self.options.delay * (stage + 1)
        return min(1.0, max(0.0, begun / self.options.rise))

    def forward(self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction) -> Tensor:
        """Loss (n,): squared differences of the maps of all stages that have begun.

        Each stage counts half its mean squared difference for each value of an image, or, where
        the options say so, half the sum of its squared differences.
        """
        del posterior
        total = torch.zeros(len(batch.images), device=batch.images.device)
        weights = [
            self.stage_weight(stage, batch.step) for stage in range(len(self.network.layers.widths))
        ]
        if not any(weights):
            return total
        with torch.no_grad():
            real = self.network.maps(batch.images)
        rebuilt = self.network.maps(reconstruction.mean)
        for weight, one, other in zip(weights, real, rebuilt, strict=True):
            if weight:
                squares = (one.float() - other.float()).square().flatten(1)
                scaled = self.half_pixels * squares.mean(dim=1)
                total = total + weight * (scaled if self.options.scaled else 0.5 * squares.sum(1))
        return total

    def own_loss(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        """Cross-entropy (n,) [nats] of real images against reconstructions of other cells."""
        del posterior
        if self.options.real == "fresh":
            if batch.fresh is None:
                raise TrainingError("a discriminator was given no fresh images")
            real, rebuilt = batch.fresh, reconstruction.mean
        else:
            half = len(batch.images) // 2
            real, rebuilt = batch.images[:half], reconstruction.mean[half : 2 * half]
        true, false = self.network(real).float(), self.network(rebuilt).float()
        ones, zeros = torch.ones_like(true), torch.zeros_like(false)
        return binary_cross_entropy_with_logits(
            true, ones, reduction="none"
        ) + binary_cross_entropy_with_logits(false, zeros, reduction="none")

    def make_optimiser(self, parameters: list[nn.Parameter]) -> Optimizer:
        """Stochastic gradient descent with momentum, as in VAE+."""
        return SGD(parameters, lr=self.options.learning_rate, momentum=self.options.momentum)
