"""Maps of treatments: profiles projected to the plane, by mechanism and by batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from phenovae.base.errors import MissingExtraError
from phenovae.figures.colours import marks
from phenovae.figures.drawing import axes_of, new_figure

Matrix = npt.NDArray[np.float64]


def principal_plane(values: Matrix) -> tuple[Matrix, tuple[float, float]]:
    """The first two principal components of rows scaled to unit length, and their shares."""
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    unit = values / np.maximum(lengths, 1e-12)
    centred = unit - unit.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    # The sign of a component means nothing; fixing it keeps pictures alike from run to run.
    signs = np.sign(left[np.abs(left).argmax(axis=0), np.arange(left.shape[1])])
    shares = sizes**2 / max(float((sizes**2).sum()), 1e-12)
    plane = (left * signs * sizes)[:, :2]
    if plane.shape[1] < 2:
        plane = np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))
        shares = np.pad(shares, (0, 2))
    return plane, (float(shares[0]), float(shares[1]))


def umap_plane(values: Matrix, seed: int) -> Matrix:
    """UMAP of rows by cosine (McInnes et al. 2018). Raises MissingExtraError without umap-learn."""
    try:
        import umap
    except ImportError as error:
        raise MissingExtraError("umap-learn", "umap", "a UMAP") from error
    reducer = umap.UMAP(
        n_neighbors=min(10, len(values) - 1),
        metric="cosine",
        random_state=seed % 2**32,
        init="pca",
        n_jobs=1,
    )
    plane: Matrix = np.asarray(reducer.fit_transform(values), dtype=np.float64)
    return plane


def treatment_map(
    plane: Matrix, groups: Sequence[str], axis_labels: tuple[str, str], what: str
) -> Figure:
    """Treatments in a plane, marked by group; the key stands beside, off the data."""
    names = sorted(set(groups))
    style = marks(names)
    figure = new_figure(6.4, 3.9)
    axes = axes_of(figure)
    members = np.asarray(groups, dtype=object)
    for name in names:
        here = plane[members == name]
        colour, shape = style[name]
        axes.scatter(
            here[:, 0], here[:, 1], c=colour, marker=shape, s=30, linewidths=0.4, edgecolors="white"
        )
    axes.set_xlabel(axis_labels[0])
    axes.set_ylabel(axis_labels[1])
    handles = [
        Line2D([], [], linestyle="", marker=style[name][1], color=style[name][0], label=name)
        for name in names
    ]
    figure.legend(
        handles=handles, loc="outside right upper", fontsize=7.5, title=what, frameon=False
    )
    return figure
