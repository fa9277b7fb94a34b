"""Contrast: what belongs together lies together, and apart from the rest of the batch.

Two views of one cell belong together (SimCLR, Chen et al. 2020), or all cells of one well (as in
supervised contrast, Khosla et al. 2020, with the well in the place of a class). Neither term sees
what a well was treated with.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from phenovae.base.errors import TrainingError
from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.options import ContrastOptions, ObjectiveOptions
from phenovae.vae.terms.projection import Projected
from phenovae.vae.terms.term import Setting

_NEVER = -1e9


class Contrast(Projected):
    """What both kinds share: the likeness of projections."""

    def __init__(self, options: ContrastOptions, setting: Setting) -> None:
        super().__init__(options, setting)
        self._temperature = options.temperature

    def likeness(self, posterior: Posterior) -> Tensor:
        """Cosine of both views of all cells with each other over the temperature (2n, 2n).

        The likeness of a view with itself is as good as minus infinity.
        """
        projected = normalize(self.both(posterior), dim=1)
        alike = projected @ projected.T / self._temperature
        return alike.fill_diagonal_(_NEVER)


class ViewContrast(Contrast):
    """Tells the other view of a cell among all views of the batch (NT-Xent, Chen et al. 2020)."""

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        super().__init__(options.views, setting)

    def forward(self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction) -> Tensor:
        """Loss (n,) [nats]: the mean of the two directions."""
        del batch, reconstruction
        alike = self.likeness(posterior)
        count = len(alike) // 2
        partner = torch.arange(2 * count, device=alike.device).roll(count)
        return cross_entropy(alike, partner, reduction="none").reshape(2, count).mean(dim=0)


class WellContrast(Contrast):
    """Tells the views of the cells of one well among all views of the batch.

    The mean over the partners of the log-probability, as in Khosla et al. 2020, eq. 2. A cell alone
    in its well has its other view.
    """

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        super().__init__(options.wells, setting)

    def forward(self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction) -> Tensor:
        """Loss (n,) [nats]. Raises TrainingError where the cells' wells are not known."""
        del reconstruction
        if batch.wells is None:
            raise TrainingError(
                "the term `wells` needs to know the well of each cell",
                mend="leave it out of objective.terms",
            )
        told = self.likeness(posterior).log_softmax(dim=1)
        wells = batch.wells.repeat(2)
        itself = torch.eye(len(wells), dtype=torch.bool, device=wells.device)
        partners = (wells[:, None] == wells[None, :]) & ~itself
        mean = (told * partners).sum(dim=1) / partners.sum(dim=1)
        return -mean.reshape(2, -1).mean(dim=0)
