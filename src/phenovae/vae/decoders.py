"""Decoders: latents to the mean of every pixel, the mirror image of an encoder's trunk."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from phenovae.vae.data import Shape
from phenovae.vae.encoders import SHRINKS_BY, Trunk, in_fast_order
from phenovae.vae.options import ModelOptions

_FINE_MAPS = 8


class Decoder(nn.Module):
    """Latents (n, latent) to the mean of each pixel (n, channel, height, width) in (0, 1).

    Where plates have a code, it follows the latents (n, latent + code).
    """

    def __init__(self, shape: Shape, trunk: Trunk, options: ModelOptions) -> None:
        super().__init__()
        channels, height, width = shape
        widths = trunk.widths
        self.start = (widths[-1], height // SHRINKS_BY, width // SHRINKS_BY)
        self.linear = nn.Linear(
            options.latent + options.plates.code, self.start[0] * self.start[1] * self.start[2]
        )
        self.activation = nn.LeakyReLU(options.slope)
        layers: list[nn.Module] = []
        before = widths[-1]
        for after in (*reversed(widths[:-1]), channels):
            if layers:
                layers += [nn.BatchNorm2d(before)] if options.norm == "batch" else []
                layers.append(nn.LeakyReLU(options.slope))
            layers.append(
                nn.ConvTranspose2d(
                    before,
                    after,
                    trunk.kernel,
                    stride=2,
                    padding=trunk.kernel // 2,
                    output_padding=1,
                )
            )
            before = after
        self.layers = nn.Sequential(*layers, nn.Sigmoid())

    def forward(self, latents: Tensor) -> Tensor:
        """Means of the pixels of a batch of latents."""
        small = self.activation(self.linear(latents)).unflatten(1, self.start)
        images: Tensor = self.layers(in_fast_order(small))
        return images


class EvenConv2d(nn.Conv2d):
    """A convolution that keeps the size of maps (height, width) and draws no frame around them.

    Zeros beyond the border would make its sums smaller there: they are scaled up by the share of
    the kernel that lies on the maps (partial convolution, Liu et al. 2018).
    """

    def __init__(
        self, before: int, after: int, kernel: int, size: tuple[int, int], *, bias: bool
    ) -> None:
        super().__init__(before, after, kernel, padding=kernel // 2, bias=bias)
        down, across = (_gains(side, kernel) for side in size)
        self.gains: Tensor
        self.register_buffer("gains", torch.outer(down, across), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps of the same size (n, after, height, width)."""
        found = nn.functional.conv2d(maps, self.weight, None, padding=self.padding)
        found.mul_(self.gains)
        return found if self.bias is None else found.add_(self.bias[:, None, None])


def _gains(side: int, kernel: int) -> Tensor:
    """What makes up for the part of a kernel that lies beyond the border, place by place."""
    places = torch.arange(side)
    first = (places - kernel // 2).clamp_min(0)
    last = (places + kernel // 2).clamp_max(side - 1)
    return kernel / (last - first + 1)


class SmoothDecoder(nn.Module):
    """As `Decoder`, but maps are convolved and then doubled in size by linear interpolation.

    Transposed convolutions whose kernel is no multiple of their stride reach some pixels more often
    than others, which shows as a checkerboard until a long training evens it out (Odena et al.
    2016). A last convolution at full size draws what interpolation cannot.
    """

    def __init__(self, shape: Shape, trunk: Trunk, options: ModelOptions) -> None:
        super().__init__()
        channels, height, width = shape
        widths = (*reversed(trunk.widths), _FINE_MAPS)
        self.start = (widths[0], height // SHRINKS_BY, width // SHRINKS_BY)
        self.linear = nn.Linear(
            options.latent + options.plates.code, self.start[0] * self.start[1] * self.start[2]
        )
        self.activation = nn.LeakyReLU(options.slope)
        normed = options.norm == "batch"
        layers: list[nn.Module] = []
        size = self.start[1:]
        for before, after in pairwise(widths):
            layers.append(EvenConv2d(before, after, trunk.kernel, size, bias=not normed))
            layers += [nn.BatchNorm2d(after)] if normed else []
            layers += [nn.LeakyReLU(options.slope), nn.Upsample(scale_factor=2, mode="bilinear")]
            size = (2 * size[0], 2 * size[1])
        layers.append(EvenConv2d(_FINE_MAPS, channels, trunk.kernel, size, bias=True))
        self.layers = nn.Sequential(*layers, nn.Sigmoid())

    def forward(self, latents: Tensor) -> Tensor:
        """Means of the pixels of a batch of latents."""
        small = self.activation(self.linear(latents)).unflatten(1, self.start)
        images: Tensor = self.layers(in_fast_order(small))
        return images
