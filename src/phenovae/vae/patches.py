"""Patches of an image that an encoder is not shown (He et al. 2022)."""

from __future__ import annotations

import torch
from torch import Tensor

from phenovae.base.errors import UsageError


def patches_to_hide(height: int, width: int, patch: int, share: float) -> int:
    """How many patches of an image are hidden, of those there are.

    Raises UsageError where patches do not fit the image, or none or all of them would be hidden.
    """
    if height % patch or width % patch:
        raise UsageError(
            f"patches of {patch} px do not fit images of {height} × {width} px",
            where="objective.masked.patch",
            mend="choose a divisor of the view's size",
        )
    count = (height // patch) * (width // patch)
    hidden = round(share * count)
    if not 0 < hidden < count:
        raise UsageError(
            f"a share of {share:g} hides {hidden} of {count} patches of {patch} px",
            where="objective.masked.share",
            mend="choose another share, or smaller patches",
        )
    return hidden


def draw_hidden(
    count: int, height: int, width: int, patch: int, hide: int, random: torch.Generator
) -> Tensor:
    """Which pixels are hidden (n, 1, height, width): `hide` patches of each image, anew for each.

    `random` is a CPU generator.
    """
    rows, columns = height // patch, width // patch
    drawn = torch.rand((count, rows * columns), generator=random)
    hidden = drawn.argsort(dim=1).argsort(dim=1) < hide
    grid = hidden.reshape(count, 1, rows, columns)
    return grid.repeat_interleave(patch, dim=2).repeat_interleave(patch, dim=3)


def blanked(images: Tensor, hidden: Tensor) -> Tensor:
    """Images whose hidden pixels are the mean of what is left of each channel."""
    left = ~hidden
    means = (images * left).sum(dim=(2, 3), keepdim=True) / left.sum(dim=(2, 3), keepdim=True)
    return torch.where(hidden, means, images)
