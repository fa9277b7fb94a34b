"""Augmentation of a batch of tensors, drawn from a generator and from nothing else."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from phenovae.base.errors import UsageError
from phenovae.base.seeds import integer
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


def own_part(drawn: Tensor, share: tuple[int, int], dim: int = 0) -> Tensor:
    """What process `share[0]` of `share[1]` has of a batch: neighbours, as of one well."""
    return drawn.tensor_split(share[1], dim=dim)[share[0]]


def augment(
    images: Tensor,
    options: AugmentOptions,
    random: torch.Generator,
    share: tuple[int, int] = (0, 1),
) -> Tensor:
    """A changed copy of images (n, channel, height, width) in [0, 1], still in [0, 1].

    `random` is a CPU generator, so that every device draws the same changes. Shifted images are
    filled by mirroring at the border. Of several processes, each with as many images, `share`
    (number, count) says which this is: it changes them as one process would change all of them, but
    for the noise of pixels, which is its own.
    """
    cells, channels = share[1] * len(images), images.shape[1]

    def strengths() -> Tensor:
        return own_part(torch.rand((cells, channels), generator=random) * 2 - 1, share)

    changed = images
    if options.dihedral:
        numbers = torch.randint(VIEWS, (cells,), generator=random)
        changed = _turned(changed, own_part(numbers, share))
    if options.shift:
        _check_shift(images, options.shift)
        shifts = torch.randint(2 * options.shift + 1, (2, cells), generator=random)
        changed = _shifted(changed, options.shift, own_part(shifts, share, dim=1))
    if options.gamma:
        exponent = (1 + options.gamma) ** strengths()
        changed = (changed + _NEAR_ZERO) ** exponent.to(images)[:, :, None, None]
    if options.gain:
        gain = (1 + options.gain) ** strengths()
        changed = changed * gain.to(images)[:, :, None, None]
    if options.noise:
        # A draw for every pixel of all processes would cost each as much as one has to do alone.
        noise = torch.randn(images.shape, generator=_of_process(random, share)) * options.noise
        changed = changed + noise.to(images)
    if options.gain or options.gamma or options.noise:
        changed = changed.clamp(0, 1)
    return changed


def _of_process(random: torch.Generator, share: tuple[int, int]) -> torch.Generator:
    if share[1] == 1:
        return random
    return torch.Generator().manual_seed(integer(random.initial_seed(), "process", share[0]))


def _turned(images: Tensor, numbers: Tensor) -> Tensor:
    turned = torch.empty_like(images)
    for number in range(VIEWS):
        chosen = torch.nonzero(numbers == number).flatten().to(images.device)
        turned[chosen] = view(images[chosen], number)
    return turned


def _check_shift(images: Tensor, most: int) -> None:
    height, width = images.shape[2:]
    if most >= min(height, width):
        raise UsageError(
            f"a shift of {most} px is too much for images of {height} × {width} px",
            where="augment.shift",
        )


def _shifted(images: Tensor, most: int, shifts: Tensor) -> Tensor:
    count, channels, height, width = images.shape
    shifts = shifts.to(images.device)
    wide = pad(images, (most, most, most, most), mode="reflect")
    rows = shifts[0, :, None] + torch.arange(height, device=images.device)
    columns = shifts[1, :, None] + torch.arange(width, device=images.device)
    cells = torch.arange(count, device=images.device)[:, None, None, None]
    planes = torch.arange(channels, device=images.device)[None, :, None, None]
    return wide[cells, planes, rows[:, None, :, None], columns[:, None, None, :]]
