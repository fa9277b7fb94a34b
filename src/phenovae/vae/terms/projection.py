"""What terms of two views share: a projection of the coarsest stage of the encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from phenovae.base.errors import TrainingError
from phenovae.vae.model import Posterior
from phenovae.vae.options import ProjectionOptions
from phenovae.vae.terms.term import Setting


class Projected(nn.Module):
    """A term of constant weight that compares projections of both views of cells."""

    sees_twice = True

    def __init__(self, options: ProjectionOptions, setting: Setting) -> None:
        super().__init__()
        self._weight = options.weight
        self.head = nn.Sequential(
            nn.Linear(setting.stages[-1], options.hidden),
            nn.BatchNorm1d(options.hidden),
            nn.ReLU(),
            nn.Linear(options.hidden, options.width),
        )

    def weight(self, step: int) -> float:
        """As the options say, at every step."""
        del step
        return self._weight

    def both(self, posterior: Posterior) -> Tensor:
        """Projections (2n, width), those of the second views after those of the first.

        Raises TrainingError where there is no second view.
        """
        if posterior.other is None:
            raise TrainingError("a term that compares two views was given one view")
        projected: Tensor = self.head(
            torch.cat([posterior.stages[-1], posterior.other.stages[-1]])
        ).float()
        return projected
