"""The structure of a screen in numbers: how it crosses, who can be right, what splits hold out."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from phenovae.screen.crossing import (
    Controls,
    Crossing,
    Ladders,
    LargestClass,
    controls,
    counting_controls,
    cross,
    every_treatment,
    ladders,
    largest,
    layouts,
    reserved_positions,
    wells_of,
)
from phenovae.screen.design import Design, check_design
from phenovae.screen.reach import RuleReach, SplitReach, reach_of_rules, reach_of_splits
from phenovae.screen.sites import Role


@dataclass(frozen=True)
class Structure:
    """What was counted of a screen.

    `annotated` and `all_treatments` count by the roles of wells; `with_control_wells` counts
    positive controls of a known mechanism as wells of their treatment. `layouts` has the plates of
    each layout.
    """

    design: Design
    annotated: Crossing
    with_control_wells: Crossing
    all_treatments: Crossing
    layouts: tuple[tuple[str, ...], ...]
    ladders: Ladders
    negative: Controls
    positive: Controls
    reserved: tuple[str, ...]
    largest: LargestClass | None
    largest_annotated: LargestClass | None
    largest_annotated_with_controls: LargestClass | None
    rules: tuple[RuleReach, ...]
    splits: tuple[SplitReach, ...]
    plates_a_batch: tuple[int, int]


def structure_of(sites: pd.DataFrame) -> Structure:
    """Count the structure of a table of sites, as `SITES` has them, or of wells alike."""
    wells = wells_of(sites)
    with_controls = counting_controls(wells)
    of_layout: dict[int, list[str]] = {}
    for plate, number in layouts(wells).items():
        of_layout.setdefault(number, []).append(plate)
    on_batches = wells.groupby("Metadata_Batch")["Metadata_Plate"].nunique()
    return Structure(
        design=check_design(sites),
        annotated=cross(wells),
        with_control_wells=cross(with_controls),
        all_treatments=cross(every_treatment(wells)),
        layouts=tuple(tuple(plates) for plates in of_layout.values()),
        ladders=ladders(wells),
        negative=controls(wells, Role.NEGATIVE_CONTROL),
        positive=controls(wells, Role.POSITIVE_CONTROL),
        reserved=reserved_positions(wells),
        largest=largest(wells),
        largest_annotated=largest(_annotated(wells)),
        largest_annotated_with_controls=largest(_annotated(with_controls)),
        rules=reach_of_rules(wells),
        splits=reach_of_splits(wells),
        plates_a_batch=_range(on_batches.tolist()),
    )


def _range(counts: list[int]) -> tuple[int, int]:
    return min(counts, default=0), max(counts, default=0)


def _annotated(wells: pd.DataFrame) -> pd.DataFrame:
    treated = wells["Metadata_Role"] == str(Role.TREATMENT)
    return wells.loc[treated & wells["Metadata_MoA"].notna()]
