"""Total correlation of the latents: β-TC-VAE (Chen, Li, Grosse & Duvenaud 2018)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.options import ObjectiveOptions
from phenovae.vae.terms.term import Setting

_LOG_2PI = math.log(2 * math.pi)


class TotalCorrelationTerm:
    """KL from the product of the latents' marginals to their joint, by the batch as a mixture.

    The estimate is that of weighted sampling within a batch (the paper's appendix C.1): the
    constant by which it is off is that of log(cells · batch) and has no gradient, so it is left
    out. With the term `kl` at β = 1, weight w is the paper's β - 1.
    """

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        del setting
        self.options = options.total_correlation

    def weight(self, step: int) -> float:
        """As the options say, at every step."""
        del step
        return self.options.weight

    def __call__(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        """The log-density of z less those of its dimensions (n,) [nats], but for a constant."""
        del batch, reconstruction
        z, mu, logvar = posterior.z.float(), posterior.mu.float(), posterior.logvar.float()
        squares = (z.unsqueeze(1) - mu.unsqueeze(0)).square() * torch.exp(-logvar)
        densities = -0.5 * (_LOG_2PI + logvar.unsqueeze(0) + squares)
        log_count = math.log(len(z))
        joint = densities.sum(dim=2).logsumexp(dim=1) - log_count
        apart = (densities.logsumexp(dim=1) - log_count).sum(dim=1)
        return joint - apart
