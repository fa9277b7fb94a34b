"""Maps of cells, wells and treatments: PCA, t-SNE and UMAP, coloured by anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from phenovae.base.errors import MissingExtraError
from phenovae.base.file_names import readable
from phenovae.figures.maps import Ground, group_map, measure_map
from phenovae.figures.planes import Matrix, Method, principal_plane, tsne_plane, umap_plane
from phenovae.pipeline.figure_kinds.gathered import CannotDrawError, Gathered
from phenovae.pipeline.figure_kinds.kind import Drawn, Kind
from phenovae.pipeline.figure_kinds.quantities import (
    FAINT,
    Points,
    groups_of,
    measure_of,
    points_of_cells,
    points_of_treatments,
    points_of_wells,
)
from phenovae.pipeline.figure_kinds.words import counted

_FEWEST = 4
_MOST: dict[Method, int] = {"pca": 20_000, "tsne": 2_500, "umap": 5_000}
"""Points that are drawn at most: t-SNE of more takes minutes."""
_NAMES: dict[Method, str] = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
_NOTES: dict[Method, str] = {
    "pca": "",
    "tsne": " Near neighbours mean something here, distances between far groups nothing.",
    "umap": " Near neighbours mean something here, distances between far groups little.",
}


@dataclass(frozen=True)
class _Placed:
    """Points with their values (n, feature), and words for what the values are."""

    points: Points
    values: Matrix
    of: str
    unit_length: bool


def _cells(run: Gathered, method: Method) -> _Placed:
    """Usable cells by their embedding, some by chance where there are many."""
    most = _MOST[method]
    rows = run.usable
    if len(rows) > most:
        rows = np.sort(run.random("map", "cells").choice(rows, most, replace=False))
    values = _embeddings(run)[rows]
    return _Placed(points_of_cells(run, rows), values, "their embedding", unit_length=False)


def _wells(run: Gathered, method: Method) -> _Placed:
    """Wells by the mean embedding of their usable cells."""
    del method
    points = points_of_wells(run)
    values = _means(points, _embeddings(run))
    return _Placed(points, values, "the mean embedding of their cells", unit_length=False)


def _treatments(run: Gathered, method: Method) -> _Placed:
    """Treatments by their profile under the run's first protocol."""
    del method
    profiles = run.profiles
    if not len(profiles):
        raise CannotDrawError("no treatment has a profile")
    protocol = profiles["Profile_Protocol"].iloc[0]
    here = profiles.loc[profiles["Profile_Protocol"] == protocol].reset_index(drop=True)
    everything = points_of_treatments(run)
    keys = ["Metadata_Compound", "Dose"]
    known = {
        (str(row[0]), float(row[1])): number
        for number, row in enumerate(everything.metadata[keys].itertuples(index=False, name=None))
    }
    wanted = here[["Metadata_Compound", "Metadata_Concentration"]].itertuples(
        index=False, name=None
    )
    places = [known.get((str(compound), float(dose)), -1) for compound, dose in wanted]
    kept = np.array([place for place in places if place >= 0], dtype=np.int64)
    values = here.filter(regex=r"^f_\d+$").to_numpy(dtype=float)[np.array(places) >= 0]
    turned = np.full(len(everything.metadata) + 1, -1, dtype=np.int64)
    turned[kept] = np.arange(len(kept))
    points = Points(
        "treatment",
        everything.metadata.iloc[kept].reset_index(drop=True),
        turned[everything.owner],
    )
    return _Placed(points, values, f"their profiles by {protocol}", unit_length=True)


def _embeddings(run: Gathered) -> Matrix:
    found: Matrix = run.embeddings.filter(regex=r"^z_\d{3,}$").to_numpy(dtype=np.float64)
    return found


def _means(points: Points, values: Matrix) -> Matrix:
    return np.stack([points.mean(column) for column in values.T], axis=1)


def _ground(placed: _Placed, method: Method, seed: int) -> Ground:
    if method == "pca":
        plane, shares = principal_plane(placed.values, unit=placed.unit_length)
        first, second = (
            f"component {number + 1} ({100 * share:.0f} % of the variance; no unit)"
            for number, share in enumerate(shares)
        )
        return Ground(plane, (first, second))
    flatten = tsne_plane if method == "tsne" else umap_plane
    plane = flatten(placed.values, seed)
    name = _NAMES[method]
    return Ground(plane, (f"{name} 1 (no unit)", f"{name} 2 (no unit)"), distances=False)


def _coloured(run: Gathered, ground: Ground, points: Points, by: str) -> tuple[Figure, str]:
    """The figure, and what is said of points without a value."""
    groups = groups_of(points, by)
    if groups is not None:
        return group_map(ground, groups, by, faint=FAINT if by != "role" else ()), ""
    measure = measure_of(run, points, by)
    without = int(
        (~np.isfinite(measure.values) | (measure.logarithmic & (measure.values <= 0))).sum()
    )
    figure = measure_map(ground, measure.values, measure.label, logarithmic=measure.logarithmic)
    return figure, f" Grey: {counted(without, points.level)} without a value." if without else ""


def _draw(
    run: Gathered,
    what: str,
    place: Callable[[Gathered, Method], _Placed],
    usual: dict[Method, tuple[str, ...]],
) -> Iterator[Drawn]:
    for method in run.wanted.maps or tuple(usual):
        placed = place(run, method)
        count = len(placed.values)
        if count < _FEWEST:
            raise CannotDrawError(f"a map needs {_FEWEST} {what}, and there {_are(count)}")
        try:
            ground = _ground(placed, method, run.wanted.seed)
        except MissingExtraError as error:
            raise CannotDrawError(f"UMAP is left out: {error.what} ({error.mend})") from error
        for by in run.wanted.by or usual.get(method, _NEAR):
            figure, note = _coloured(run, ground, placed.points, by)
            cells = placed.points.cells
            behind = "" if what == "cells" else f" of {counted(cells, 'cell')}"
            usable = len(run.usable)
            some = f", drawn by chance of {usable:,}" if what == "cells" and cells < usable else ""
            yield Drawn(
                f"map-{what}-{method}-{readable(by)}",
                figure,
                f"{counted(count, what.removesuffix('s'))}{behind}{some}, by {by}: "
                f"{_NAMES[method]} of {placed.of}.{_NOTES[method]}{note}",
                cells,
            )


def _are(count: int) -> str:
    return "is 1" if count == 1 else f"are {count}"


_NEAR = ("mechanism",)
CELLS = Kind(
    "map-cells",
    "cells in the plane by their embedding: PCA, t-SNE, UMAP (--map); coloured by anything (--by)",
    partial(
        _draw,
        what="cells",
        place=_cells,
        usual={"pca": ("mechanism", "batch"), "tsne": _NEAR},
    ),
)
WELLS = Kind(
    "map-wells",
    "wells in the plane by their mean embedding, likewise",
    partial(
        _draw,
        what="wells",
        place=_wells,
        usual={"pca": ("mechanism", "plate"), "tsne": _NEAR},
    ),
)
TREATMENTS = Kind(
    "map-treatments",
    "treatments in the plane by their profile, likewise",
    partial(
        _draw,
        what="treatments",
        place=_treatments,
        usual={"pca": ("mechanism", "compound", "batch", "dose"), "tsne": _NEAR, "umap": _NEAR},
    ),
)
