"""What a training leaves: weights, card, history, and the coordinates of its readout."""

from __future__ import annotations

import logging

import torch

from phenovae.vae.file_names import HISTORY, READOUT
from phenovae.vae.job import Job
from phenovae.vae.logs import write_history
from phenovae.vae.model import VAE
from phenovae.vae.model_files import Card, save_model, write_coordinates
from phenovae.vae.readout import learn_coordinates
from phenovae.vae.records import summary_of
from phenovae.vae.state import State

_LOG = logging.getLogger("phenovae.vae")


def leave(
    model: VAE, job: Job, state: State, plates: tuple[str, ...], device: torch.device
) -> None:
    """Write a model with the weights that are kept into the folder of its job.

    `plates` are the names of those that its decoder is told. Warns where a learned σ has met its
    lowest value. Raises TrainingError where coordinates cannot be learned.
    """
    recipe = job.recipe
    summary = summary_of(state, model, job, recipe.train.epochs)
    if summary.sigma_at_bound:
        _LOG.warning(
            "a learned σ has met its lowest value %g: pixels are reproduced more closely than "
            "that; lower model.likelihood.sigma_min if that is meant",
            recipe.model.likelihood.sigma_min,
        )
    card = Card(
        labels=recipe.objective.labels,
        channels=job.images.channels,
        shape=job.images.shape,
        plates=plates,
        recipe=recipe,
        origin=job.origin,
        seed=job.seed,
        summary=summary,
    )
    write_history(job.folder / HISTORY, state.history)
    save_model(job.folder, model, card)
    if recipe.model.readout.components:
        learned = learn_coordinates(
            model,
            job.images,
            job.rows,
            recipe.model.readout,
            device,
            wells=job.wells,
            seed=job.seed,
        )
        write_coordinates(job.folder / READOUT, learned)
