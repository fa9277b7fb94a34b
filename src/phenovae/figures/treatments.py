"""Maps of treatments: profiles projected to the plane, by mechanism and by batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from phenovae.base.errors import MissingExtraError
from phenovae.figures.colours import in_order, marks
from phenovae.figures.drawing import in_house_style, name_text, new_figure

Matrix = npt.NDArray[np.float64]

_KEY_ROWS = 20
_SIZE = 44.0
# Shapes of the same nominal size look unlike in size.
_WEIGHTS = {"s": 0.85, "D": 0.7, "^": 1.1, "v": 1.1, "P": 1.15, "X": 1.1, "*": 1.8}


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


@in_house_style
def treatment_map(
    plane: Matrix,
    groups: Sequence[str],
    axis_labels: tuple[str, str],
    what: str,
    *,
    distances: bool = True,
) -> Figure:
    """Treatments in a plane (n, 2), marked by group; the key stands beside, off the data.

    Where `distances` mean something both axes have the same scale; elsewhere they have none.
    """
    names = in_order(groups)
    style = marks(names)
    columns = -(-len(names) // _KEY_ROWS)
    figure = new_figure(7.6 + 1.8 * (columns - 1), 4.6)
    axes = figure.subplots()
    members = np.asarray(groups, dtype=object)
    for name in names:
        here = plane[members == name]
        colour, shape = style[name]
        axes.scatter(
            here[:, 0],
            here[:, 1],
            c=colour,
            marker=shape,
            s=_SIZE * _WEIGHTS.get(shape, 1.0),
            linewidths=0.5,
            edgecolors="white",
            alpha=0.9,
        )
    axes.margins(0.06)
    if distances:
        axes.set_aspect("equal", adjustable="datalim")
        axes.grid()
    else:
        axes.set_xticks([])
        axes.set_yticks([])
    axes.set_xlabel(axis_labels[0])
    axes.set_ylabel(axis_labels[1])
    handles = [
        Line2D(
            [],
            [],
            linestyle="",
            marker=style[name][1],
            color=style[name][0],
            markersize=(_SIZE * _WEIGHTS.get(style[name][1], 1.0)) ** 0.5,
        )
        for name in names
    ]
    key = figure.legend(
        handles,
        ["M" * len(name_text(name)) for name in names],
        loc="outside right upper",
        fontsize=8.5,
        title=what,
        alignment="left",
        ncols=columns,
    )
    # matplotlib drops entries whose label begins with an underscore, and names may.
    for text, name in zip(key.get_texts(), names, strict=True):
        text.set_text(name_text(name))
    return figure
