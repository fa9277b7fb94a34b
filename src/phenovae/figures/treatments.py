"""Maps of treatments: profiles projected to the plane, by mechanism and by batch."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from phenovae.figures.maps import Ground, group_map
from phenovae.figures.planes import Matrix, principal_plane, umap_plane

__all__ = ["Matrix", "principal_plane", "treatment_map", "umap_plane"]


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
    return group_map(Ground(plane, axis_labels, distances), groups, what)
