"""What training looks out for: figures that are no numbers, a posterior that says nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from phenovae.base.errors import TrainingError
from phenovae.vae.validation import Measured

_LOG = logging.getLogger("phenovae.vae")
_SHOWN = 5
COLLAPSE_SHARE = 0.1
"""Share of latent units that must be active."""
COLLAPSE_NATS = 1.0
"""KL of a cell's whole posterior that must be reached [nats]."""
COLLAPSE_EPOCHS = 2
"""Epochs in a row after which a collapse is warned about."""

_REMEDY = (
    "learn σ (model.likelihood.name=gaussian-learned), warm the KL up "
    "(objective.kl_warmup_epochs), give it free bits (objective.free_bits), or lower "
    "objective.beta"
)


def non_finite(
    losses: Mapping[str, Tensor],
    terms: Sequence[str],
    batch: Tensor,
    names: Sequence[str],
    step: int,
    epoch: int,
) -> TrainingError:
    """The error that says where a loss stopped being a number.

    `losses` are those of each sample (n,) by term, `terms` those whose part of the batch's loss is
    not finite, `batch` the images, `names` the files.
    """
    unusable = ~torch.isfinite(batch.flatten(1)).all(dim=1)
    if unusable.any():
        return TrainingError(
            f"the images of step {step} (epoch {epoch}) hold NaN or infinity",
            where=_files(names, unusable),
            mend="leave these cells out, or mend their pixels",
        )
    sick = torch.zeros_like(unusable)
    for loss in losses.values():
        sick |= ~torch.isfinite(loss)
    count = f", for {int(sick.sum())} of {len(names)} cells" if sick.any() else ""
    return TrainingError(
        f"the loss is not a number any more at step {step} (epoch {epoch}), {_in_terms(terms)}"
        f"{count}",
        where=_files(names, sick if sick.any() else ~sick),
        mend="lower train.learning_rate, set train.clip (try 1), or use train.precision=32; "
        "what is changed trains anew",
    )


def non_finite_gradient(
    terms: Sequence[str], names: Sequence[str], step: int, epoch: int, *, own: bool = False
) -> TrainingError:
    """The error for a finite loss whose gradient is not.

    `terms` are those whose gradient is not finite, of their `own` parameters or of the model's.
    """
    of_what = "a term's own parameters" if own else "the model's parameters"
    return TrainingError(
        f"the gradient of {of_what} is not a number any more at step {step} (epoch {epoch}), "
        f"{_in_terms(terms)}",
        where=_files(names, torch.ones(len(names), dtype=torch.bool)),
        mend="lower train.learning_rate, or use train.precision=32; what is changed trains anew",
    )


def _in_terms(terms: Sequence[str]) -> str:
    if not terms:
        return "in the sum of its terms and in none of them alone"
    return f"in the term{'s' if len(terms) > 1 else ''} {' and '.join(terms)}"


def _files(names: Sequence[str], chosen: Tensor) -> str:
    numbers = torch.nonzero(chosen).flatten().tolist()
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return ", ".join(names[number] for number in numbers[:_SHOWN]) + more


def is_collapsed(measured: Measured) -> bool:
    """Whether the posterior carries next to nothing about the cells."""
    units = len(measured.kl_per_dimension)
    few = measured.active_units < max(1.0, COLLAPSE_SHARE * units)
    return few or measured.kl < COLLAPSE_NATS


def warn_of_collapse(measured: Measured, epoch: int) -> None:
    """Log that the posterior has collapsed, and what helps."""
    _LOG.warning(
        "posterior collapse: after epoch %d the latents carry %.2f nats a cell and %d of %d units "
        "are active; %s",
        epoch,
        measured.kl,
        measured.active_units,
        len(measured.kl_per_dimension),
        _REMEDY,
    )
