"""What is told of an epoch in the history, and of a whole training in the model's card."""

from __future__ import annotations

import math
from collections.abc import Mapping

from phenovae.vae.devices import precision_of
from phenovae.vae.job import Job
from phenovae.vae.model import VAE
from phenovae.vae.model_files import Summary
from phenovae.vae.objectives import bits_per_dimension
from phenovae.vae.state import Record, State
from phenovae.vae.validation import Measured


def epoch_record(
    state: State,
    model: VAE,
    job: Job,
    measured: Measured,
    *,
    weights: Mapping[str, float],
    learning_rate: float,
) -> Record:
    """One row of the history.

    Losses, terms, ELBO and KL are in nats a cell, `…_bits` in bits per dimension; `train_…` are
    means over the epoch's batches as the weights changed, the others are measured at its end.
    `gradient_norm` is that of the loss per pixel value, before clipping.
    """
    record: Record = {
        "epoch": state.epoch + 1,
        "step": state.step,
        "learning_rate": learning_rate,
    }
    record |= {f"weight_{name}": weight for name, weight in weights.items()}
    means = state.means()
    record["gradient_norm"] = means.pop("gradient")
    record |= {f"train_{name}": value for name, value in means.items()}
    record["train_bits"] = bits_per_dimension(means["elbo"], model.dimensions)
    if job.validates:
        terms = measured.terms
        record["validation_loss"] = sum(weights[name] * terms[name] for name in terms)
        record["validation_elbo"] = measured.elbo
        record |= {f"validation_{name}": value for name, value in terms.items()}
        record["validation_bits"] = bits_per_dimension(measured.elbo, model.dimensions)
    record["posterior_kl"] = measured.kl
    record["active_units"] = measured.active_units
    if measured.code_perplexity is not None:
        record["code_perplexity"] = measured.code_perplexity
    for channel, sigma in zip(job.images.channels, sigmas(model), strict=True):
        record[f"sigma_{channel}"] = sigma
    record["sigma_at_bound"] = int(model.likelihood.at_bound())
    record["collapsed"] = int(state.collapsed > 0)
    record["seconds"] = state.seconds
    return record


def sigmas(model: VAE) -> list[float]:
    """σ of every channel, of the view's range."""
    values: list[float] = model.likelihood.log_sigma().detach().exp().cpu().tolist()
    return values


def summary_of(state: State, model: VAE, job: Job, epochs: int) -> Summary:
    """How a training went; `model` holds the weights that are kept, `epochs` were allowed."""
    kept = state.history[(state.best_epoch or len(state.history)) - 1]
    elbo = state.best_elbo if state.best_elbo is not None else math.nan
    return Summary(
        epochs=state.epoch,
        steps=state.step,
        kept_epoch=int(kept["epoch"] or 0),
        kept_by="validation ELBO" if job.selects else "last epoch",
        elbo=elbo,
        bits_per_dimension=bits_per_dimension(elbo, model.dimensions),
        kl=float(kept["posterior_kl"] or 0),
        active_units=int(kept["active_units"] or 0),
        sigma=tuple(sigmas(model)),
        sigma_at_bound=model.likelihood.at_bound(),
        collapsed=bool(kept["collapsed"]),
        stopped_early=state.epoch < epochs,
        precision=precision_of(job.recipe.train),
    )
