"""What training minimises: named terms, each a small class, weighted and summed.

A term is `weight(step) -> float` and `__call__(batch, posterior, reconstruction) -> loss (n,)` in
nats a sample (`terms/term.py`). The parameters of a term that is a `torch.nn.Module` are trained
with the model's, unless it has a method `own_loss` of the same signature: then they descend that
one, by an optimiser of their own (a discriminator, say), and the model's descend the term itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor, nn

from phenovae.base.errors import UsageError, nearest
from phenovae.base.seeds import integer
from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.objective_options import WELLS
from phenovae.vae.options import ObjectiveOptions
from phenovae.vae.terms.commitment import CommitmentTerm
from phenovae.vae.terms.compounds import CompoundTerm
from phenovae.vae.terms.contrast import ViewContrast, WellContrast
from phenovae.vae.terms.discriminator import DiscriminatorTerm
from phenovae.vae.terms.distillation import DistillationTerm
from phenovae.vae.terms.elbo import KLTerm, ReconstructionTerm
from phenovae.vae.terms.masked import MaskedTerm
from phenovae.vae.terms.mmd import MMDTerm
from phenovae.vae.terms.perceptual import PerceptualTerm
from phenovae.vae.terms.scattered import ScatteringTerm
from phenovae.vae.terms.term import Hides, SeesFresh, SeesTwice, Setting, Term, TermMaker, Trained
from phenovae.vae.terms.total_correlation import TotalCorrelationTerm
from phenovae.vae.terms.variance import VarianceTerm

MODEL = "model"
COMPOUNDS = "compounds"
COMMITMENT = "commitment"
_OF_A_GAUSSIAN = ("mmd", "total_correlation")

TERMS: Mapping[str, TermMaker] = MappingProxyType(
    {
        "reconstruction": ReconstructionTerm,
        "kl": KLTerm,
        "masked": MaskedTerm,
        COMMITMENT: CommitmentTerm,
        "discriminator": DiscriminatorTerm,
        "perceptual": PerceptualTerm,
        "scattering": ScatteringTerm,
        "mmd": MMDTerm,
        "total_correlation": TotalCorrelationTerm,
        "variance": VarianceTerm,
        "views": ViewContrast,
        WELLS: WellContrast,
        "distillation": DistillationTerm,
        COMPOUNDS: CompoundTerm,
    }
)
"""A new idea is one class in `terms/` and a line here, and its settings in ObjectiveOptions."""


class Objective(nn.Module):
    """The terms that the options name."""

    def __init__(
        self,
        options: ObjectiveOptions,
        setting: Setting,
        terms: Mapping[str, TermMaker] = TERMS,
        seed: int = 0,
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
        if options.weakly_supervised and COMPOUNDS not in options.terms:
            raise UsageError(
                "objective.weakly_supervised is true, and no term learns from labels",
                where="objective.terms",
                mend=f"name the term `{COMPOUNDS}`, or set objective.weakly_supervised=false",
            )
        if setting.quantised:
            _check_quantised(options.terms)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(integer(seed, "vae", "terms"))
            self.terms: dict[str, Term] = {
                name: terms[name](options, setting) for name in options.terms
            }
        self.modules_of_terms = nn.ModuleDict(
            {name: term for name, term in self.terms.items() if isinstance(term, nn.Module)}
        )

    @property
    def sees_twice(self) -> bool:
        """Whether some term needs a second view of every cell."""
        return any(isinstance(term, SeesTwice) and term.sees_twice for term in self.terms.values())

    @property
    def sees_fresh(self) -> bool:
        """Whether some term needs images of other cells, drawn apart."""
        return any(isinstance(term, SeesFresh) and term.sees_fresh for term in self.terms.values())

    def hidden(self, count: int, random: torch.Generator) -> Tensor | None:
        """Which pixels of images the encoder is not to be shown (n, 1, height, width), if any."""
        for term in self.terms.values():
            if isinstance(term, Hides):
                return term.hidden(count, random)
        return None

    def forward(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> dict[str, Tensor]:
        """Loss of every sample (n,) [nats] by term, not yet weighted."""
        return {name: term(batch, posterior, reconstruction) for name, term in self.terms.items()}

    def weights(self, step: int) -> dict[str, float]:
        """What each term counts for at a step."""
        return {name: term.weight(step) for name, term in self.terms.items()}

    def own_losses(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> dict[str, Tensor]:
        """Losses (n,) that terms with parameters of their own descend."""
        return {
            name: term.own_loss(batch, posterior, reconstruction)
            for name, term in self.terms.items()
            if isinstance(term, Trained)
        }


def _check_quantised(terms: Sequence[str]) -> None:
    if senseless := [name for name in terms if name in _OF_A_GAUSSIAN]:
        raise UsageError(
            f"the term `{senseless[0]}` is about a Gaussian latent space, and this one has codes",
            where="objective.terms",
            mend="leave it out, or set model.codes.count=0",
        )
    if COMMITMENT not in terms:
        raise UsageError(
            "the latent space has codes, and nothing keeps the encoder near them",
            where="objective.terms",
            mend=f"name the term `{COMMITMENT}`, or set model.codes.count=0",
        )


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
