"""Transforms fitted on control wells alone: z-scores, and whitening with a stated λ.

TVN (Ando et al. 2017) is whitening on controls; λ follows Caicedo et al. 2018, who add it to the
eigenvalues. `relative` multiplies it by the mean eigenvalue, so that it means the same for features
of any scale.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from phenovae.base.errors import InputError
from phenovae.base.options import Options
from phenovae.profiles.features import Matrix

logger = logging.getLogger(__name__)

_FEW = 20
_CONSTANT = 1e-12


class ZScoreOptions(Options):
    """Centre on the controls' mean and divide by their standard deviation."""

    name: Literal["z-score"] = "z-score"
    ddof: Literal[0, 1] = Field(0, description="what is taken from n in the variance")


class WhitenOptions(Options):
    """Rotate onto the controls' principal axes and divide by the root of eigenvalue + λ."""

    name: Literal["whiten"] = "whiten"
    regularization: float = Field(ge=0, description="λ, added to every eigenvalue")
    mode: Literal["absolute", "relative"] = Field(
        "absolute", description="absolute: λ as it is; relative: times the mean eigenvalue"
    )
    ddof: Literal[0, 1] = Field(0, description="what is taken from n in the covariance")


TransformOptions = ZScoreOptions | WhitenOptions


@dataclass(frozen=True)
class Fitted:
    """A linear map fitted on controls: (x[kept] - centre) @ matrix."""

    centre: npt.NDArray[np.float64]
    matrix: npt.NDArray[np.float64]
    kept: npt.NDArray[np.bool_]

    def apply(self, values: Matrix) -> Matrix:
        """Transform rows of features."""
        mapped: Matrix = (values[:, self.kept] - self.centre) @ self.matrix
        return mapped


def fit(options: TransformOptions, values: Matrix, controls: npt.NDArray[np.bool_]) -> Fitted:
    """Fit a transform on the rows that `controls` marks; no other row is looked at.

    Features that do not vary among the controls are dropped, with a warning. Raises InputError
    where there are fewer than two controls.
    """
    seen = values[controls]
    if len(seen) < 2:
        raise InputError(
            f"{len(seen)} control rows cannot fit a transform",
            mend="the screen needs negative controls, or a protocol without transforms",
        )
    if len(seen) < _FEW:
        logger.warning("only %d controls fit the %s", len(seen), options.name)
    spread = seen.std(axis=0)
    kept = spread > _CONSTANT * np.maximum(np.abs(seen).max(axis=0), 1.0)
    if not kept.any():
        raise InputError("no feature varies among the controls")
    if not kept.all():
        logger.warning(
            "%d of %d features do not vary among the controls and are dropped",
            int((~kept).sum()),
            len(kept),
        )
    if isinstance(options, ZScoreOptions):
        return _fit_z_score(seen[:, kept], kept, options)
    return _fit_whitening(seen[:, kept], kept, options)


def _fit_z_score(seen: Matrix, kept: npt.NDArray[np.bool_], options: ZScoreOptions) -> Fitted:
    return Fitted(seen.mean(axis=0), np.diag(1 / seen.std(axis=0, ddof=options.ddof)), kept)


def _fit_whitening(seen: Matrix, kept: npt.NDArray[np.bool_], options: WhitenOptions) -> Fitted:
    centre = seen.mean(axis=0)
    centred = seen - centre
    covariance = centred.T @ centred / (len(seen) - options.ddof)
    found, axes = np.linalg.eigh(covariance)
    eigenvalues = np.maximum(found, 0.0)
    added = options.regularization
    if options.mode == "relative":
        added *= float(eigenvalues.mean())
    rank = int((eigenvalues > eigenvalues.max() * 1e-10).sum())
    if rank < len(eigenvalues) and added < 1e-3 * float(eigenvalues.mean()):
        logger.warning(
            "%d controls span %d of %d dimensions and λ is small: noise will be blown up",
            len(seen),
            rank,
            len(eigenvalues),
        )
    scale = np.sqrt(eigenvalues + added)
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    return Fitted(centre, axes * inverse, kept)
