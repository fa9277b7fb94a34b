"""Cells beside their nearest neighbours in the embedding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from phenovae.figures.neighbour_sheets import Relation, neighbours
from phenovae.pipeline.figure_kinds.gathered import CannotDrawError, Gathered
from phenovae.pipeline.figure_kinds.kind import Drawn, Kind
from phenovae.pipeline.figure_kinds.words import (
    cells_shown,
    counted,
    together_and_alone,
    treatment_of,
    usual_brightness,
)
from phenovae.vae.cell_neighbours import nearest_cells

_CELLS = 6
_NEAREST = 8


def _draw(run: Gathered) -> Iterator[Drawn]:
    values = run.embedded
    rows = run.cells("neighbours", _CELLS)
    among = run.usable
    nearest, distances = nearest_cells(values, rows, among, _NEAREST)
    if not nearest.shape[1]:
        raise CannotDrawError("no cell has a neighbour: there is no other usable cell")
    told: list[list[tuple[str, Relation, float]]] = [
        [
            (treatment_of(run, other), _relation(run, row, other), float(distance))
            for other, distance in zip(others, away, strict=True)
        ]
        for row, others, away in zip(rows.tolist(), nearest.tolist(), distances, strict=True)
    ]
    counts = Counter(relation for each in told for _, relation, _ in each)
    said = ", ".join(f"{count} {relation}" for relation, count in counts.most_common())
    crops = run.pixels(rows)
    crops_nearest = [run.pixels(others) for others in nearest]
    names = [treatment_of(run, row) for row in rows.tolist()]
    for called, channels, alone in together_and_alone(run, "neighbours"):
        yield Drawn(
            called,
            neighbours(
                crops,
                names,
                crops_nearest,
                told,
                run.channels,
                run.limits,
                run.palette,
                channels,
            ),
            f"{cells_shown(run, len(rows))}, and the nearest of "
            f"{counted(len(among), 'usable cell')} to each by Euclidean distance of their "
            f"embeddings ({values.shape[1]} numbers). Frames: grey, of the same well; blue, of the "
            f"same compound; orange, of another compound. Here: {said}. "
            f"{usual_brightness(run)}{alone}",
            len(among),
            leading=channels is None,
        )


def _relation(run: Gathered, row: int, other: int) -> Relation:
    one, two = run.table.iloc[row], run.table.iloc[other]
    if all(one[name] == two[name] for name in ("Metadata_Plate", "Metadata_Well")):
        return "same well"
    same = one["Metadata_Compound"] == two["Metadata_Compound"]
    return "same compound" if same else "other compound"


KIND = Kind("neighbours", "cells beside their nearest neighbours in the embedding", _draw)
