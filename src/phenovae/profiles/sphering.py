"""Sphering (whitening) on controls: their covariance becomes the identity, but for λ.

TVN (Ando et al. 2017) is sphering on controls, then `coral`. λ follows Caicedo et al. 2018, who
add it to the eigenvalues. `relative` multiplies it by their mean, so that it means the same for
features of any scale. `singular` adds it to the singular values of the centred controls, divides by
n - 1, and gives directions that the controls do not span the last scale of those that they do, as
pycytominer's Spherize does. PCA and ZCA forms, and those of the correlation matrix, are named as by
Kessy et al. 2018.
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
from phenovae.profiles.features import Mask, Matrix
from phenovae.profiles.places import Places

logger = logging.getLogger(__name__)

_CONSTANT = 1e-12
_NULL = 1e-10


class SphereOptions(Options):
    """Rotate onto the controls' principal axes, divide by the root of eigenvalue + λ, rotate back
    or not.
    """

    name: Literal["sphere"] = "sphere"
    method: Literal["pca", "zca", "pca-cor", "zca-cor"] = Field(
        "pca",
        description="pca: axes of the covariance; zca: rotated back to the features; …-cor: of the "
        "correlation matrix",
    )
    regularization: float = Field(ge=0, description="λ")
    mode: Literal["absolute", "relative", "singular"] = Field(
        "absolute",
        description="absolute: λ is added to the eigenvalues; relative: λ times their mean is; "
        "singular: λ is added to the singular values of the controls",
    )
    ddof: Literal[0, 1] = Field(0, description="what is taken from n in the covariance")
    shrinkage: Literal["none", "ledoit-wolf"] = Field(
        "none",
        description="shrink the covariance towards a multiple of the identity, for few controls",
    )
    components: int | None = Field(
        None, ge=1, description="largest axes that are kept (pca alone); empty: all"
    )


@dataclass(frozen=True)
class Linear:
    """A linear map fitted on controls: (x[kept] - centre) @ matrix."""

    centre: npt.NDArray[np.float64]
    matrix: npt.NDArray[np.float64]
    kept: Mask

    def apply(self, values: Matrix, places: Places) -> Matrix:
        """Transform rows of features."""
        del places
        inside = values if self.kept.all() else values[:, self.kept]
        mapped: Matrix = (inside - self.centre) @ self.matrix
        return mapped


def fit_sphering(options: SphereOptions, seen: Matrix) -> Linear:
    """Fit a sphering on control rows. Features that do not vary among them are dropped."""
    kept = seen.std(axis=0) > _CONSTANT * np.maximum(np.abs(seen).max(axis=0), 1.0)
    if not kept.any():
        raise InputError("no feature varies among the controls")
    if not kept.all():
        logger.warning(
            "%d of %d features do not vary among the controls and are dropped",
            int((~kept).sum()),
            len(kept),
        )
    inside = seen if kept.all() else seen[:, kept]
    centre = inside.mean(axis=0)
    centred = inside - centre
    covariance = centred.T @ centred / (len(centred) - _ddof(options))
    return Linear(centre, sphering_matrix(options, covariance, centred), kept)


def sphering_matrix(
    options: SphereOptions, covariance: Matrix, centred: Matrix
) -> npt.NDArray[np.float64]:
    """The map (features, kept axes) that spheres the rows `centred` of this covariance."""
    before = np.ones(len(covariance))
    if options.method.endswith("-cor"):
        before = 1 / np.sqrt(np.diag(covariance))
    scaled = covariance * before[:, None] * before[None, :]
    if options.shrinkage == "ledoit-wolf":
        scaled = _shrunk(scaled, centred * before)
    found, axes = np.linalg.eigh(scaled)
    eigenvalues = np.maximum(found, 0.0)
    inverse = _inverse_scales(options, eigenvalues, len(centred))
    matrix: npt.NDArray[np.float64] = before[:, None] * axes * inverse
    if options.method.startswith("zca"):
        rotated: Matrix = matrix @ axes.T
        return rotated
    if options.components is not None:
        matrix = matrix[:, -min(options.components, _rank(eigenvalues)) :]
    return matrix


def _ddof(options: SphereOptions) -> int:
    return 1 if options.mode == "singular" else options.ddof


def _rank(eigenvalues: npt.NDArray[np.float64]) -> int:
    return max(int((eigenvalues > eigenvalues.max() * _NULL).sum()), 1)


def _shrunk(covariance: Matrix, rows: Matrix) -> Matrix:
    from sklearn.covariance import ledoit_wolf_shrinkage

    share = float(ledoit_wolf_shrinkage(rows, assume_centered=True))
    mean = float(np.trace(covariance)) / len(covariance)
    shrunk: Matrix = (1 - share) * covariance + share * mean * np.eye(len(covariance))
    return shrunk


def _inverse_scales(
    options: SphereOptions, eigenvalues: npt.NDArray[np.float64], rows: int
) -> npt.NDArray[np.float64]:
    rank = _rank(eigenvalues)
    spanned = np.arange(len(eigenvalues)) >= len(eigenvalues) - rank
    if options.mode == "singular":
        singular = np.sqrt(eigenvalues * (rows - 1))
        singular[~spanned] = singular[spanned][0]
        widths: npt.NDArray[np.float64] = (singular + options.regularization) / np.sqrt(rows - 1)
        return 1 / widths
    added = options.regularization
    if options.mode == "relative":
        added *= float(eigenvalues.mean())
    if rank < len(eigenvalues) and added < 1e-3 * float(eigenvalues.mean()):
        logger.warning(
            "%d controls span %d of %d dimensions and %s",
            rows,
            rank,
            len(eigenvalues),
            "λ is small: noise will be blown up" if added > 0 else "without λ the rest is left out",
        )
    scale = np.sqrt(eigenvalues + added)
    # Without λ a direction that controls do not span has no scale, and is left out.
    use = scale > 0 if added > 0 else spanned
    inverse: npt.NDArray[np.float64] = np.zeros_like(scale)
    np.divide(1.0, scale, out=inverse, where=use)
    return inverse
