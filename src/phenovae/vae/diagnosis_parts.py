"""The parts of a diagnosis, each as a record: from what one pass over the cells gave."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm
from torch import Tensor

from phenovae.base.seeds import generator
from phenovae.vae.aggregate import discrepancy, information, moments
from phenovae.vae.data import Rows
from phenovae.vae.likelihoods import FixedGaussian, LearnedGaussian
from phenovae.vae.model_files import TrainedModel
from phenovae.vae.options import DiagnoseOptions
from phenovae.vae.residuals import EDGES, LEVELS, ErrorSums, ResidualSums
from phenovae.vae.validation import ACTIVE_VARIANCE

Doubles = npt.NDArray[np.float64]
Record = dict[str, object]
_MOST_DISCREPANT = 1000
_SHOWN_DIMENSIONS = 6


# Evenly spread over the quantiles of a normal, so that a QQ plot has points along all of it.
_SHOWN_QUANTILES = norm.cdf(np.linspace(-2.4, 2.4, 33))


@dataclass(frozen=True)
class Passed:
    """What one pass over the cells gave: posteriors and a draw (n, latent), and the sums."""

    rows: Rows
    left_out: int
    mu: Doubles
    logvar: Doubles
    noise: Doubles
    errors: ErrorSums
    residuals: ResidualSums | None


def numbers(values: Tensor) -> npt.NDArray[np.float32]:
    """Values of a tensor on any device, as float32."""
    found: npt.NDArray[np.float32] = values.float().cpu().contiguous().numpy()
    return found


def doubles(values: Tensor) -> Doubles:
    """Values of a tensor on any device, as float64."""
    return numbers(values).astype(np.float64)


def gaussian_of(trained: TrainedModel) -> FixedGaussian | LearnedGaussian | None:
    """The likelihood, where it is a Gaussian around every pixel."""
    likelihood: object = trained.model.likelihood
    return likelihood if isinstance(likelihood, FixedGaussian | LearnedGaussian) else None


def information_of(passed: Passed) -> Record:
    """What z tells of cells [nats a cell]: KL and mutual information, and their limits."""
    told = information(passed.mu, passed.logvar, passed.noise)
    low, high = told.from_prior
    return {
        "kl_nats": finite(told.kl),
        "mutual_information_low_nats": finite(told.low),
        "mutual_information_low_error": finite(told.low_error),
        "mutual_information_high_nats": finite(told.high),
        "leave_one_out_nats": finite(told.left_out),
        "leave_one_out_error": finite(told.left_out_error),
        "by_moments_nats": finite(told.by_moments),
        "limit_nats": told.limit,
        "aggregate_kl_low_nats": finite(low),
        "aggregate_kl_high_nats": finite(high),
        "drawn_kl_nats": finite(told.drawn_kl),
        "drawn_kl_error": finite(told.drawn_kl_error),
        "draws_of_a_cell": 1,
        "convention": "nats a cell; mutual information + KL of the aggregate posterior to the "
        "prior = mean KL; low counts a cell's own posterior in the aggregate and cannot exceed the "
        "logarithm of the cells, high is the lower of leave-one-out, which does not count it, and "
        "of what Gaussians of the variances of the aggregate would tell",
    }


def aggregate_of(passed: Passed, options: DiagnoseOptions, seed: int) -> Record:
    """How far all draws of z together are from the prior, and which dimensions are used."""
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
            "value": finite(apart.value),
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


def reconstruction_of(sums: ErrorSums, channels: tuple[str, ...]) -> Record:
    """How closely each channel is rebuilt from the posterior mean."""
    errors = sums.errors()
    by_channel = zip(channels, errors.rmse, errors.explained, errors.beyond_mean, strict=True)
    return {
        "channels": [
            {
                "channel": name,
                "rmse": finite(rmse),
                "variance_explained": finite(explained),
                "explained_beyond_mean_image": finite(beyond),
            }
            for name, rmse, explained, beyond in by_channel
        ],
        "convention": "decoded from the posterior mean; rmse of the view's range; shares of the "
        "variance of all pixels, and of what the cells' mean image leaves of it; null where a "
        "channel does not vary",
    }


def calibration_of(
    trained: TrainedModel, sums: ResidualSums | None, channels: tuple[str, ...]
) -> Record:
    """Whether pixels lie as far from their reconstruction as σ says."""
    gaussian = gaussian_of(trained)
    name = trained.card.recipe.model.likelihood.name
    if sums is None or gaussian is None:
        return {"not_applicable": f"the likelihood {name} has no σ of pixels"}
    told = sums.calibration()
    values = doubles(gaussian.log_sigma().detach().exp())
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
                "sigma": finite(values[n]),
                "mean": finite(told.mean[n]),
                "deviation": finite(told.deviation[n]),
                "coverage": _list(told.coverage[n]),
                "histogram": _list(told.histogram[n]),
            }
            for n, channel in enumerate(channels)
        ],
        "convention": "residuals of pixels from what is decoded of one draw of z, in units of σ; "
        "coverage is the share of pixels within the central interval of each level",
    }


def _list(values: Doubles) -> list[float | None]:
    return [finite(value) for value in values]


def finite(value: float) -> float | None:
    """The number, or None where it is none, as JSON has it."""
    return float(value) if math.isfinite(value) else None
