"""A trained model put to the test on cells that it was not trained on, as a record.

What the end of a training measures of its own accord is in `diagnostics`; this asks more, and can
be asked again of a model that is trained.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import norm
from torch import Tensor

from phenovae.base.errors import TrainingError, UsageError
from phenovae.base.progress import SILENT, Progress
from phenovae.base.seeds import generator
from phenovae.vae.aggregate import discrepancy, information, moments
from phenovae.vae.data import Images, Rows, read_ahead
from phenovae.vae.importance import importance_bound, log_weights
from phenovae.vae.likelihoods import FixedGaussian, LearnedGaussian, log_sigma_of
from phenovae.vae.model_files import TrainedModel, load_model
from phenovae.vae.objectives import bits_per_dimension
from phenovae.vae.options import DiagnoseOptions
from phenovae.vae.residuals import EDGES, LEVELS, ErrorSums, ResidualSums
from phenovae.vae.validation import ACTIVE_VARIANCE, to_device

Doubles = npt.NDArray[np.float64]
Record = dict[str, object]

FORMAT = 1

_MOST_DISCREPANT = 1000
_SHOWN_DIMENSIONS = 6
# Evenly spread over the quantiles of a normal, so that a QQ plot has points along all of it.
_SHOWN_QUANTILES = norm.cdf(np.linspace(-2.4, 2.4, 33))


@dataclass(frozen=True)
class _Passed:
    """What one pass over the cells gave: posteriors and a draw (n, latent), and the sums."""

    rows: Rows
    left_out: int
    mu: Doubles
    logvar: Doubles
    noise: Doubles
    errors: ErrorSums
    residuals: ResidualSums | None


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
        "information": _information(passed),
        "aggregate": _aggregate(passed, options, seed),
        "bound": _bound(trained, images, passed.rows, options, progress),
        "reconstruction": _reconstruction(passed.errors, images.channels),
        "calibration": _calibration(trained, passed.residuals, images.channels),
    }


def _pass(
    trained: TrainedModel, images: Images, rows: Rows, options: DiagnoseOptions, progress: Progress
) -> _Passed:
    model, device = trained.model, trained.device
    gaussian = _gaussian(trained)
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
            errors.add(pixels, _numbers(model.decode(mu)))
            if residuals is not None and gaussian is not None:
                z = mu + torch.from_numpy(noise).to(device) * torch.exp(0.5 * logvar)
                sigma = log_sigma_of(gaussian, seen).exp()[:, :, None, None]
                left = (seen - model.decode(z)) / sigma
                residuals.add(_numbers(left))
            told.append((_doubles(mu), _doubles(logvar), noise.astype(np.float64)))
    empty = np.zeros((0, model.latent))
    mu_all, logvar_all, noise_all = (
        np.concatenate([each[part] for each in told]) if told else empty for part in range(3)
    )
    used = np.concatenate(kept) if kept else rows[:0]
    return _Passed(used, len(rows) - len(used), mu_all, logvar_all, noise_all, errors, residuals)


def _numbers(values: Tensor) -> npt.NDArray[np.float32]:
    numbers: npt.NDArray[np.float32] = values.float().cpu().contiguous().numpy()
    return numbers


def _doubles(values: Tensor) -> Doubles:
    return _numbers(values).astype(np.float64)


def _gaussian(trained: TrainedModel) -> FixedGaussian | LearnedGaussian | None:
    """The likelihood, where it is a Gaussian around every pixel."""
    likelihood: object = trained.model.likelihood
    return likelihood if isinstance(likelihood, FixedGaussian | LearnedGaussian) else None


def _information(passed: _Passed) -> Record:
    told = information(passed.mu, passed.logvar, passed.noise)
    low, high = told.from_prior
    return {
        "kl_nats": _finite(told.kl),
        "mutual_information_low_nats": _finite(told.low),
        "mutual_information_low_error": _finite(told.low_error),
        "mutual_information_high_nats": _finite(told.high),
        "leave_one_out_nats": _finite(told.left_out),
        "leave_one_out_error": _finite(told.left_out_error),
        "by_moments_nats": _finite(told.by_moments),
        "limit_nats": told.limit,
        "aggregate_kl_low_nats": _finite(low),
        "aggregate_kl_high_nats": _finite(high),
        "drawn_kl_nats": _finite(told.drawn_kl),
        "drawn_kl_error": _finite(told.drawn_kl_error),
        "draws_of_a_cell": 1,
        "convention": "nats a cell; mutual information + KL of the aggregate posterior to the "
        "prior = mean KL; low counts a cell's own posterior in the aggregate and cannot exceed the "
        "logarithm of the cells, high is the lower of leave-one-out, which does not count it, and "
        "of what Gaussians of the variances of the aggregate would tell",
    }


def _aggregate(passed: _Passed, options: DiagnoseOptions, seed: int) -> Record:
    mu, logvar = passed.mu, passed.logvar
    z = mu + passed.noise * np.exp(0.5 * logvar)
    mean, variance = moments(mu, logvar)
    kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).mean(axis=0)
    spread = mu.var(axis=0)
    random = generator(seed, "vae", "diagnosis", "prior")
    some = np.sort(random.permutation(len(z))[:_MOST_DISCREPANT])
    apart = discrepancy(z[some], random, options.nulls)
    shown = np.argsort(-kl, kind="stable")[:_SHOWN_DIMENSIONS]
    return {
        "mean": _list(mean),
        "variance": _list(variance),
        "kl_per_dimension": _list(kl),
        "variance_of_mean": _list(spread),
        "active_units": int((spread > ACTIVE_VARIANCE).sum()),
        "active_rule": f"variance of the posterior mean over cells > {ACTIVE_VARIANCE}",
        "squared_mmd": {
            "value": _finite(apart.value),
            "draws": apart.draws,
            "null_draws": len(apart.null),
            "null_mean": float(apart.null.mean()),
            "null_95": apart.usual,
            "p": apart.p,
        },
        "quantiles": {
            "probabilities": _list(_SHOWN_QUANTILES),
            "dimensions": [
                {"dimension": int(each), "values": _list(np.quantile(z[:, each], _SHOWN_QUANTILES))}
                for each in shown
            ],
        },
    }


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
        "nats": [_finite(value) for value in told.nats],
        "errors": [_finite(value) for value in told.errors],
        "rise_errors": [_finite(value) for value in told.rise_errors],
        "elbo_nats": _finite(told.nats[0]),
        "importance_nats": _finite(told.nats[-1]),
        "gain_nats": _finite(told.gain),
        "gain_error": _finite(told.gain_error),
        "effective_draws": _finite(told.effective),
        "bits_per_dimension": _finite(bits_per_dimension(told.nats[-1], trained.model.dimensions)),
    }


def _reconstruction(sums: ErrorSums, channels: tuple[str, ...]) -> Record:
    errors = sums.errors()
    by_channel = zip(channels, errors.rmse, errors.explained, errors.beyond_mean, strict=True)
    return {
        "channels": [
            {
                "channel": name,
                "rmse": _finite(rmse),
                "variance_explained": _finite(explained),
                "explained_beyond_mean_image": _finite(beyond),
            }
            for name, rmse, explained, beyond in by_channel
        ],
        "convention": "decoded from the posterior mean; rmse of the view's range; shares of the "
        "variance of all pixels, and of what the cells' mean image leaves of it; null where a "
        "channel does not vary",
    }


def _calibration(
    trained: TrainedModel, sums: ResidualSums | None, channels: tuple[str, ...]
) -> Record:
    gaussian = _gaussian(trained)
    name = trained.card.recipe.model.likelihood.name
    if sums is None or gaussian is None:
        return {"not_applicable": f"the likelihood {name} has no σ of pixels"}
    told = sums.calibration()
    values = _doubles(gaussian.log_sigma().detach().exp())
    return {
        "likelihood": name,
        "learned": name != "gaussian-fixed",
        "at_bound": gaussian.at_bound(),
        "sigma_of": "the maximum of each image and channel"
        if gaussian.relative
        else "the view's range",
        "levels": list(LEVELS),
        "edges": _list(EDGES),
        "channels": [
            {
                "channel": channel,
                "sigma": _finite(values[n]),
                "mean": _finite(told.mean[n]),
                "deviation": _finite(told.deviation[n]),
                "coverage": _list(told.coverage[n]),
                "histogram": _list(told.histogram[n]),
            }
            for n, channel in enumerate(channels)
        ],
        "convention": "residuals of pixels from what is decoded of one draw of z, in units of σ; "
        "coverage is the share of pixels within the central interval of each level",
    }


def _list(values: Doubles) -> list[float | None]:
    return [_finite(value) for value in values]


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
