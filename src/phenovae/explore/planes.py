"""Where points lie in the plane: principal components, UMAP, or two dimensions as they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phenovae.figures import planes as figures_planes

Values = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Plane = npt.NDArray[np.float32]

_EXACT = 1024
_FEWEST_FOR_UMAP = 6


def principal_plane(
    values: Values, fit: npt.NDArray[np.bool_]
) -> tuple[Plane, tuple[float, float]]:
    """All rows by the first two principal components of those in `fit`, and their shares.

    Rows with a value that is no finite number lie nowhere (NaN). With less than two dimensions or
    two rows the missing components are 0.
    """
    finite = np.isfinite(values).all(axis=1)
    used = values[fit & finite].astype(np.float64)
    plane = np.full((len(values), 2), np.nan, np.float32)
    if len(used) < 2:
        plane[finite] = 0.0
        return plane, (0.0, 0.0)
    mean = used.mean(axis=0)
    axes, variances, total = _axes(used - mean)
    found = (values[finite] - mean) @ axes
    plane[finite] = 0.0
    plane[finite, : found.shape[1]] = found
    shares = [float(each) / total if total > 0 else 0.0 for each in variances]
    shares += [0.0] * (2 - len(shares))
    return plane, (shares[0], shares[1])


def _axes(
    centred: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    total = float(centred.var(axis=0).sum())
    if centred.shape[1] <= _EXACT:
        sizes, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
        axes, variances = vectors[:, ::-1][:, :2], sizes[::-1][:2]
    else:
        from sklearn.decomposition import PCA

        found = PCA(2, svd_solver="randomized", random_state=0).fit(centred)
        axes, variances = found.components_.T, found.explained_variance_
    # The sign of a component means nothing; fixing it keeps deep links alike from start to start.
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return axes * signs, np.maximum(variances, 0.0), total


def umap_installed() -> bool:
    """Whether umap-learn can be imported, without importing it."""
    from importlib.util import find_spec

    return find_spec("umap") is not None


def umap_plane(values: Values, seed: int) -> Plane:
    """UMAP of rows, Euclidean (McInnes et al. 2018); NaN for rows not finite, or all if too few."""
    plane = np.full((len(values), 2), np.nan, np.float32)
    finite = np.flatnonzero(np.isfinite(values).all(axis=1))
    if len(finite) < _FEWEST_FOR_UMAP:
        return plane
    plane[finite] = figures_planes.umap_plane(
        values[finite].astype(np.float64), seed, neighbours=15, metric="euclidean"
    )
    return plane
