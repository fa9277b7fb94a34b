"""Points in the plane: principal components, t-SNE, UMAP."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from phenovae.base.errors import MissingExtraError

Matrix = npt.NDArray[np.float64]
Method = Literal["pca", "tsne", "umap"]

_PERPLEXITY = 30.0


def principal_plane(values: Matrix, *, unit: bool = True) -> tuple[Matrix, tuple[float, float]]:
    """The first two principal components of rows, and their shares of the variance.

    Rows are scaled to unit length before, for `unit`, so that only directions count.
    """
    rows = values
    if unit:
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        rows = values / np.maximum(lengths, 1e-12)
    centred = rows - rows.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    # The sign of a component means nothing; fixing it keeps pictures alike from run to run.
    signs = np.sign(left[np.abs(left).argmax(axis=0), np.arange(left.shape[1])])
    shares = sizes**2 / max(float((sizes**2).sum()), 1e-12)
    plane = (left * signs * sizes)[:, :2]
    if plane.shape[1] < 2:
        plane = np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))
        shares = np.pad(shares, (0, 2))
    return plane, (float(shares[0]), float(shares[1]))


def umap_plane(
    values: Matrix, seed: int, *, neighbours: int = 10, metric: str = "cosine"
) -> Matrix:
    """UMAP of rows (McInnes et al. 2018). Raises MissingExtraError without umap-learn."""
    try:
        import umap
    except ImportError as error:
        raise MissingExtraError("umap-learn", "umap", "a UMAP") from error
    reducer = umap.UMAP(
        n_neighbors=min(neighbours, len(values) - 1),
        metric=metric,
        random_state=seed % 2**32,
        init="pca",
        n_jobs=1,
    )
    plane: Matrix = np.asarray(reducer.fit_transform(values), dtype=np.float64)
    return plane


def tsne_plane(values: Matrix, seed: int, *, metric: str = "cosine") -> Matrix:
    """t-SNE of rows (van der Maaten & Hinton 2008), begun at their principal components.

    Time grows a little faster than the rows. Perplexity is 30, or a third of the rows where these
    are few.
    """
    from sklearn.manifold import TSNE

    reducer = TSNE(
        perplexity=min(_PERPLEXITY, max(1.0, (len(values) - 1) / 3)),
        metric=metric,
        init="pca" if min(values.shape) >= 2 else "random",
        random_state=seed % 2**32,
        n_jobs=1,
    )
    plane: Matrix = np.asarray(reducer.fit_transform(values), dtype=np.float64)
    return plane
