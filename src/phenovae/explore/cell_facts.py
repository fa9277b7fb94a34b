"""What a page tells of one cell: itself, its neighbours, its treatment and the verdicts on it."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.explore.levels import WELL, Points
from phenovae.explore.nearness import nearest_cells
from phenovae.explore.packing import Json
from phenovae.explore.verdicts import Verdicts, profile_values, treatment_names
from phenovae.screen.sites import Role

_KNOWN = ("Metadata_", "Quality_", "Split", "Position_")
_MEASURED = "Measure_"


class CellFacts:
    """Facts of the shown cells, by their rows in the store."""

    def __init__(self, points: Points, verdicts: Verdicts) -> None:
        self._points = points
        self._verdicts = verdicts
        self._told: dict[str, list[Json]] = {}

    def place(self, row: int) -> int:
        """The place of a row among the shown cells. Raises InputError where it is not shown."""
        place = self._points.place_of(row)
        if place is None:
            raise InputError(f"no cell of row {row} is shown")
        return place

    def told(self, row: int) -> Json:
        """All that the panel of a cell shows but pictures."""
        place = self.place(row)
        table = self._points.cells.table
        cell = table.iloc[place]
        (treatment,) = treatment_names(table.iloc[[place]])
        treated = cell["Metadata_Role"] == str(Role.TREATMENT)
        return {
            "row": row,
            "metadata": _values(cell, _KNOWN),
            "measures": _values(cell, (_MEASURED,)),
            "neighbours": [
                {**each.told(), **self._name_of(each.place)}
                for each in nearest_cells(self._points.cells, place, self._well_numbers)
            ],
            "among": len(self._points.cells),
            "dimensions": int(self._points.cells.values.shape[1]),
            "treatment": treatment,
            "treatment_place": self._treatment_place(row),
            "well_place": self._wells.get((cell["Metadata_Plate"], cell["Metadata_Well"])),
            "profile": self._profile(row),
            "verdicts": self._verdicts_on(treatment) if treated else [],
            "why_no_verdict": self._verdicts.missing if treated else _CONTROL,
        }

    @cached_property
    def treatment_numbers(self) -> npt.NDArray[np.int64]:
        """The number in the run of each treatment that is a point, in the order of the points."""
        return np.unique(self._points.treatment_of[~self._points.flagged])

    @cached_property
    def _wells(self) -> dict[tuple[object, object], int]:
        table = self._points.levels["wells"].table
        names = zip(*(table[name] for name in WELL), strict=True)
        return {name: at for at, name in enumerate(names)}

    @cached_property
    def _well_numbers(self) -> npt.NDArray[np.int64]:
        numbers = self._points.cells.table.groupby(WELL, sort=False, observed=True).ngroup()
        return numbers.to_numpy().astype(np.int64)

    def _verdicts_on(self, treatment: str) -> list[Json]:
        # A page of files asks for thousands of cells, of far fewer treatments.
        if treatment not in self._told:
            self._told[treatment] = self._verdicts.told(treatment)
        return self._told[treatment]

    def _treatment_place(self, row: int) -> int | None:
        mine = self._points.treatment_of[row]
        at = int(np.searchsorted(self.treatment_numbers, mine))
        there = at < len(self.treatment_numbers) and self.treatment_numbers[at] == mine
        return at if there else None

    def _name_of(self, place: int) -> Json:
        treatments, mechanisms, wells = self._names
        return {
            "treatment": treatments[place],
            "moa": plain(mechanisms[place]),
            "well": wells[place],
        }

    @cached_property
    def _names(self) -> tuple[list[str], list[object], list[str]]:
        table = self._points.cells.table
        wells = [f"{plate} {well}" for plate, well in zip(*(table[n] for n in WELL), strict=True)]
        return treatment_names(table), table["Metadata_MoA"].tolist(), wells

    def _profile(self, row: int) -> Json:
        """How many cells and wells the treatment has, and its profile by the first protocol."""
        place = self._treatment_place(row)
        if place is None:
            return {"cells": 0, "wells": 0}
        told = self._points.levels["treatments"].table.iloc[place]
        found: Json = {"cells": int(told["Cells"]), "wells": int(told["Wells"])}
        profiles = self._verdicts.profiles
        if not len(profiles) or told["Metadata_Role"] != str(Role.TREATMENT):
            return found
        label = str(profiles["Profile_Protocol"].iloc[0])
        here, values = profile_values(profiles, label)
        same = (here["Metadata_Compound"] == told["Metadata_Compound"]) & (
            here["Metadata_Concentration"] == told["Metadata_Concentration"]
        )
        if same.any():
            mine = values[int(np.argmax(same))]
            found |= {"protocol": label, "values": [float(f"{each:.4g}") for each in mine]}
        return found


_CONTROL = "This well is a control: controls are not scored."


def _values(cell: pd.Series, starts: tuple[str, ...]) -> Json:
    return {str(name): plain(cell[name]) for name in cell.index if str(name).startswith(starts)}


def plain(value: object) -> object:
    """A value of a table as JSON has it; nothing for what is missing."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return str(value)
