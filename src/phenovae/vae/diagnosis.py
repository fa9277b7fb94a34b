"""A trained model put to the test on cells that it was not trained on, as a record.

What the end of a training measures of its own accord is in `diagnostics`; this asks more, and can
be asked again of a model that is trained.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from phenovae.base.errors import TrainingError, UsageError
from phenovae.base.progress import SILENT, Progress
from phenovae.base.seeds import generator
from phenovae.vae.data import Images, Rows, read_ahead
from phenovae.vae.diagnosis_parts import (
    Doubles,
    Passed,
    Record,
    aggregate_of,
    calibration_of,
    doubles,
    finite,
    gaussian_of,
    information_of,
    numbers,
    reconstruction_of,
)
from phenovae.vae.importance import importance_bound, log_weights
from phenovae.vae.likelihoods import log_sigma_of
from phenovae.vae.model_files import TrainedModel, load_model
from phenovae.vae.objectives import bits_per_dimension
from phenovae.vae.options import DiagnoseOptions
from phenovae.vae.residuals import ErrorSums, ResidualSums
from phenovae.vae.validation import to_device

FORMAT = 1


def examine(
    folder: Path,
    images: Images,
    rows: Rows,
    options: DiagnoseOptions,
    *,
    held_out: bool,
    progress: Progress = SILENT,
) -> Record:
    """Put the model of a folder to the test on some of these rows; give the record of it.

    `held_out` says whether the rows are cells that taught nothing. The same model, rows, seed and
    options give the same record on the CPU. Cells with a pixel that is no finite number are left
    out and counted. A part that does not apply to a model says why under `not_applicable`.

    A decoder that is told of plates is told none.

    Raises TrainingError where fewer than two cells are left, UsageError where the latent space has
    codes, InputError where the model cannot be loaded.
    """
    trained = load_model(folder, options.device)
    if trained.model.codebooks is not None:
        raise UsageError(
            "what is asked of a model is about a Gaussian latent space, and this one has codes",
            where=folder,
        )
    seed = trained.card.seed
    wanted = np.asarray(rows, dtype=np.int64)
    random = generator(seed, "vae", "diagnosis", "cells")
    chosen = np.sort(random.choice(wanted, min(options.cells, len(wanted)), replace=False))
    passed = _pass(trained, images, chosen, options, progress)
    if len(passed.rows) < 2:
        raise TrainingError(
            f"a model cannot be diagnosed with {len(passed.rows)} of {len(wanted)} cells",
            mend="choose a split that leaves cells for validation",
        )
    objective = trained.card.recipe.objective
    return {
        "format": FORMAT,
        "cells": len(passed.rows),
        "of_cells": len(wanted),
        "left_out_not_finite": passed.left_out,
        "held_out": held_out,
        "seed": seed,
        "weights": trained.weights_hash,
        "latent": trained.model.latent,
        "channels": list(images.channels),
        "kl_in_objective": "kl" in objective.terms and objective.beta > 0,
        "information": information_of(passed),
        "aggregate": aggregate_of(passed, options, seed),
        "bound": _bound(trained, images, passed.rows, options, progress),
        "reconstruction": reconstruction_of(passed.errors, images.channels),
        "calibration": calibration_of(trained, passed.residuals, images.channels),
    }


def _pass(
    trained: TrainedModel, images: Images, rows: Rows, options: DiagnoseOptions, progress: Progress
) -> Passed:
    model, device = trained.model, trained.device
    gaussian = gaussian_of(trained)
    errors = ErrorSums(model.shape)
    residuals = None if gaussian is None else ResidualSums(model.shape[0])
    random = generator(trained.card.seed, "vae", "diagnosis", "noise")
    batches = [rows[at : at + options.batch] for at in range(0, len(rows), options.batch)]
    kept: list[Rows] = []
    told: list[tuple[Doubles, Doubles, Doubles]] = []
    with torch.no_grad(), progress.bar("diagnosing", len(batches)) as bar:
        for block, found in read_ahead(images, batches, workers=1):
            noise = random.standard_normal((len(block), model.latent))
            whole = np.isfinite(found).all(axis=(1, 2, 3))
            pixels, noise = found[whole], noise[whole].astype(np.float32)
            kept.append(block[whole])
            bar.advance()
            if not whole.any():
                continue
            seen = to_device(pixels, device)
            encoded = model.encoder(seen)
            mu, logvar = encoded.mu, encoded.logvar
            errors.add(pixels, numbers(model.decode(mu)))
            if residuals is not None and gaussian is not None:
                z = mu + torch.from_numpy(noise).to(device) * torch.exp(0.5 * logvar)
                sigma = log_sigma_of(gaussian, seen).exp()[:, :, None, None]
                left = (seen - model.decode(z)) / sigma
                residuals.add(numbers(left))
            told.append((doubles(mu), doubles(logvar), noise.astype(np.float64)))
    empty = np.zeros((0, model.latent))
    mu_all, logvar_all, noise_all = (
        np.concatenate([each[part] for each in told]) if told else empty for part in range(3)
    )
    used = np.concatenate(kept) if kept else rows[:0]
    return Passed(used, len(rows) - len(used), mu_all, logvar_all, noise_all, errors, residuals)


def _bound(
    trained: TrainedModel, images: Images, rows: Rows, options: DiagnoseOptions, progress: Progress
) -> Record:
    seed = trained.card.seed
    random = generator(seed, "vae", "diagnosis", "importance cells")
    count = min(options.importance_cells, len(rows))
    weights = log_weights(
        trained.model,
        images,
        np.sort(random.choice(rows, count, replace=False)),
        draws=options.draws,
        batch=options.batch,
        seed=seed,
        device=trained.device,
        progress=progress,
    )
    told = importance_bound(weights)
    return {
        "cells": told.cells,
        "draws": list(told.draws),
        "nats": [finite(value) for value in told.nats],
        "errors": [finite(value) for value in told.errors],
        "rise_errors": [finite(value) for value in told.rise_errors],
        "elbo_nats": finite(told.nats[0]),
        "importance_nats": finite(told.nats[-1]),
        "gain_nats": finite(told.gain),
        "gain_error": finite(told.gain_error),
        "effective_draws": finite(told.effective),
        "bits_per_dimension": finite(bits_per_dimension(told.nats[-1], trained.model.dimensions)),
    }
