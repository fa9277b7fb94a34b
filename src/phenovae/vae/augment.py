"""Augmentation of a batch of tensors, drawn from a generator and from nothing else."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from phenovae.base.errors import UsageError
from phenovae.vae.options import AugmentOptions

VIEWS = 8

_NEAR_ZERO = 1e-4


def view(images: Tensor, number: int) -> Tensor:
    """View 0 to 7 of images (…, height, width): `number % 4` quarter turns; from 4, mirrored first.

    Raises UsageError unless the images are square.
    """
    if images.shape[-1] != images.shape[-2]:
        raise UsageError(
            f"images of {images.shape[-2]} × {images.shape[-1]} px have no eight views",
            mend="choose a square view, or set augment.dihedral to false, model.readout.views to 1",
        )
    mirrored = images.flip(-1) if number >= VIEWS // 2 else images
    return torch.rot90(mirrored, number % 4, (-2, -1))


def eight_views(images: Tensor) -> Tensor:
    """The eight rotations and flips (8, n, channel, size, size) of a batch; the first is itself."""
    return torch.stack([view(images, number) for number in range(VIEWS)])


def augment(images: Tensor, options: AugmentOptions, random: torch.Generator) -> Tensor:
    """A changed copy of images (n, channel, height, width) in [0, 1], still in [0, 1].

    `random` is a CPU generator, so that every device draws the same changes. Shifted images are
    filled by mirroring at the border.
    """
    changed = images
    if options.dihedral:
        changed = _turned(changed, random)
    if options.shift:
        changed = _shifted(changed, options.shift, random)
    if options.gamma:
        exponent = (1 + options.gamma) ** (torch.rand(images.shape[:2], generator=random) * 2 - 1)
        changed = (changed + _NEAR_ZERO) ** exponent.to(images)[:, :, None, None]
    if options.gain:
        strength = torch.rand(images.shape[:2], generator=random) * 2 - 1
        gain = (1 + options.gain) ** strength
        changed = changed * gain.to(images)[:, :, None, None]
    if options.noise:
        noise = torch.randn(images.shape, generator=random) * options.noise
        changed = changed + noise.to(images)
    if options.gain or options.gamma or options.noise:
        changed = changed.clamp(0, 1)
    return changed


def _turned(images: Tensor, random: torch.Generator) -> Tensor:
    numbers = torch.randint(VIEWS, (len(images),), generator=random)
    turned = torch.empty_like(images)
    for number in range(VIEWS):
        chosen = torch.nonzero(numbers == number).flatten().to(images.device)
        turned[chosen] = view(images[chosen], number)
    return turned


def _shifted(images: Tensor, most: int, random: torch.Generator) -> Tensor:
    count, channels, height, width = images.shape
    if most >= min(height, width):
        raise UsageError(
            f"a shift of {most} px is too much for images of {height} × {width} px",
            where="augment.shift",
        )
    shifts = torch.randint(2 * most + 1, (2, count), generator=random).to(images.device)
    wide = pad(images, (most, most, most, most), mode="reflect")
    rows = shifts[0, :, None] + torch.arange(height, device=images.device)
    columns = shifts[1, :, None] + torch.arange(width, device=images.device)
    cells = torch.arange(count, device=images.device)[:, None, None, None]
    planes = torch.arange(channels, device=images.device)[None, :, None, None]
    return wide[cells, planes, rows[:, None, :, None], columns[:, None, None, :]]
