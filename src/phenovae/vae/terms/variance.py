"""Views alike, dimensions lively and unlike each other: VICReg (Bardes, Ponce & LeCun 2022)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from phenovae.base.errors import TrainingError
from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.options import ObjectiveOptions
from phenovae.vae.terms.term import Setting

_TINY = 1e-4


class VarianceTerm(nn.Module):
    """Both views of a cell are projected alike, without a comparison with other cells.

    What keeps all cells from one point is that every dimension varies over the batch by 1 and that
    no two dimensions covary. The paper's weights: 25 for likeness, 25 for variance, 1 for
    covariance.
    """

    sees_twice = True

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        super().__init__()
        self.options = options.variance
        hidden, width = self.options.hidden, self.options.width
        self.head = nn.Sequential(
            nn.Linear(setting.stages[-1], hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, width),
        )

    def weight(self, step: int) -> float:
        """As the options say, at every step."""
        del step
        return self.options.weight

    def forward(self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction) -> Tensor:
        """Loss (n,): the likeness of each cell's views, and what the batch has of the rest."""
        del batch, reconstruction
        if posterior.other is None:
            raise TrainingError("a likeness of views was given one view")
        count = len(posterior.mu)
        both = self.head(torch.cat([posterior.stages[-1], posterior.other.stages[-1]])).float()
        one, other = both[:count], both[count:]
        alike = (one - other).square().mean(dim=1)
        loss: Tensor = self.options.likeness * alike
        if count < 2:
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
