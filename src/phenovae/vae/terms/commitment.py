"""Commitment of the encoder to codes (van den Oord et al. 2017, eq. 3, its last term)."""

from __future__ import annotations

from torch import Tensor

from phenovae.base.errors import TrainingError, UsageError
from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.options import ObjectiveOptions
from phenovae.vae.terms.term import Setting


class CommitmentTerm:
    """What the encoder says stays near the code that stands for it.

    Raises UsageError where the latent space has no codes.
    """

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        if not setting.quantised:
            raise UsageError(
                "the term `commitment` is about codes, and the latent space has none",
                where="objective.terms",
                mend="set model.codes.count, or leave the term out",
            )
        self.options = options.commitment
        channels, height, width = setting.shape
        self._values = channels * height * width

    def weight(self, step: int) -> float:
        """As the options say, at every step."""
        del step
        return self.options.weight

    def __call__(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        """Mean squared distance (n,) to the codes, for every value of an image."""
        del batch, reconstruction
        if posterior.quantised is None:
            raise TrainingError("the term `commitment` was given no codes")
        vectors = posterior.quantised.vectors.detach()
        squares = (posterior.mu.float() - vectors).square()
        return self._values * squares.mean(dim=1)
