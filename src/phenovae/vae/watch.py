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
    losses: Mapping[str, Tensor], batch: Tensor, names: Sequence[str], step: int, epoch: int
) -> TrainingError:
    """The error that says where a loss stopped being a number.

    `losses` are those of each sample (n,) by term, `batch` the images, `names` the files.
    """
    sick = ~torch.isfinite(batch.flatten(1)).all(dim=1)
    term = "images"
    if not sick.any():
        term = "sum"
        for name, loss in losses.items():
            sick = ~torch.isfinite(loss)
            if sick.any():
                term = name
                break
    numbers = torch.nonzero(sick).flatten().tolist() or list(range(len(names)))
    files = ", ".join(names[number] for number in numbers[:_SHOWN])
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    if term == "images":
        return TrainingError(
            f"the images of step {step} (epoch {epoch}) hold NaN or infinity",
            where=f"{files}{more}",
            mend="leave these cells out, or mend their pixels",
        )
    return TrainingError(
        f"the loss is not a number any more at step {step} (epoch {epoch}), in the term {term}, "
        f"for {len(numbers)} of {len(names)} cells",
        where=f"{files}{more}",
        mend="lower train.learning_rate, set train.clip (try 1), or use train.precision=32; "
        "what is changed trains anew",
    )


def non_finite_gradient(names: Sequence[str], step: int, epoch: int) -> TrainingError:
    """The error for a finite loss whose gradient is not."""
    return TrainingError(
        f"the gradient is not a number any more at step {step} (epoch {epoch})",
        where=", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else ""),
        mend="lower train.learning_rate, or use train.precision=32; what is changed trains anew",
    )


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
