"""How far down a treatment's list of neighbours the first of its own mechanism stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenovae.evaluate.neighbours import Metric, similarities
from phenovae.profiles.features import Matrix
from phenovae.screen.design import treatment_text
from phenovae.screen.partners import Rule, eligible, scorable


@dataclass(frozen=True)
class Neighbour:
    """An allowed neighbour of a treatment, its likeness, and whether the mechanism is the same."""

    treatment: str
    compound: str
    mechanism: str
    likeness: float
    right: bool


@dataclass(frozen=True)
class Ranking:
    """A treatment's nearest allowed neighbours, first to last, and the first right one.

    `rank` counts from 1 among `allowed` neighbours; None where none has the mechanism.
    """

    treatment: str
    nearest: tuple[Neighbour, ...]
    first_right: Neighbour | None
    rank: int | None
    allowed: int


def rank_neighbours(
    treatments: pd.DataFrame,
    values: Matrix,
    rule: Rule,
    metric: Metric,
    *,
    unscorable_as_candidates: bool,
    keep: int = 5,
) -> dict[str, Ranking]:
    """Rankings of all treatments that have an allowed neighbour, by their names.

    `treatments` has Metadata_Compound, Metadata_Concentration [µM], Metadata_MoA and Batches, a row
    for each of `values` (n, features). `keep` is how many neighbours are told of each. The order is
    that of `score_neighbours`, ties by the rows' order. Raises InputError where a profile has no
    direction.
    """
    compounds: list[str] = [str(each) for each in treatments["Metadata_Compound"]]
    mechanisms: list[str] = [str(each) for each in treatments["Metadata_MoA"]]
    names = [
        treatment_text(compound, float(dose))
        for compound, dose in zip(compounds, treatments["Metadata_Concentration"], strict=True)
    ]
    mask = eligible(compounds, treatments["Batches"].tolist(), rule)
    can = scorable(mask, mechanisms)
    if not unscorable_as_candidates:
        mask = mask & can[None, :]
    like = similarities(values, metric, names)
    found: dict[str, Ranking] = {}
    for row, name in enumerate(names):
        allowed = np.flatnonzero(mask[row])
        if not len(allowed):
            continue
        order = [int(each) for each in allowed[np.argsort(-like[row, allowed], kind="stable")]]
        right = [place for place, each in enumerate(order) if mechanisms[each] == mechanisms[row]]
        wanted = dict.fromkeys((*order[:keep], *(order[place] for place in right[:1])))
        told = {
            other: Neighbour(
                names[other],
                compounds[other],
                mechanisms[other],
                float(like[row, other]),
                mechanisms[other] == mechanisms[row],
            )
            for other in wanted
        }
        found[name] = Ranking(
            name,
            tuple(told[other] for other in order[:keep]),
            told[order[right[0]]] if right else None,
            right[0] + 1 if right else None,
            len(order),
        )
    return found
