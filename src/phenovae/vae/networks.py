"""Networks by name: an encoder of four stride-two convolutions and its decoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from torch import nn

from phenovae.base.errors import UsageError
from phenovae.vae.data import Shape
from phenovae.vae.decoders import Decoder, SmoothDecoder
from phenovae.vae.encoders import SHRINKS_BY, Encoder, Trunk
from phenovae.vae.options import ModelOptions

Builder: TypeAlias = Callable[[Shape, ModelOptions], tuple[Encoder, nn.Module]]


def convolutional(
    *widths: int, kernel: int = 5, decoder: type[Decoder | SmoothDecoder] = Decoder
) -> Builder:
    """A builder of the convolutional pair with these maps and this kernel [px]."""

    def build(shape: Shape, options: ModelOptions) -> tuple[Encoder, nn.Module]:
        height, width = shape[1:]
        if min(height, width) < SHRINKS_BY or height % SHRINKS_BY or width % SHRINKS_BY:
            raise UsageError(
                f"images of {height} × {width} px do not fit this network",
                mend=f"choose a view whose size is a multiple of {SHRINKS_BY} px",
            )
        trunk = Trunk(widths, kernel)
        return Encoder(shape, trunk, options), decoder(shape, trunk, options)

    return build


NETWORKS: Mapping[str, Builder] = MappingProxyType(
    {
        "small": convolutional(16, 16, 16, 16),
        "medium": convolutional(32, 32, 32, 32),
        "large": convolutional(32, 64, 128, 256),
        "light": convolutional(32, 64, 128, 192, kernel=3, decoder=SmoothDecoder),
    }
)
"""A new network is one builder here."""
