"""How unlike two sets of maps are, in units of what the maps vary by."""

from __future__ import annotations

from torch import Tensor

_FLOOR = 0.01
_TINY = 1e-12


def unexplained(real: Tensor, rebuilt: Tensor) -> Tensor:
    """Share (n,) of the variance of maps (n, map, height, width) that is not rebuilt.

    The mean squared difference of each map over its variance among cells and places of the batch,
    averaged over the maps: 1 where every map is rebuilt as its mean. A map that hardly varies
    counts as if it had a hundredth of the mean variance. Nothing is learned through `real`.
    """
    real = real.detach().float()
    spread = real.var(dim=(0, 2, 3), correction=0)
    spread = spread.clamp(min=_FLOOR * float(spread.mean()) + _TINY)
    squares = (real - rebuilt.float()).square().mean(dim=(2, 3))
    return (squares / spread).mean(dim=1)


def half_pixels(shape: tuple[int, int, int]) -> float:
    """Half the values of an image: what a Gaussian of fitted σ costs where nothing is explained."""
    channels, height, width = shape
    return 0.5 * channels * height * width
