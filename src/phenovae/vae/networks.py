"""Encoders and decoders by name: four stride-two convolutions and their mirror image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import torch
from torch import Tensor, nn

from phenovae.base.errors import UsageError
from phenovae.vae.options import ModelOptions

Shape: TypeAlias = tuple[int, int, int]
Builder: TypeAlias = Callable[[Shape, ModelOptions], tuple[nn.Module, nn.Module]]

_SHRINKS_BY = 16
_LOGVAR_LIMIT = 20.0


class Encoder(nn.Module):
    """Images (n, channel, height, width) to posterior mean and log-variance, each (n, latent).

    The log-variance is held within ±20, so that its exponential is always a number.
    """

    def __init__(self, shape: Shape, widths: tuple[int, ...], latent: int, slope: float) -> None:
        super().__init__()
        channels, height, width = shape
        layers: list[nn.Module] = []
        before = channels
        for after in widths:
            layers += [nn.Conv2d(before, after, 5, stride=2, padding=2), nn.LeakyReLU(slope)]
            before = after
        self.layers = nn.Sequential(*layers)
        flat = before * (height // _SHRINKS_BY) * (width // _SHRINKS_BY)
        self.mu = nn.Linear(flat, latent)
        self.logvar = nn.Linear(flat, latent)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior mean and log-variance of a batch."""
        flat = self.layers(images).flatten(1)
        logvar = self.logvar(flat).clamp(-_LOGVAR_LIMIT, _LOGVAR_LIMIT)
        return self.mu(flat), logvar


class Decoder(nn.Module):
    """Latents (n, latent) to the mean of each pixel (n, channel, height, width) in (0, 1)."""

    def __init__(self, shape: Shape, widths: tuple[int, ...], latent: int, slope: float) -> None:
        super().__init__()
        channels, height, width = shape
        self.start = (widths[-1], height // _SHRINKS_BY, width // _SHRINKS_BY)
        self.linear = nn.Linear(latent, self.start[0] * self.start[1] * self.start[2])
        self.activation = nn.LeakyReLU(slope)
        layers: list[nn.Module] = []
        before = widths[-1]
        for after in (*reversed(widths[:-1]), channels):
            layers += [
                nn.ConvTranspose2d(before, after, 5, stride=2, padding=2, output_padding=1),
                nn.LeakyReLU(slope),
            ]
            before = after
        self.layers = nn.Sequential(*layers[:-1], nn.Sigmoid())

    def forward(self, latents: Tensor) -> Tensor:
        """Means of the pixels of a batch of latents."""
        small = self.activation(self.linear(latents)).unflatten(1, self.start)
        if latents.device.type != "mps":
            small = small.contiguous(memory_format=torch.channels_last)
        images: Tensor = self.layers(small)
        return images


def convolutional(*widths: int) -> Builder:
    """A builder of the convolutional pair with these channels."""

    def build(shape: Shape, options: ModelOptions) -> tuple[nn.Module, nn.Module]:
        height, width = shape[1:]
        if min(height, width) < _SHRINKS_BY or height % _SHRINKS_BY or width % _SHRINKS_BY:
            raise UsageError(
                f"images of {height} × {width} px do not fit this network",
                mend=f"choose a view whose size is a multiple of {_SHRINKS_BY} px",
            )
        parts = (shape, widths, options.latent, options.slope)
        return Encoder(*parts), Decoder(*parts)

    return build


NETWORKS: Mapping[str, Builder] = MappingProxyType(
    {
        "small": convolutional(16, 16, 16, 16),
        "medium": convolutional(32, 32, 32, 32),
        "large": convolutional(32, 64, 128, 256),
    }
)
"""A new network is one builder here."""
