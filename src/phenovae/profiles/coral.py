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
from phenovae.profiles.control_rows import FEW, ControlRows
from phenovae.profiles.features import Mask, Matrix
from phenovae.profiles.moments import raw_products_by_group
from phenovae.profiles.places import By, Groups, Places, listed

logger = logging.getLogger(__name__)


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
    mixes: bool = False

    @property
    def outputs(self) -> int:
        """How many features come out."""
        return int(self.matrices.shape[2])

    def apply(self, values: Matrix, places: Places) -> Matrix:
        """Transform rows of features. Raises InputError for a row of a group that is not known."""
        codes = self.groups.codes(places)
        mapped = np.empty_like(values)
        for code in np.unique(codes):
            here = codes == code
            mapped[here] = values[here] @ self.matrices[code]
        return mapped


def fit_coral(options: CoralOptions, seen: ControlRows) -> Coral:
    """Fit on control rows, which should be centred already: moments are not centred again."""
    groups = Groups.of(seen.places, options.by)
    sizes = groups.sizes(seen.places)
    few = [f"{name} ({size})" for name, size in zip(groups.names, sizes, strict=True) if size < FEW]
    if few:
        logger.warning("coral aligns groups of few controls: %s", listed(few))
    own, total = raw_products_by_group(seen.by_group(groups), len(groups), len(seen.names))
    pooled = own.sum(axis=0) / len(seen)
    centre = total.sum(axis=0) / len(seen)
    if centre @ centre > 0.5 * np.trace(pooled):
        logger.warning("coral is given controls that are not centred: put a z-score before it")
    target = _power(pooled, options.regularization, 0.5)
    matrices = [
        _power(moment / size, options.regularization, -0.5) @ target
        for moment, size in zip(own, sizes, strict=True)
    ]
    return Coral(groups, np.stack(matrices), np.ones(len(seen.names), bool))


def _power(moment: Matrix, added: float, exponent: float) -> Matrix:
    """A power of a symmetric matrix without negative eigenvalues, to each of which λ is added."""
    values, axes = np.linalg.eigh(moment)
    raised: Matrix = (axes * (np.maximum(values, 0.0) + added) ** exponent) @ axes.T
    return raised
