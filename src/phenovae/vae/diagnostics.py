"""What the latents of a trained model do, and pictures to judge it by; read without torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from phenovae.base.errors import TrainingError
from phenovae.base.files import write_json, writing
from phenovae.base.progress import SILENT, Progress
from phenovae.base.seeds import generator
from phenovae.vae.data import Images, Rows
from phenovae.vae.file_names import DIAGNOSTICS, PICTURES
from phenovae.vae.model_files import TrainedModel, load_model
from phenovae.vae.objectives import bits_per_dimension
from phenovae.vae.options import Device
from phenovae.vae.plates import codes_of
from phenovae.vae.records import sigmas
from phenovae.vae.validation import ACTIVE_VARIANCE, measure

_SHOWN = 16


def diagnose(
    folder: Path,
    images: Images,
    rows: Rows,
    *,
    plates: Sequence[str] | None = None,
    device: Device = "auto",
    progress: Progress = SILENT,
) -> dict[str, object]:
    """Measure the model of a folder on rows, write `diagnostics.json` and `pictures.npz` there.

    `plates` name the plate of every image, by row, for a decoder that is told of plates. Gives what
    the JSON holds; on the validation rows of the training its ELBO is the summary's.
    The pictures are float16 in [0, 1]: `originals`, `reconstructions` (decoded from the posterior
    mean) and `samples` (decoded from the prior), each (n, channel, height, width), with the
    originals' `names` and the `channels`.

    Raises TrainingError where there are no rows, InputError where the model cannot be loaded.
    """
    if not len(rows):
        raise TrainingError("there is no cell to diagnose the model with")
    trained = load_model(folder, device)
    model, known = trained.model, trained.card.plates
    told = None if plates is None or not known else codes_of(plates, known)
    measuring = partial(
        measure,
        model,
        images,
        np.asarray(rows, dtype=np.int64),
        batch=trained.card.recipe.train.batch,
        seed=trained.card.seed,
        device=trained.device,
        progress=progress,
    )
    measured = measuring(told=told)
    said: dict[str, object] = {
        "cells": measured.cells,
        "latent": model.latent,
        "active_units": measured.active_units,
        "active_rule": f"variance of the posterior mean over cells > {ACTIVE_VARIANCE}",
        "kl_nats": measured.kl,
        "reconstruction_nats": measured.nll,
        "elbo_nats": measured.elbo,
        "elbo_bits_per_dimension": bits_per_dimension(measured.elbo, model.dimensions),
        "convention": "nats a cell; bits per dimension are -ELBO / (values a crop · ln 2), of the "
        "density of pixels on the scale 0 to 1, and may be negative",
        "kl_per_dimension": measured.kl_per_dimension.tolist(),
        "variance_of_mean": measured.variance_of_mean.tolist(),
        "squared_error": dict(zip(images.channels, measured.squared_error.tolist(), strict=True)),
        "sigma": dict(zip(images.channels, sigmas(model), strict=True)),
        "sigma_at_bound": model.likelihood.at_bound(),
    }
    if measured.code_perplexity is not None:
        said["code_perplexity"] = measured.code_perplexity
    if told is not None:
        said["elbo_nats_of_no_plate"] = measuring().elbo
    write_json(folder / DIAGNOSTICS, said)
    _write_pictures(folder / PICTURES, trained, images, rows, plates)
    return said


def _write_pictures(
    path: Path,
    trained: TrainedModel,
    images: Images,
    rows: Rows,
    plates: Sequence[str] | None,
) -> None:
    random = generator(trained.card.seed, "vae", "pictures")
    chosen = np.sort(random.choice(rows, size=min(_SHOWN, len(rows)), replace=False))
    originals = images.images(chosen)
    shown = None if plates is None else [plates[row] for row in chosen]
    latents = trained.draw(_SHOWN, random)
    with writing(path) as unfinished, unfinished.open("wb") as file:
        np.savez_compressed(
            file,
            originals=originals.astype(np.float16),
            reconstructions=trained.reconstruct(originals, shown).astype(np.float16),
            samples=trained.decode(latents).astype(np.float16),
            names=np.array(images.names(chosen), dtype=np.str_),
            channels=np.array(images.channels, dtype=np.str_),
        )
