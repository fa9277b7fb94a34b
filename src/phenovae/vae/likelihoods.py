"""How pixels scatter around the decoder's output: Gaussian, σ given or learned."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from phenovae.vae.encoders import brightest
from phenovae.vae.options import LikelihoodOptions

_LOG_2PI = math.log(2 * math.pi)
_STEPS_FASTER = 20.0
_AT_BOUND = 1.05


class FixedGaussian(nn.Module):
    """A Gaussian of given σ around every pixel (Kingma & Welling 2014; σ = 1 in the original)."""

    log_sigma_given: Tensor

    def __init__(self, channels: int, options: LikelihoodOptions) -> None:
        super().__init__()
        self.floor = options.sigma
        self.relative = options.relative
        given = torch.full((channels,), math.log(options.sigma))
        self.register_buffer("log_sigma_given", given, persistent=False)

    def log_sigma(self) -> Tensor:
        """Log σ of every channel (channel,), of the view's range or of each maximum."""
        return self.log_sigma_given

    def at_bound(self) -> bool:
        """Never: nothing is learned."""
        return False

    def forward(self, mean: Tensor, images: Tensor) -> Tensor:
        """Negative log-density (n,) of images [nats], see `gaussian_nll`."""
        return gaussian_nll(mean, images, log_sigma_of(self, images))


class LearnedGaussian(nn.Module):
    """A Gaussian whose σ is learned with the weights (σ-VAE, Rybkin, Daniilidis & Levine 2021).

    One σ a channel (or one for all), never below `sigma_min`: a soft lower bound on log σ as in
    the paper. The parameter is scaled so that Adam moves log σ twenty learning rates a step; at
    the plain rate σ would still be falling when a short training ends.
    """

    def __init__(self, channels: int, options: LikelihoodOptions) -> None:
        super().__init__()
        self.channels = channels
        self.floor = options.sigma_min
        self.relative = options.relative
        above = max(math.log(options.sigma) - math.log(self.floor), 1e-3)
        start = math.log(math.expm1(above)) + math.log(self.floor)
        count = channels if options.per_channel else 1
        self.scaled = nn.Parameter(torch.full((count,), start / _STEPS_FASTER))

    def log_sigma(self) -> Tensor:
        """Log σ of every channel (channel,), of the view's range or of each maximum."""
        lowest = math.log(self.floor)
        return (lowest + softplus(self.scaled * _STEPS_FASTER - lowest)).expand(self.channels)

    def at_bound(self) -> bool:
        """Whether some σ has come within 5 % of the lowest allowed."""
        return bool((self.log_sigma().exp() < _AT_BOUND * self.floor).any())

    def forward(self, mean: Tensor, images: Tensor) -> Tensor:
        """Negative log-density (n,) of images [nats], see `gaussian_nll`."""
        return gaussian_nll(mean, images, log_sigma_of(self, images))


def gaussian_nll(mean: Tensor, images: Tensor, log_sigma: Tensor) -> Tensor:
    """Negative log-density (n,) in nats of images (n, channel, height, width).

    Log σ is that of channels (channel,) or of channels of images (n, channel). The full density on
    the scale [0, 1], log σ and log 2π included, summed over the pixels.
    """
    pixels = images.shape[2] * images.shape[3]
    squares = (images.float() - mean.float()).square().sum(dim=(2, 3))
    scaled = squares * torch.exp(-2 * log_sigma)
    return (0.5 * scaled + pixels * (log_sigma + 0.5 * _LOG_2PI)).sum(dim=1)


def log_sigma_of(likelihood: FixedGaussian | LearnedGaussian, images: Tensor) -> Tensor:
    """Log σ of every channel of every image (n, channel), of the view's range."""
    log_sigma = likelihood.log_sigma().expand(images.shape[0], -1)
    if not likelihood.relative:
        return log_sigma
    return log_sigma + brightest(images.float())[:, :, 0, 0].log()


def make_likelihood(channels: int, options: LikelihoodOptions) -> FixedGaussian | LearnedGaussian:
    """The likelihood that the options name, for images of so many channels."""
    if options.name == "gaussian-fixed":
        return FixedGaussian(channels, options)
    return LearnedGaussian(channels, options)
