"""Encoders: stride-two convolutions, the posterior at their end, and what pools their stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from phenovae.vae.data import Shape
from phenovae.vae.options import ModelOptions

SHRINKS_BY = 16

_LOGVAR_LIMIT = 20.0
_DIM = 0.01
_AMOUNTS = 5


class Encoded(NamedTuple):
    """What an encoder tells of a batch.

    Posterior mean and log-variance, each (n, latent); and of every stage of the trunk, from the
    finest to the coarsest, the mean and the maximum of its maps over all positions (n, 2 · maps).
    `amounts` (n, amount) tell how bright the image was, where the trunk sees its shape alone.
    """

    mu: Tensor
    logvar: Tensor
    stages: tuple[Tensor, ...]
    amounts: Tensor | None = None

    def detached(self) -> Encoded:
        """The same values, through which nothing is learned."""
        return Encoded(
            self.mu.detach(),
            self.logvar.detach(),
            tuple(each.detach() for each in self.stages),
            None if self.amounts is None else self.amounts.detach(),
        )


@dataclass(frozen=True)
class Trunk:
    """Widths [maps] and kernel [px] of the stride-two convolutions."""

    widths: tuple[int, ...]
    kernel: int = 5


class Stages(nn.Sequential):
    """Convolutions of stride two: images (n, channel, height, width) to the maps of every stage."""

    def __init__(self, channels: int, trunk: Trunk, norm: str, slope: float) -> None:
        layers: list[nn.Module] = []
        before = channels
        for after in trunk.widths:
            layers.append(
                nn.Conv2d(before, after, trunk.kernel, stride=2, padding=trunk.kernel // 2)
            )
            if norm == "batch":
                layers.append(nn.BatchNorm2d(after))
            layers.append(nn.LeakyReLU(slope))
            before = after
        super().__init__(*layers)
        self.widths = trunk.widths
        self.stage = len(layers) // len(trunk.widths)

    def maps(self, images: Tensor) -> list[Tensor]:
        """Maps of every stage, from the finest to the coarsest."""
        found: list[Tensor] = []
        for number, layer in enumerate(self, start=1):
            images = layer(images)
            if number % self.stage == 0:
                found.append(images)
        return found


class Encoder(nn.Module):
    """Images (n, channel, height, width) to their posterior and to pooled stages.

    With channels apart every channel goes through the same trunk alone, and they meet only after
    it. A trunk that sees the shape is shown every channel over its own maximum, and how bright the
    channels were joins after it. The log-variance is held within ±20, so that its exponential is
    always a number.
    """

    def __init__(self, shape: Shape, trunk: Trunk, options: ModelOptions) -> None:
        super().__init__()
        channels, height, width = shape
        self.apart = options.channels == "apart"
        self.sees_shape = options.sees == "shape"
        amounts = channels * _AMOUNTS if self.sees_shape else 0
        self.layers = Stages(1 if self.apart else channels, trunk, options.norm, options.slope)
        alike = channels if self.apart else 1
        flat = alike * trunk.widths[-1] * (height // SHRINKS_BY) * (width // SHRINKS_BY)
        self.trunk = trunk
        self.widths = tuple(2 * alike * width for width in trunk.widths)
        self.mu = nn.Linear(flat + amounts, options.latent)
        self.logvar = nn.Linear(flat + amounts, options.latent)

    def forward(self, images: Tensor) -> Encoded:
        """Posterior and pooled stages of a batch."""
        count = images.shape[0]  # len() would fix the number in an exported graph
        maps = self.maps(images)
        flat = maps[-1].flatten(1).reshape(count, -1)
        amounts = self.amounts(images)
        if amounts is not None:
            flat = torch.cat([flat, amounts.to(flat)], dim=1)
        logvar = self.logvar(flat).clamp(-_LOGVAR_LIMIT, _LOGVAR_LIMIT)
        return Encoded(self.mu(flat), logvar, self.pooled(maps, count), amounts)

    def amounts(self, images: Tensor) -> Tensor | None:
        """How bright the images are (n, amount), for a trunk that sees their shape alone."""
        return amounts_of(images) if self.sees_shape else None

    def maps(self, images: Tensor) -> list[Tensor]:
        """Maps of every stage, from the finest; channels apart are images of their own."""
        return self.maps_of_seen(self.seen(images))

    def seen(self, images: Tensor) -> Tensor:
        """What the trunk sees of images (n, channel, height, width); turning them turns it."""
        return in_fast_order(images / brightest(images)) if self.sees_shape else images

    def maps_of_seen(self, seen: Tensor) -> list[Tensor]:
        """Maps of every stage of what the trunk sees."""
        if self.apart:
            seen = seen.flatten(0, 1).unsqueeze(1)
        return self.layers.maps(seen)

    def pooled(self, maps: Sequence[Tensor], count: int) -> tuple[Tensor, ...]:
        """Mean and maximum over all positions of the maps of `count` images."""
        return tuple(
            torch.cat([each.mean(dim=(2, 3)), each.amax(dim=(2, 3))], dim=1).reshape(count, -1)
            for each in maps
        )


def brightest(images: Tensor) -> Tensor:
    """The maximum of every channel (n, channel, 1, 1), at least 0.01, of images in [0, 1]."""
    return images.amax(dim=(2, 3), keepdim=True).clamp_min(_DIM)


def amounts_of(images: Tensor) -> Tensor:
    """How bright every channel is (n, 5 · channel), as logarithms, which a gain moves by as much.

    Power means of its pixels of the orders ½, 1, 2 and 4, and the maximum; 0.01 is added to each.
    """
    pixels = images.float().flatten(2)
    squares = pixels.square()
    # Roots and squares, since a general power of every pixel would cost as much as a convolution.
    means = [
        pixels.sqrt().mean(dim=2).square(),
        pixels.mean(dim=2),
        squares.mean(dim=2).sqrt(),
        squares.square().mean(dim=2).sqrt().sqrt(),
        pixels.amax(dim=2),
    ]
    return torch.log(_DIM + torch.cat(means, dim=1))


def in_fast_order(images: Tensor) -> Tensor:
    """The same maps (n, channel, height, width), laid out as convolutions on their device like."""
    if images.device.type == "mps":
        return images
    return images.contiguous(memory_format=torch.channels_last)
