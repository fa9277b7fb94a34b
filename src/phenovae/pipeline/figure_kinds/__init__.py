"""Kinds of pictures that a run can give: a new one is one module here and one line below."""

from __future__ import annotations

from phenovae.base.errors import UsageError, nearest
from phenovae.pipeline.figure_kinds import (
    interpolation,
    maps,
    neighbours,
    outcomes,
    perturbation,
    plate_maps,
    reconstructions,
    round_trip,
    samples,
    sensitivity,
    training,
    trajectories,
    traversals,
    usage,
)
from phenovae.pipeline.figure_kinds.gathered import CannotDrawError, Gathered, Wanted
from phenovae.pipeline.figure_kinds.kind import Drawn, Kind

KINDS: tuple[Kind, ...] = (
    reconstructions.KIND,
    samples.KIND,
    usage.KIND,
    traversals.KIND,
    interpolation.KIND,
    perturbation.KIND,
    round_trip.KIND,
    sensitivity.KIND,
    trajectories.KIND,
    neighbours.KIND,
    maps.CELLS,
    maps.WELLS,
    maps.TREATMENTS,
    plate_maps.KIND,
    training.KIND,
    outcomes.SCORES,
    outcomes.CONFUSION,
)
"""All kinds, in the order in which they are drawn."""


def kinds_of(names: tuple[str, ...]) -> tuple[Kind, ...]:
    """The kinds of these names, in their order; all without names. Raises UsageError."""
    known = {kind.name: kind for kind in KINDS}
    for name in names:
        if name not in known:
            raise UsageError(f"there is no kind of picture {name!r}", mend=nearest(name, known))
    return tuple(known[name] for name in dict.fromkeys(names)) or KINDS


__all__ = ["KINDS", "CannotDrawError", "Drawn", "Gathered", "Kind", "Wanted", "kinds_of"]
