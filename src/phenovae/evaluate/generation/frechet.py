"""Fréchet distance of two samples, each taken for a Gaussian (Heusel et al. 2017)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


def frechet_distance(
    mean: Doubles, covariance: Doubles, other_mean: Doubles, other_covariance: Doubles
) -> float:
    """Squared Fréchet (2-Wasserstein) distance of Gaussians of mean (d,) and covariance (d, d)."""
    root = _root(covariance)
    crossed = np.linalg.eigvalsh(root @ other_covariance @ root)
    together = float(np.sqrt(np.maximum(crossed, 0.0)).sum())
    apart = float(((mean - other_mean) ** 2).sum())
    return apart + float(np.trace(covariance) + np.trace(other_covariance)) - 2 * together


def frechet_of(one: Doubles, other: Doubles) -> float:
    """The same of two samples (n, d), (m, d). Samples of few points are further apart than many.

    Raises ValueError where a sample has fewer points than two.
    """
    if min(len(one), len(other)) < 2:
        raise ValueError("a covariance needs two points")
    return frechet_distance(
        one.mean(axis=0), _covariance(one), other.mean(axis=0), _covariance(other)
    )


def principal_components(values: Doubles, count: int) -> Doubles:
    """Values (n, d) in the first `count` principal components of themselves (n, count)."""
    centred = values - values.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    found: Doubles = centred @ directions[:count].T
    return found


def _covariance(values: Doubles) -> Doubles:
    return np.atleast_2d(np.cov(values, rowvar=False))


def _root(covariance: Doubles) -> Doubles:
    sizes, directions = np.linalg.eigh(covariance)
    found: Doubles = (directions * np.sqrt(np.maximum(sizes, 0.0))) @ directions.T
    return found
