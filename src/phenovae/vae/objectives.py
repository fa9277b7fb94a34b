"""What training minimises: named terms, each a small class, weighted and summed.

A term is `weight(step) -> float` and `__call__(batch, posterior, reconstruction) -> loss (n,)` in
nats a sample. A term that is a `torch.nn.Module` with a method `own_loss` of the same signature
is trained beside the model by an optimiser of its own (a discriminator, say): its parameters
descend `own_loss`, the model's parameters the term itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor, nn

from phenovae.base.errors import UsageError, nearest
from phenovae.vae.model import Posterior, Reconstruction
from phenovae.vae.options import ObjectiveOptions

MODEL = "model"


class Term(Protocol):
    """One part of the loss."""

    def weight(self, step: int) -> float:
        """What the term counts for at a step, from 0."""

    def __call__(
        self, batch: Tensor, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        """Loss of every sample (n,) [nats]."""


@runtime_checkable
class Trained(Protocol):
    """A term with parameters of its own, which descend a loss of their own."""

    def own_loss(
        self, batch: Tensor, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        """Loss of every sample (n,) that the term's own parameters descend."""

    def parameters(self) -> object:
        """The term's parameters."""


TermMaker: TypeAlias = Callable[[ObjectiveOptions, int], Term]
"""Makes a term from the options and the number of steps an epoch has."""


class ReconstructionTerm:
    """Negative log-likelihood of the image under its reconstruction."""

    def __init__(self, options: ObjectiveOptions, steps_per_epoch: int) -> None:
        del options, steps_per_epoch

    def weight(self, step: int) -> float:
        """Always 1: what the other weights are measured against."""
        del step
        return 1.0

    def __call__(
        self, batch: Tensor, posterior: Posterior, reconstruction: Reconstruction
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

    def __init__(self, options: ObjectiveOptions, steps_per_epoch: int) -> None:
        self.beta = options.beta
        self.warmup = options.kl_warmup_epochs * steps_per_epoch
        self.free = options.free_bits

    def weight(self, step: int) -> float:
        """β, or the part of it that the warm-up has reached."""
        return self.beta * min(1.0, step / self.warmup) if self.warmup else self.beta

    def __call__(
        self, batch: Tensor, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        """KL (n,) [nats], at least the free bits."""
        del batch, reconstruction
        kl = posterior.kl
        if self.free:
            cheap = kl.mean(dim=0, keepdim=True) < self.free
            kl = torch.where(cheap, torch.full_like(kl, self.free), kl)
        return kl.sum(dim=1)


TERMS: Mapping[str, TermMaker] = MappingProxyType(
    {"reconstruction": ReconstructionTerm, "kl": KLTerm}
)
"""A new idea is one class here, and its settings in ObjectiveOptions."""


class Objective(nn.Module):
    """The terms that the options name."""

    def __init__(
        self,
        options: ObjectiveOptions,
        steps_per_epoch: int,
        terms: Mapping[str, TermMaker] = TERMS,
    ) -> None:
        super().__init__()
        unknown = [name for name in options.terms if name not in terms]
        if unknown or not options.terms or len(set(options.terms)) < len(options.terms):
            raise UsageError(
                f"the objective's terms are {', '.join(options.terms) or 'none'}; "
                + ("one is unknown" if unknown else "each must be named once"),
                where="objective.terms",
                mend=nearest(unknown[0] if unknown else "", terms),
            )
        self.terms: dict[str, Term] = {
            name: terms[name](options, steps_per_epoch) for name in options.terms
        }
        self.modules_of_terms = nn.ModuleDict(
            {name: term for name, term in self.terms.items() if isinstance(term, nn.Module)}
        )

    def forward(
        self, batch: Tensor, posterior: Posterior, reconstruction: Reconstruction
    ) -> dict[str, Tensor]:
        """Loss of every sample (n,) [nats] by term, not yet weighted."""
        return {name: term(batch, posterior, reconstruction) for name, term in self.terms.items()}

    def weights(self, step: int) -> dict[str, float]:
        """What each term counts for at a step."""
        return {name: term.weight(step) for name, term in self.terms.items()}

    def own_losses(
        self, batch: Tensor, posterior: Posterior, reconstruction: Reconstruction
    ) -> dict[str, Tensor]:
        """Losses (n,) that terms with parameters of their own descend."""
        return {
            name: term.own_loss(batch, posterior, reconstruction)
            for name, term in self.terms.items()
            if isinstance(term, Trained)
        }


def weighted(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """The batch's mean loss, a scalar [nats a sample]."""
    return torch.stack([weights[name] * loss.mean() for name, loss in losses.items()]).sum()


def elbo(posterior: Posterior, reconstruction: Reconstruction) -> Tensor:
    """Evidence lower bound (n,) [nats], one draw of z; β = 1 and no free bits, whatever is set."""
    return -(reconstruction.nll + posterior.kl.sum(dim=1))


def bits_per_dimension(elbo_nats: float, dimensions: int) -> float:
    """-ELBO / (dimensions · ln 2).

    The density is that of pixels on the scale [0, 1], continuous; so the figure may be negative,
    and only figures of one view of one set of cells compare.
    """
    return -elbo_nats / (dimensions * math.log(2))
