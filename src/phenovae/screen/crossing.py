"""How treatments, batches, plates, layouts and well positions cross: counted, nothing judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from phenovae.screen.partners import treatments
from phenovae.screen.sites import Role, concentration_key
from phenovae.screen.wells import row_and_column

PLATE_AND_WELL = ["Metadata_Plate", "Metadata_Well"]
_CONTROLS = (str(Role.NEGATIVE_CONTROL), str(Role.POSITIVE_CONTROL))


@dataclass(frozen=True)
class Crossing:
    """How many treatments lie in one batch, plate, layout or position only, of `treatments`."""

    treatments: int
    in_one_batch: int
    in_one_layout: int
    in_one_plate: int
    in_one_position: int
    in_one_well: int


@dataclass(frozen=True)
class Ladders:
    """Where compounds of several doses have them: `dose_by_column` each dose in columns of its own.

    `in_one_row` counts those whose wells all share a row, and likewise for columns.
    """

    compounds: int
    dose_by_column: int
    dose_by_row: int
    in_one_row: int
    in_one_column: int


@dataclass(frozen=True)
class Controls:
    """Where the controls of one role are: wells, how many a plate and a batch, positions."""

    role: str
    wells: int
    positions: tuple[str, ...]
    fixed: bool
    plates_without: tuple[str, ...]
    fewest_on_a_plate: int
    most_on_a_plate: int
    by_batch: Mapping[str, int]


@dataclass(frozen=True)
class LargestClass:
    """The largest treatment or control among some wells."""

    name: tuple[str, float]
    wells: int
    of: int

    @property
    def share(self) -> float:
        """Its share of these wells."""
        return self.wells / self.of if self.of else 0.0


def wells_of(sites: pd.DataFrame) -> pd.DataFrame:
    """One row a well, with doses as keys."""
    wells = sites.drop_duplicates(PLATE_AND_WELL).reset_index(drop=True)
    doses = wells["Metadata_Concentration"].map(concentration_key)
    return wells.assign(Metadata_Concentration=doses)


def counting_controls(wells: pd.DataFrame) -> pd.DataFrame:
    """The same wells with positive controls of a known mechanism counted as treatments."""
    annotated = wells["Metadata_MoA"].notna() & (
        wells["Metadata_Role"] == str(Role.POSITIVE_CONTROL)
    )
    return wells.assign(Metadata_Role=wells["Metadata_Role"].mask(annotated, str(Role.TREATMENT)))


def layouts(wells: pd.DataFrame) -> dict[str, int]:
    """The number of each plate's layout, from 0; one layout has the same in each well."""
    held = {
        str(plate): frozenset(
            zip(
                group["Metadata_Well"],
                group["Metadata_Compound"],
                group["Metadata_Concentration"],
                strict=True,
            )
        )
        for plate, group in wells.groupby("Metadata_Plate", sort=True)
    }
    numbers: dict[frozenset[object], int] = {}
    return {plate: numbers.setdefault(layout, len(numbers)) for plate, layout in held.items()}


def cross(wells: pd.DataFrame) -> Crossing:
    """The crossing of the annotated treatments of a table of wells."""
    known = treatments(wells)
    numbers = layouts(wells)
    on_layouts = known["Plates"].map(lambda plates: len({numbers[str(each)] for each in plates}))
    return Crossing(
        treatments=len(known),
        in_one_batch=_ones(known["Batches"].map(len)),
        in_one_layout=_ones(on_layouts),
        in_one_plate=_ones(known["Plates"].map(len)),
        in_one_position=_ones(known["Positions"].map(len)),
        in_one_well=_ones(known["Wells"]),
    )


def every_treatment(wells: pd.DataFrame) -> pd.DataFrame:
    """The same wells as if every treatment's mechanism were known."""
    return wells.assign(Metadata_MoA=wells["Metadata_MoA"].fillna("?"))


def ladders(wells: pd.DataFrame) -> Ladders:
    """Whether doses are told by rows or columns, of compounds that have several doses."""
    treated = wells.loc[wells["Metadata_Role"] == str(Role.TREATMENT)]
    places = [row_and_column(str(well)) for well in treated["Metadata_Well"]]
    placed = pd.DataFrame(
        {
            "compound": treated["Metadata_Compound"].to_numpy(),
            "dose": treated["Metadata_Concentration"].to_numpy(),
            "row": [row for row, _ in places],
            "column": [column for _, column in places],
        }
    )
    several = [each for _, each in placed.groupby("compound") if len(set(each["dose"])) > 1]
    return Ladders(
        compounds=len(several),
        dose_by_column=sum(_tells(each, "column") for each in several),
        dose_by_row=sum(_tells(each, "row") for each in several),
        in_one_row=sum(len(set(each["row"])) == 1 for each in several),
        in_one_column=sum(len(set(each["column"])) == 1 for each in several),
    )


def controls(wells: pd.DataFrame, role: Role) -> Controls:
    """Where the controls of a role stand."""
    here = wells.loc[wells["Metadata_Role"] == str(role)]
    plates = sorted({str(plate) for plate in wells["Metadata_Plate"]})
    counts = here["Metadata_Plate"].value_counts()
    by_batch = here["Metadata_Batch"].value_counts()
    sets = {frozenset(group) for _, group in here.groupby("Metadata_Plate")["Metadata_Well"]}
    of_plates = [int(counts.get(plate, 0)) for plate in plates]
    return Controls(
        role=str(role),
        wells=len(here),
        positions=tuple(sorted({str(well) for well in here["Metadata_Well"]})),
        fixed=len(counts) > 1 and len(sets) == 1,
        plates_without=tuple(plate for plate in plates if plate not in counts.index),
        fewest_on_a_plate=min(of_plates, default=0),
        most_on_a_plate=max(of_plates, default=0),
        by_batch={
            str(batch): int(by_batch.get(batch, 0))
            for batch in sorted(set(wells["Metadata_Batch"]))
        },
    )


def reserved_positions(wells: pd.DataFrame) -> tuple[str, ...]:
    """Positions that hold controls on some plate and nothing else on any."""
    held = wells.groupby("Metadata_Well")["Metadata_Role"].agg(set)
    return tuple(str(well) for well, roles in held.items() if roles <= set(_CONTROLS))


def largest(wells: pd.DataFrame) -> LargestClass | None:
    """The compound and dose with the most of these wells; None without a well."""
    counts = wells.groupby(["Metadata_Compound", "Metadata_Concentration"]).size()
    if not len(counts):
        return None
    keys = counts.index.to_frame(index=False).iloc[int(counts.to_numpy().argmax())]
    name = str(keys["Metadata_Compound"]), float(keys["Metadata_Concentration"])
    return LargestClass(name, int(counts.max()), len(wells))


def _ones(counts: pd.Series) -> int:
    return int((counts == 1).sum())


def _tells(wells: pd.DataFrame, line: str) -> bool:
    """Whether every row or column holds one dose at most."""
    return int(wells.groupby(line)["dose"].nunique().max()) == 1
