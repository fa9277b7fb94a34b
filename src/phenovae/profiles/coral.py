"""CORAL: the covariance of each batch's controls is made that of all controls (Sun et al. 2016).

After sphering this is the second half of TVN (Ando et al. 2017), with λ as in Caicedo et al. 2018.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from phenovae.base.options import Options
from phenovae.profiles.features import Mask, Matrix
from phenovae.profiles.places import By, Groups, Places

logger = logging.getLogger(__name__)

_FEW = 20


class CoralOptions(Options):
    """Make the second moments of each group's controls those of all controls."""

    name: Literal["coral"] = "coral"
    regularization: float = Field(1.0, gt=0, description="λ, added to the diagonal of every moment")
    by: By = Field("batch", description="rows that are aligned together")


@dataclass(frozen=True)
class Coral:
    """A map for each group (groups, features, features): x @ matrix."""

    groups: Groups
    matrices: npt.NDArray[np.float64]
    kept: Mask

    def apply(self, values: Matrix, places: Places) -> Matrix:
        """Transform rows of features. Raises InputError for a row of a group that is not known."""
        codes = self.groups.codes(places)
        mapped = np.empty_like(values)
        for code in np.unique(codes):
            here = codes == code
            mapped[here] = values[here] @ self.matrices[code]
        return mapped


def fit_coral(options: CoralOptions, seen: Matrix, places: Places) -> Coral:
    """Fit on control rows, which should be centred already: moments are not centred again."""
    groups = Groups.of(places, options.by)
    codes = groups.codes(places)
    ridge = options.regularization * np.eye(seen.shape[1])
    target = _power(seen.T @ seen / len(seen) + ridge, 0.5)
    few = []
    matrices = []
    for code, name in enumerate(groups.names):
        own = seen[codes == code]
        if len(own) < _FEW:
            few.append(f"{name} ({len(own)})")
        matrices.append(_power(own.T @ own / len(own) + ridge, -0.5) @ target)
    if few:
        logger.warning("coral aligns groups of few controls: %s", ", ".join(few))
    return Coral(groups, np.stack(matrices), np.ones(seen.shape[1], bool))


def _power(matrix: Matrix, exponent: float) -> Matrix:
    """A power of a symmetric positive definite matrix."""
    values, axes = np.linalg.eigh(matrix)
    raised: Matrix = (axes * values**exponent) @ axes.T
    return raised
