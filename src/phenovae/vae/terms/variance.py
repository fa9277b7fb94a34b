"""Views alike, dimensions lively and unlike each other: VICReg (Bardes, Ponce & LeCun 2022)."""

from __future__ import annotations

import torch
from torch import Tensor

from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.options import ObjectiveOptions
from phenovae.vae.terms.projection import Projected
from phenovae.vae.terms.term import Setting

_TINY = 1e-4


class VarianceTerm(Projected):
    """Both views of a cell are projected alike, without a comparison with other cells.

    What keeps all cells from one point is that every dimension varies over the batch by 1 and that
    no two dimensions covary. The paper's weights: 25 for likeness, 25 for variance, 1 for
    covariance.
    """

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        super().__init__(options.variance, setting)
        self.options = options.variance

    def forward(self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction) -> Tensor:
        """Loss (n,): the likeness of each cell's views, and what the batch has of the rest."""
        del batch, reconstruction
        one, other = self.both(posterior).chunk(2)
        alike = (one - other).square().mean(dim=1)
        loss: Tensor = self.options.likeness * alike
        if len(one) < 2:
            return loss
        for view in (one, other):
            loss = loss + 0.5 * self.options.variance * _lifeless(view)
            loss = loss + self.options.covariance * _covariance(view)
        return loss


def _lifeless(values: Tensor) -> Tensor:
    """By how much the standard deviations (n, d) fall short of 1, on average."""
    spread = (values.var(dim=0) + _TINY).sqrt()
    return torch.relu(1 - spread).mean()


def _covariance(values: Tensor) -> Tensor:
    """Squares of the covariances of different dimensions, for each dimension."""
    centred = values - values.mean(dim=0)
    covariance = centred.T @ centred / (len(values) - 1)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / values.shape[1]
