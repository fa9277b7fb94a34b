"""The variational autoencoder: encoder, decoder and likelihood, put together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from phenovae.base.seeds import integer
from phenovae.vae.likelihoods import FixedGaussian, LearnedGaussian, make_likelihood
from phenovae.vae.networks import NETWORKS, Shape
from phenovae.vae.options import ModelOptions


class Output(NamedTuple):
    """All that one pass gives: mu, logvar, z (n, latent); mean, of pixels; nll (n,) [nats]."""

    mu: Tensor
    logvar: Tensor
    z: Tensor
    mean: Tensor
    nll: Tensor


@dataclass(eq=False)
class Posterior:
    """q(z given x), a diagonal Gaussian: mean, log-variance and one draw, each (n, latent)."""

    mu: Tensor
    logvar: Tensor
    z: Tensor

    @cached_property
    def kl(self) -> Tensor:
        """KL to the standard normal (n, latent) [nats]; Kingma & Welling 2014, appendix B."""
        return 0.5 * (self.mu.square() + self.logvar.exp() - 1 - self.logvar)


@dataclass(eq=False)
class Reconstruction:
    """p(x given z): mean of pixels (n, channel, height, width), nll of the images (n,) [nats]."""

    mean: Tensor
    nll: Tensor


class VAE(nn.Module):
    """A variational autoencoder of images of one shape (channel, height, width)."""

    def __init__(self, shape: Shape, options: ModelOptions) -> None:
        super().__init__()
        self.shape = shape
        self.latent = options.latent
        self.encoder, self.decoder = NETWORKS[options.size](shape, options)
        self.likelihood: FixedGaussian | LearnedGaussian = make_likelihood(
            shape[0], options.likelihood
        )

    @property
    def dimensions(self) -> int:
        """Pixel values an image has."""
        channels, height, width = self.shape
        return channels * height * width

    def forward(self, images: Tensor, noise: Tensor) -> Output:
        """Encode, draw z = mu + σ·noise, decode; noise is (n, latent), standard normal."""
        mu, logvar = self.encoder(images)
        z = mu + noise * torch.exp(0.5 * logvar)
        mean = self.decoder(z)
        return Output(mu, logvar, z, mean, self.likelihood(mean, images))


def make_model(shape: Shape, options: ModelOptions, seed: int) -> VAE:
    """A new model with weights drawn from the seed; global random state stays as it was.

    Raises UsageError where the shape does not fit the network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(integer(seed, "vae", "weights"))
        return in_fast_layout(VAE(shape, options))


def in_fast_layout(model: VAE) -> VAE:
    """The same model with its weights channels-last, which convolutions on a CPU are faster in."""
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
