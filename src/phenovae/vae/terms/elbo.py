"""The two terms of the evidence lower bound (Kingma & Welling 2014)."""

from __future__ import annotations

import torch
from torch import Tensor

from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.options import ObjectiveOptions
from phenovae.vae.terms.term import Setting


class ReconstructionTerm:
    """Negative log-likelihood of the image under its reconstruction."""

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        del options, setting

    def weight(self, step: int) -> float:
        """Always 1: what the other weights are measured against."""
        del step
        return 1.0

    def __call__(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        """Negative log-density (n,) [nats]."""
        del batch, posterior
        return reconstruction.nll


class KLTerm:
    """KL from the prior to the posterior, with β, linear warm-up and free bits.

    Free bits (Kingma et al. 2016): a dimension whose KL, averaged over the batch, is below the
    floor counts as the floor and has no gradient, so that the batch's mean of this loss is
    the sum over dimensions of max(mean KL, floor). With several devices the batch is a device's
    share of it.
    """

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        self.beta = options.beta
        self.warmup = options.kl_warmup_epochs * setting.steps_per_epoch
        self.free = options.free_bits

    def weight(self, step: int) -> float:
        """β, or the part of it that the warm-up has reached."""
        return self.beta * min(1.0, step / self.warmup) if self.warmup else self.beta

    def __call__(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        """KL (n,) [nats], at least the free bits."""
        del batch, reconstruction
        kl = posterior.kl
        if self.free:
            cheap = kl.mean(dim=0, keepdim=True) < self.free
            kl = torch.where(cheap, torch.full_like(kl, self.free), kl)
        return kl.sum(dim=1)
