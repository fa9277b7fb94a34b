"""Distance of the aggregate posterior from the prior: InfoVAE (Zhao, Song & Ermon 2019)."""

from __future__ import annotations

import torch
from torch import Tensor

from phenovae.base.seeds import integer
from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.options import ObjectiveOptions
from phenovae.vae.terms.term import Setting


class MMDTerm:
    """Squared maximum mean discrepancy between the batch's draws of z and the prior's.

    The kernel is the sum of c / (c + squared distance) over several c, each a multiple of twice the
    dimensions, which is the mean squared distance of two draws of the prior. Unbiased, so it may be
    a little below 0 where both are alike.
    """

    scales = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        self.options = options.mmd
        self.latent = setting.latent

    def weight(self, step: int) -> float:
        """As the options say, at every step."""
        del step
        return self.options.weight

    def __call__(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        """The discrepancy of the batch, for every sample alike (n,); 0 for a batch of one."""
        del reconstruction
        z = posterior.z.float()
        count = len(z)
        if count < 2:
            return torch.zeros(count, device=z.device)
        random = torch.Generator().manual_seed(integer(0, "train", "mmd", batch.step))
        drawn = torch.randn(z.shape, generator=random).to(z)
        between = 2 * self._kernel(z, drawn).mean()
        return (self._apart(z) + self._apart(drawn) - between).expand(count)

    def _apart(self, points: Tensor) -> Tensor:
        """Mean kernel of two different points."""
        count = len(points)
        alike = self._kernel(points, points)
        return (alike.sum() - alike.diagonal().sum()) / (count * (count - 1))

    def _kernel(self, one: Tensor, other: Tensor) -> Tensor:
        squares = (one.unsqueeze(1) - other.unsqueeze(0)).square().sum(dim=2)
        widths = [2.0 * self.latent * scale for scale in self.scales]
        return torch.stack([width / (width + squares) for width in widths]).sum(dim=0)
