"""Weak supervision: cells are told apart by what their well was treated with (Caicedo et al. 2018).

The one term that sees labels. Scores of a model that was trained with it are on a track of their
own, weakly supervised, and share no column with others.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from phenovae.base.errors import TrainingError, UsageError
from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.options import ObjectiveOptions
from phenovae.vae.terms.term import Setting

_NONE = -1


class CompoundTerm(nn.Module):
    """A linear classifier of the encoder's last stage names the treatment, or the compound.

    Many cells show no effect, so the labels are weak, and a classifier is not what is kept.
    Raises UsageError where labels are not allowed, or there are not two classes to learn.
    """

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        super().__init__()
        if not options.weakly_supervised:
            raise UsageError(
                "the term `compounds` trains on labels of compounds, and the run is label-free",
                where="objective.terms",
                mend="set objective.weakly_supervised=true, which names every score so, or leave "
                "the term out",
            )
        if setting.classes < 2:
            raise UsageError(
                f"the training cells have {setting.classes} classes of {options.compounds.by}, and "
                "the term `compounds` needs two",
                where="objective.compounds",
                mend="train on more treatments, or set objective.compounds.controls=class",
            )
        self.options = options.compounds
        self.classifier = nn.Linear(setting.stages[-1], setting.classes)

    def weight(self, step: int) -> float:
        """As the options say, at every step."""
        del step
        return self.options.weight

    def forward(self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction) -> Tensor:
        """Cross-entropy (n,) [nats], 0 for a cell of no class.

        Scaled so that the mean over the batch is that over the cells that have a class. Raises
        TrainingError where the cells' classes are not known.
        """
        del reconstruction
        if batch.classes is None:
            raise TrainingError("the term `compounds` was given no classes of cells")
        said = self.classifier(posterior.stages[-1]).float()
        known = batch.classes != _NONE
        losses = cross_entropy(said, batch.classes, reduction="none", ignore_index=_NONE)
        scaled: Tensor = losses * len(known) / torch.clamp(known.sum(), min=1)
        return scaled
