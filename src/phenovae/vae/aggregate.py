"""The aggregate posterior: what latents tell of cells, and how far all of them are from the prior.

Mean KL = mutual information of cell and latents + KL from the aggregate posterior to the prior
(Hoffman & Johnson 2016, "ELBO surgery"). All in float64, numpy alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

Doubles = npt.NDArray[np.float64]

_LOG_2PI = math.log(2 * math.pi)
_BLOCK = 512
_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Information:
    """How the mean KL of the cells divides [nats a cell].

    The mutual information of cell and latents lies between `low` and `high` but for chance. `low`
    counts a cell's own posterior in the aggregate, and so cannot exceed `limit`, the logarithm of
    the cells. `high` is the lower of two bounds: `left_out`, which does not count it (Poole et al.
    2019, section 2.2), and `by_moments`, for no aggregate of the same variances has more entropy
    than independent Gaussians; this one never exceeds `kl`. Errors are standard errors over cells.
    `drawn_kl` is the mean KL as the draws tell it.
    """

    cells: int
    kl: float
    low: float
    low_error: float
    left_out: float
    left_out_error: float
    by_moments: float
    limit: float
    drawn_kl: float
    drawn_kl_error: float

    @property
    def high(self) -> float:
        """The lower of both upper bounds on the mutual information."""
        return min(self.left_out, self.by_moments)

    @property
    def from_prior(self) -> tuple[float, float]:
        """KL from the aggregate posterior to the prior, by `high` and by `low`: what is left."""
        return self.kl - self.high, self.kl - self.low


def information(mu: Doubles, logvar: Doubles, noise: Doubles) -> Information:
    """Divide the mean KL of posteriors, each of mean, log-variance and one draw (n, latent).

    `noise` is standard normal; a cell's draw is mean + σ · noise. Time grows with the square of
    the cells. Raises ValueError for fewer cells than two.
    """
    count = len(mu)
    if count < 2:
        raise ValueError("an aggregate posterior needs two cells")
    z = mu + noise * np.exp(0.5 * logvar)
    own = -0.5 * (_LOG_2PI + logvar + noise**2).sum(axis=1)
    prior = -0.5 * (_LOG_2PI + z**2).sum(axis=1)
    kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=1)
    precision = np.exp(-logvar)
    # log q(z|x) of every draw under every posterior, by three products of matrices
    constant = -0.5 * (_LOG_2PI + logvar + mu**2 * precision).sum(axis=1)
    together, others = np.empty(count), np.empty(count)
    for start in range(0, count, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, count))
        densities = z[rows] @ (mu * precision).T - 0.5 * z[rows] ** 2 @ precision.T + constant
        # a draw's own density is known without the rounding of a difference of large numbers
        densities[rows - start, rows] = own[rows]
        together[rows] = logsumexp(densities, axis=1) - math.log(count)
        densities[rows - start, rows] = -np.inf
        others[rows] = logsumexp(densities, axis=1) - math.log(count - 1)
    left_out, left_out_error = mean_and_error(own - others)
    low, low_error = mean_and_error(own - together)
    drawn, drawn_error = mean_and_error(own - prior)
    return Information(
        cells=count,
        kl=float(kl.mean()),
        low=low,
        low_error=low_error,
        left_out=left_out,
        left_out_error=left_out_error,
        by_moments=float(0.5 * (np.log(moments(mu, logvar)[1]) - logvar.mean(axis=0)).sum()),
        limit=math.log(count),
        drawn_kl=drawn,
        drawn_kl_error=drawn_error,
    )


def moments(mu: Doubles, logvar: Doubles) -> tuple[Doubles, Doubles]:
    """Mean and variance of the aggregate posterior, exact, by dimension (latent,)."""
    return mu.mean(axis=0), mu.var(axis=0) + np.exp(logvar).mean(axis=0)


@dataclass(frozen=True)
class Discrepancy:
    """Squared maximum mean discrepancy between draws and the prior's, with what chance gives.

    `null` are those of as many draws of the prior from as many others.
    """

    value: float
    draws: int
    null: Doubles

    @property
    def usual(self) -> float:
        """The 95th percentile of the null."""
        return float(np.quantile(self.null, 0.95))

    @property
    def p(self) -> float:
        """Share of the null that is as large, the value counted as one of it."""
        return float((1 + (self.null >= self.value).sum()) / (1 + len(self.null)))


def discrepancy(z: Doubles, random: np.random.Generator, repeats: int) -> Discrepancy:
    """How far draws (n, latent) are from the standard normal (Gretton et al. 2012)."""
    shape = z.shape
    value = squared_mmd(z, random.standard_normal(shape))
    null = [
        squared_mmd(random.standard_normal(shape), random.standard_normal(shape))
        for _ in range(repeats)
    ]
    return Discrepancy(value, len(z), np.array(null))


def squared_mmd(one: Doubles, other: Doubles) -> float:
    """Squared maximum mean discrepancy of two sets of points (n, latent), unbiased.

    The kernel is that of the objective's term `mmd`: the mean of c / (c + squared distance) over
    several c, each a multiple of twice the dimensions. It may be a little below 0.
    """
    return _apart(one) + _apart(other) - 2 * float(_kernel(one, other).mean())


def _apart(points: Doubles) -> float:
    count = len(points)
    alike = _kernel(points, points)
    return float((alike.sum() - np.trace(alike)) / (count * (count - 1)))


def _kernel(one: Doubles, other: Doubles) -> Doubles:
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None] - 2 * one @ other.T
    squares = np.maximum(squares, 0.0)
    total = np.zeros_like(squares)
    for scale in _SCALES:
        width = 2.0 * one.shape[1] * scale
        total += width / (width + squares)
    mean: Doubles = total / len(_SCALES)
    return mean


def mean_and_error(values: Doubles) -> tuple[float, float]:
    """Mean and its standard error; that of a single value is 0."""
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return float(values.mean()), spread / math.sqrt(len(values))
