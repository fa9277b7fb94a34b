"""What a design lets one ask: who can be right under each rule, and what a split would test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.screen.design import treatment_text
from phenovae.screen.partners import RULES, Rule, eligible, scorable, treatments
from phenovae.screen.sites import Role

UNITS: dict[str, list[str]] = {
    "well": ["Metadata_Plate", "Metadata_Well"],
    "plate": ["Metadata_Plate"],
    "batch": ["Metadata_Batch"],
    "treatment": ["Metadata_Compound", "Metadata_Concentration"],
    "compound": ["Metadata_Compound"],
    "mechanism": ["Metadata_MoA"],
}
"""What may be held out, by the columns that name it."""

SPLITS_BY = ("well", "plate", "batch", "treatment", "compound")


@dataclass(frozen=True)
class Unscorable:
    """Treatments of one mechanism that no neighbour can be right for, and why."""

    mechanism: str
    treatments: tuple[str, ...]
    of: int
    why: str


@dataclass(frozen=True)
class RuleReach:
    """What one rule leaves of the annotated treatments.

    `chance` is the expected share of right neighbours when each query takes any allowed, scorable
    treatment at random; None where there is no query. `one_partner` maps queries that have a single
    possible right neighbour to it.
    """

    rule: Rule
    treatments: int
    scorable: int
    chance: float | None
    one_partner: Mapping[str, str]
    unscorable: tuple[Unscorable, ...]


@dataclass(frozen=True)
class SplitReach:
    """What lies whole within one group of a split, and so is new when that group is held out.

    `whole` counts, for each unit, how many of `of` do.
    """

    by: str
    groups: int
    whole: Mapping[str, int]
    of: Mapping[str, int]


def reach_of_rules(wells: pd.DataFrame) -> tuple[RuleReach, ...]:
    """What each rule leaves of the annotated treatments of a table of wells."""
    known = treatments(wells)
    return tuple(_reach(known, rule) for rule in RULES)


def _reach(known: pd.DataFrame, rule: Rule) -> RuleReach:
    names = [
        treatment_text(str(compound), float(dose))
        for compound, dose in zip(
            known["Metadata_Compound"], known["Metadata_Concentration"], strict=True
        )
    ]
    mechanisms = known["Metadata_MoA"].to_numpy(dtype=object)
    mask = eligible(known["Metadata_Compound"].tolist(), known["Batches"].tolist(), rule)
    can = scorable(mask, mechanisms.tolist())
    same = mechanisms[:, None] == mechanisms[None, :]
    right = (mask & same).sum(axis=1)
    allowed = (mask & can).sum(axis=1)
    queries = np.flatnonzero(can)
    single = [int(query) for query in queries if right[query] == 1]
    return RuleReach(
        rule=rule,
        treatments=len(known),
        scorable=len(queries),
        chance=float((right[queries] / allowed[queries]).mean()) if len(queries) else None,
        one_partner={names[q]: names[int(np.argmax(mask[q] & same[q]))] for q in single},
        unscorable=tuple(
            _unscorable(known, mechanism, names, can, rule)
            for mechanism in sorted(set(mechanisms[~can]))
        ),
    )


def _unscorable(
    known: pd.DataFrame, mechanism: str, names: list[str], can: npt.NDArray[np.bool_], rule: Rule
) -> Unscorable:
    here = (known["Metadata_MoA"] == mechanism).to_numpy()
    members = known.loc[here]
    compounds = sorted({str(name) for name in members["Metadata_Compound"]})
    batches = sorted(frozenset().union(*members["Batches"]))
    if len(compounds) == 1:
        why = f"{compounds[0]} is its only compound"
    elif rule == "other-compound-and-batch" and len(batches) == 1:
        why = f"its {len(compounds)} compounds are all in batch {batches[0]}"
    else:
        why = "its other compounds share a batch with these"
    chosen = tuple(names[n] for n in np.flatnonzero(here & ~can))
    return Unscorable(mechanism, chosen, int(here.sum()), why)


def reach_of_splits(wells: pd.DataFrame) -> tuple[SplitReach, ...]:
    """What a split by each kind of group would hold out whole, counted over treated wells.

    Plates and batches are counted with all their wells.
    """
    treated = wells.loc[wells["Metadata_Role"] == str(Role.TREATMENT)]
    found = []
    for by in SPLITS_BY:
        whole: dict[str, int] = {}
        of: dict[str, int] = {}
        for unit, columns in UNITS.items():
            here = wells if unit in ("plate", "batch", "well") else treated.dropna(subset=columns)
            pairs = here[list(dict.fromkeys([*columns, *UNITS[by]]))].drop_duplicates()
            parts = pairs.groupby(columns).size()
            whole[unit], of[unit] = int((parts == 1).sum()), len(parts)
        found.append(SplitReach(by, len(wells[UNITS[by]].drop_duplicates()), whole, of))
    return tuple(found)
