"""Factor analysis fitted on controls: a few factors that explain what features share.

Ljosa et al. 2013 found factors of single cells, averaged to wells, to tell mechanisms best.
"""

from __future__ import annotations

import logging
import warnings
from typing import Literal

import numpy as np
from pydantic import Field

from phenovae.base.errors import InputError
from phenovae.base.options import Options
from phenovae.profiles.control_rows import ControlRows
from phenovae.profiles.features import Matrix
from phenovae.profiles.moments import Products
from phenovae.profiles.sphering import Linear, varying

logger = logging.getLogger(__name__)

# Rounds that scikit-learn's fit takes at most, and by how little the log likelihood of all rows
# grows in its last.
_ROUNDS = 1000
_TOLERANCE = 1e-2


class FactorOptions(Options):
    """Replace features by the factors that they share."""

    name: Literal["factors"] = "factors"
    factors: int = Field(50, ge=1, description="number of factors")


def fit_factors(options: FactorOptions, seen: ControlRows) -> Linear:
    """Fit on control rows: a row becomes its expected factors, given its features.

    Features that do not vary among the controls are dropped. Raises InputError where there are not
    more rows and features than factors.
    """
    from sklearn.decomposition import FactorAnalysis
    from sklearn.exceptions import ConvergenceWarning

    found = seen.products()
    kept = varying(found, seen.names)
    inside = found.of(kept)
    if options.factors >= min(len(seen), int(kept.sum())):
        raise InputError(
            f"{options.factors} factors cannot be told from {len(seen)} control rows of "
            f"{int(kept.sum())} features",
            mend="ask for fewer factors",
        )
    rows = _rows_of_the_same_covariance(inside)
    # The likelihood is counted a row, and these stand for more.
    tolerance = _TOLERANCE * len(rows) / inside.count
    model = FactorAnalysis(options.factors, tol=tolerance, max_iter=_ROUNDS, svd_method="lapack")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows)
    if model.n_iter_ == _ROUNDS:
        logger.warning("%d factors have not settled in %d rounds", options.factors, _ROUNDS)
    noise = np.maximum(model.noise_variance_, np.finfo(np.float64).eps * np.diag(_of(inside)))
    weighted = model.components_ / noise
    posterior = np.linalg.inv(np.eye(options.factors) + weighted @ model.components_.T)
    return Linear(inside.mean, weighted.T @ posterior, kept, mixes=True)


def _of(found: Products) -> Matrix:
    return found.products / found.count


def _rows_of_the_same_covariance(found: Products) -> Matrix:
    """Two rows a feature, of mean 0, that have the covariance of all rows: factors rest on no more.

    So it costs the same for a thousand controls as for millions.
    """
    covariance = _of(found)
    widths = np.sqrt(np.diag(covariance))
    values, axes = np.linalg.eigh(covariance / widths[:, None] / widths[None, :])
    half = np.sqrt(np.maximum(values, 0.0))[:, None] * axes.T * widths
    rows: Matrix = np.concatenate([half, -half]) * np.sqrt(len(half))
    return rows
