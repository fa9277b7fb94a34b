"""Factor analysis fitted on controls: a few factors that explain what features share.

Ljosa et al. 2013 found factors of single cells, averaged to wells, to tell mechanisms best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from phenovae.base import seeds
from phenovae.base.errors import InputError
from phenovae.base.options import Options
from phenovae.profiles.features import Mask, Matrix
from phenovae.profiles.places import Places


class FactorOptions(Options):
    """Replace features by the factors that they share."""

    name: Literal["factors"] = "factors"
    factors: int = Field(50, ge=1, description="number of factors")
    sample: int = Field(
        50_000, ge=100, description="control rows that the factors are fitted on, at most"
    )


@dataclass(frozen=True)
class Factors:
    """(x - centre) @ matrix: the expected factors of a row, given its features."""

    centre: npt.NDArray[np.float64]
    matrix: npt.NDArray[np.float64]
    kept: Mask

    def apply(self, values: Matrix, places: Places) -> Matrix:
        """Transform rows of features."""
        del places
        mapped: Matrix = (values - self.centre) @ self.matrix
        return mapped


def fit_factors(options: FactorOptions, seen: Matrix) -> Factors:
    """Fit on control rows, a fixed random sample of them where there are many.

    Raises InputError where there are not more rows and features than factors.
    """
    from sklearn.decomposition import FactorAnalysis

    if options.factors >= min(seen.shape):
        raise InputError(
            f"{options.factors} factors cannot be told from {seen.shape[0]} control rows of "
            f"{seen.shape[1]} features",
            mend="ask for fewer factors",
        )
    if len(seen) > options.sample:
        random = seeds.generator(0, "profiles", "factors")
        seen = seen[np.sort(random.choice(len(seen), options.sample, replace=False))]
    model = FactorAnalysis(n_components=options.factors, svd_method="lapack").fit(seen)
    noise = model.noise_variance_
    weighted = model.components_ / noise
    posterior = np.linalg.inv(np.eye(options.factors) + weighted @ model.components_.T)
    return Factors(model.mean_, weighted.T @ posterior, np.ones(seen.shape[1], bool))
