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
from pydantic import Field, model_validator

from phenovae.base.errors import InputError
from phenovae.base.options import Options
from phenovae.profiles.control_rows import ControlRows
from phenovae.profiles.features import Mask, Matrix
from phenovae.profiles.moments import Products, Vector
from phenovae.profiles.places import Places, listed

logger = logging.getLogger(__name__)

_NULL = 1e-10


class SphereOptions(Options):
    """Rotate onto the controls' principal axes, divide by the root of eigenvalue + λ, rotate back
    or not.
    """

    name: Literal["sphere"] = "sphere"
    method: Literal["pca", "zca", "pca-cor", "zca-cor"] = Field(
        "pca",
        description="pca: axes of the covariance; zca: rotated back to the features; …-cor: of the "
        "correlation matrix, so that the scale of a feature means nothing",
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
        None, ge=1, description="largest axes that are kept (pca and pca-cor); empty: all"
    )

    @model_validator(mode="after")
    def _components_of_axes(self) -> SphereOptions:
        if self.components is not None and self.method.startswith("zca"):
            raise ValueError("components are of pca and pca-cor: zca rotates back to all features")
        return self


@dataclass(frozen=True)
class Linear:
    """A linear map fitted on controls: (x[kept] - centre) @ matrix.

    `mixes` is whether its results are no longer the features that went in.
    """

    centre: Vector
    matrix: Matrix
    kept: Mask
    mixes: bool

    @property
    def outputs(self) -> int:
        """How many features come out."""
        return int(self.matrix.shape[1])

    def apply(self, values: Matrix, places: Places) -> Matrix:
        """Transform rows of features."""
        del places
        inside = values if self.kept.all() else values[:, self.kept]
        mapped: Matrix = (inside - self.centre) @ self.matrix
        return mapped


def fit_sphering(options: SphereOptions, seen: ControlRows) -> Linear:
    """Fit a sphering on control rows. Features that do not vary among them are dropped."""
    if options.shrinkage != "none":
        seen = ControlRows.of(seen.collected(), seen.places, seen.names)
    found = seen.products()
    kept = varying(found, seen.names)
    inside = found.of(kept)
    ddof = 1 if options.mode == "singular" else options.ddof
    covariance = inside.products / (inside.count - ddof)
    shrinkage = 0.0
    before = _before(options, covariance, inside.count)
    if options.shrinkage == "ledoit-wolf":
        shrinkage = _shrinkage((seen.collected()[:, kept] - inside.mean) * before)
    matrix = _sphering_matrix(options, covariance, before, inside.count, shrinkage)
    return Linear(inside.mean, matrix, kept, mixes=not options.method.startswith("zca"))


def varying(found: Products, names: tuple[str, ...]) -> Mask:
    """Which features vary among the controls; the others are told of in the log.

    Raises InputError where none does.
    """
    constant = found.constant
    if constant.all():
        raise InputError("no feature varies among the controls")
    if constant.any():
        logger.warning(
            "%d of %d features do not vary among the controls and are dropped: %s",
            int(constant.sum()),
            len(constant),
            listed([names[number] for number in np.flatnonzero(constant)]),
        )
    return ~constant


def _before(options: SphereOptions, covariance: Matrix, rows: int) -> Vector:
    if not options.method.endswith("-cor"):
        return np.ones(len(covariance))
    variances = np.diag(covariance)
    if options.mode == "singular":
        # Spherize standardises by n, and takes the singular values of that.
        variances = variances * ((rows - 1) / rows)
    found: Vector = 1 / np.sqrt(variances)
    return found


def _sphering_matrix(
    options: SphereOptions, covariance: Matrix, before: Vector, rows: int, shrinkage: float
) -> Matrix:
    """The map (features, kept axes) that spheres rows of this covariance."""
    scaled = covariance * before[:, None] * before[None, :]
    size = len(scaled)
    scaled = (1 - shrinkage) * scaled + shrinkage * np.trace(scaled) / size * np.eye(size)
    found, axes = np.linalg.eigh(scaled)
    # The sign of an axis means nothing; fixing it keeps profiles alike on all machines.
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(size)])
    eigenvalues = np.maximum(found, 0.0)
    rank = _rank(scaled, eigenvalues)
    inverse = _inverse_scales(options, eigenvalues, rank, rows)
    matrix: Matrix = before[:, None] * axes * inverse
    if options.method.startswith("zca"):
        rotated: Matrix = matrix @ axes.T
        return rotated
    if options.components is not None:
        matrix = matrix[:, -min(options.components, rank) :]
    return matrix


def _rank(covariance: Matrix, eigenvalues: Vector) -> int:
    """How many dimensions rows of this covariance span.

    Told by the correlations, so that features of small numbers count as others do; but what is
    smaller than the rounding of the largest eigenvalue cannot be told from nothing.
    """
    widths = np.sqrt(np.diag(covariance))
    of_correlation = np.linalg.eigvalsh(covariance / widths[:, None] / widths[None, :])
    rank = int((of_correlation > of_correlation.max() * _NULL).sum())
    rounding = eigenvalues.max() * len(eigenvalues) * np.finfo(np.float64).eps
    return max(min(rank, int((eigenvalues > rounding).sum())), 1)


def _shrinkage(centred: Matrix) -> float:
    from sklearn.covariance import ledoit_wolf_shrinkage

    return float(ledoit_wolf_shrinkage(centred, assume_centered=True))


def _inverse_scales(options: SphereOptions, eigenvalues: Vector, rank: int, rows: int) -> Vector:
    spanned = np.arange(len(eigenvalues)) >= len(eigenvalues) - rank
    if options.mode == "singular":
        singular = np.sqrt(eigenvalues * (rows - 1))
        singular[~spanned] = singular[spanned][0]
        widths: Vector = (singular + options.regularization) / np.sqrt(rows - 1)
        return 1 / widths
    mean = float(eigenvalues.mean())
    added = options.regularization * (mean if options.mode == "relative" else 1.0)
    if rank < len(eigenvalues) and added < 1e-3 * mean:
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
    inverse: Vector = np.zeros_like(scale)
    np.divide(1.0, scale, out=inverse, where=use)
    return inverse
