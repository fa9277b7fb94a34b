"""What a plate map says of every well: compound, dose, mechanism, role, batch, replicate.

A map is a table of text with a row for each well. Names of its columns are those of
`columns.USUAL_NAMES`, in any spelling, or are said outright. Without a plate column it holds for
every plate.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pandas as pd

from phenovae.base.errors import FaultsError
from phenovae.screen.columns import find_columns, unit_in_name
from phenovae.screen.doses import read_dose, read_unit
from phenovae.screen.roles import ROLE_WORDS, RoleRules, assign_roles, read_role, role_word
from phenovae.screen.sites import Role, dose_text
from phenovae.screen.text_table import TextRow, TextTable, read_text_table
from phenovae.screen.wells import canonical_well

logger = logging.getLogger(__name__)

MAP_COLUMNS = (
    "Metadata_Plate", "Metadata_Well", "Metadata_Replicate", "Metadata_Batch",
    "Metadata_Compound", "Metadata_Concentration", "Metadata_MoA", "Metadata_Role",
)  # fmt: skip

_MEANINGS = (
    "plate", "well", "compound", "concentration", "unit", "moa", "role", "batch", "replicate",
)  # fmt: skip
_NOTHING = frozenset({"", "na", "n/a", "nan", "null"})


def read_platemap(
    path: Path, rules: RoleRules | None = None, columns: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """The wells of a plate map (CSV, TSV, plain or gzip), with the columns `MAP_COLUMNS`.

    `Metadata_Plate` is None where the map holds for every plate, and `Metadata_Batch` where it
    names no batch. Doses are in µM: the unit is that of the column's name (`dose_nM`), of a unit
    column or of the value, else µM; without a column of doses all are 0. The role is the word in
    the role column; where there is none, `rules` decide, and without rules every well is a
    treatment. `columns` says the column of a meaning outright: `{"role": "control_type"}`. Rows
    that say nothing of their well are left out. Raises FaultsError with all faults at once.
    """
    table = read_text_table(path)
    wells = wells_of_table(table, rules=rules, columns=columns)
    if table.faults:
        raise FaultsError("the plate map cannot be used", table.sorted_faults())
    return wells


def wells_of_table(
    table: TextTable, rules: RoleRules | None = None, columns: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """The wells of any table with a row for each well, or several that agree; see `read_platemap`.

    Faults are added to the table.
    """
    required = ("well", "compound")
    found = find_columns(table, _MEANINGS, columns, required)
    undosed = () if rules is None else (*rules.negative_controls, *rules.other)
    reader = _WellReader(table, found, frozenset(undosed))
    read = [reader.read(row) for row in table.rows] if set(required) <= set(found) else []
    wells = [well for well in read if well is not None]
    if len(wells) < len(read) and not table.faults:
        logger.info(
            "%d rows of %s say nothing of their well", len(read) - len(wells), table.path.name
        )
    if read and not wells and not table.faults:
        table.add("no row names a compound", mend="name what is in each well")
    wells = _once(wells, table, found)
    frame = pd.DataFrame(
        {
            "Metadata_Plate": pd.Series([well.plate for well in wells], dtype="object"),
            "Metadata_Well": [well.well for well in wells],
            "Metadata_Replicate": pd.array([well.replicate for well in wells], dtype="Int64"),
            "Metadata_Batch": pd.Series([well.batch for well in wells], dtype="object"),
            "Metadata_Compound": [well.compound for well in wells],
            "Metadata_Concentration": [well.dose for well in wells],
            "Metadata_MoA": pd.Series([well.moa for well in wells], dtype="object"),
        }
    )
    told = pd.Series(
        [None if well.role is None else str(well.role) for well in wells], dtype=object
    )
    ruled = (
        pd.Series(str(Role.TREATMENT), index=frame.index)
        if rules is None
        else assign_roles(frame, rules)
    )
    frame["Metadata_Role"] = told.where(told.notna(), ruled)
    _check_mechanisms(wells, frame["Metadata_Role"].tolist(), table, found)
    negative = frame["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)
    frame["Metadata_MoA"] = frame["Metadata_MoA"].mask(negative, None)
    if not table.faults:
        _warn_of_controls(frame, table.path)
    return frame[list(MAP_COLUMNS)]


@dataclass(frozen=True)
class _Well:
    line: int
    plate: str | None
    well: str
    replicate: int | None
    batch: str | None
    compound: str
    dose: float
    moa: str | None
    role: Role | None

    @property
    def place(self) -> str:
        return self.well if self.plate is None else f"{self.plate} {self.well}"

    @property
    def treatment(self) -> str:
        return f"{self.compound} {dose_text(self.dose)} µM"


class _WellReader:
    """Reads each value of a row on its own, so that one fault hides no other."""

    def __init__(
        self, table: TextTable, columns: Mapping[str, str], undosed: frozenset[str]
    ) -> None:
        self.table = table
        self.undosed = undosed
        self.columns = columns
        self.unit = unit_in_name(columns.get("concentration", ""))

    def read(self, row: TextRow) -> _Well | None:
        """What a row says; None where that is nothing, or where a value is at fault."""
        said = {
            meaning: row.values[column].strip()
            for meaning, column in self.columns.items()
            if row.values[column].strip().lower() not in _NOTHING
        }
        if not {"compound", "concentration", "moa", "role"} & set(said):
            return None
        before = len(self.table.faults)
        well = self.table.read(row, self.columns["well"], _cached_well)
        role = self.table.read(row, self.columns.get("role"), read_role) if "role" in said else None
        compound = said.get("compound")
        if compound is None and role in (None, Role.TREATMENT):
            self._add("the compound is missing", row, "compound", "name what is in the well")
        for meaning in ("plate", "batch"):
            if meaning in self.columns and meaning not in said:
                self._add(f"the {meaning} is missing", row, meaning, "name it in every row")
        replicate = said.get("replicate")
        if replicate is not None and not _is_whole(replicate):
            self._add("the replicate is no whole number", row, "replicate", "write 1, 2, …")
        dose = self._dose(row, said, role)
        if len(self.table.faults) > before or well is None:
            return None
        return _Well(
            line=row.line,
            plate=said.get("plate"),
            well=well,
            replicate=None if replicate is None else int(float(replicate)),
            batch=said.get("batch"),
            compound=compound or said["role"],
            dose=dose,
            moa=said.get("moa"),
            role=role,
        )

    def _dose(self, row: TextRow, said: Mapping[str, str], role: Role | None) -> float:
        text, unit = said.get("concentration"), said.get("unit")
        is_control = role in (Role.NEGATIVE_CONTROL, Role.OTHER)
        if text is None:
            if "concentration" in self.columns and role is Role.TREATMENT:
                self._missing_dose(row)
            elif "concentration" in self.columns and role is None:
                self._doubtful_dose(row, said)
            return 0.0
        if is_control and "%" in f"{text}{unit or ''}":
            return 0.0  # of a solvent, by volume
        before = len(self.table.faults)
        own = None if unit is None else self.table.read(row, self.columns["unit"], _cached_unit)
        if own is not None and self.unit is not None and own != self.unit:
            mend = f"the name of the column says {self.unit}"
            self._add("the unit is not that of the concentration's column", row, "unit", mend)
        if len(self.table.faults) > before:
            return 0.0
        column = self.columns["concentration"]
        dose = self.table.read(row, column, lambda value: _cached_dose(value, own or self.unit))
        return dose or 0.0

    def _doubtful_dose(self, row: TextRow, said: Mapping[str, str]) -> None:
        """Controls may lack a dose; by their name alone, where no role is told."""
        name = said.get("compound", "")
        is_word = ROLE_WORDS.get(role_word(name)) in (Role.NEGATIVE_CONTROL, Role.OTHER)
        if not is_word and name not in self.undosed:
            self._missing_dose(row)

    def _missing_dose(self, row: TextRow) -> None:
        self._add("the concentration is missing", row, "concentration", "write it, as in 0.3")

    def _add(self, what: str, row: TextRow, meaning: str, mend: str) -> None:
        column = self.columns[meaning]
        self.table.add(what, row.line, column, row.values[column], mend)


@lru_cache(maxsize=4096)
def _cached_well(text: str) -> str:
    return canonical_well(text)


@lru_cache(maxsize=4096)
def _cached_dose(text: str, unit: str | None) -> float:
    return read_dose(text, unit)


@lru_cache(maxsize=256)
def _cached_unit(text: str) -> str:
    return read_unit(text)


def _is_whole(text: str) -> bool:
    try:
        return float(text).is_integer()
    except (ValueError, OverflowError):
        return False


def _once(wells: list[_Well], table: TextTable, columns: Mapping[str, str]) -> list[_Well]:
    """Each well once; rows of one well that differ are faults."""
    held: dict[tuple[str | None, str], _Well] = {}
    for well in wells:
        first = held.setdefault((well.plate, well.well), well)
        if first is well:
            continue
        for meaning, one, other in (
            ("compound", first.treatment, well.treatment),
            ("role", first.role, well.role),
            ("moa", first.moa, well.moa),
            ("batch", first.batch, well.batch),
            ("replicate", first.replicate, well.replicate),
        ):
            if one != other:
                mend = f"line {first.line} has {one or 'none'}; remove or correct one of the rows"
                what = f"the well {well.place} is there twice, and not with the same {meaning}"
                table.add(what, well.line, columns.get(meaning, ""), str(other or ""), mend)
                break
    return list(held.values())


def _check_mechanisms(
    wells: list[_Well], roles: list[str], table: TextTable, columns: Mapping[str, str]
) -> None:
    """Add a fault for each treatment that has two mechanisms, or one in some of its wells only."""
    known: dict[str, _Well] = {}
    told: set[str] = set()
    for well, role in zip(wells, roles, strict=True):
        if role in (Role.NEGATIVE_CONTROL, Role.OTHER):
            continue
        first = known.setdefault(well.treatment, well)
        if first.moa == well.moa or well.treatment in told:
            continue
        told.add(well.treatment)
        what = f"the treatment {well.treatment} has two mechanisms"
        if first.moa is None or well.moa is None:
            what = f"the treatment {well.treatment} has a mechanism in some of its wells only"
        mend = f"line {first.line} has {first.moa or 'none'}; write the same in all its rows"
        table.add(what, well.line, columns.get("moa", ""), well.moa or "", mend)


def _warn_of_controls(frame: pd.DataFrame, path: Path) -> None:
    """Say so where wells are treatments though their name is a control's, or two kinds are one."""
    treated = frame.loc[frame["Metadata_Role"] == str(Role.TREATMENT), "Metadata_Compound"]
    controls = (Role.NEGATIVE_CONTROL, Role.OTHER)
    odd = sorted({name for name in treated if ROLE_WORDS.get(role_word(name)) in controls})
    if odd:
        logger.warning(
            "%s: wells of %s are treatments, as neither a role column nor the names of controls "
            "say otherwise",
            path.name,
            ", ".join(odd),
        )
    negative = frame.loc[frame["Metadata_Role"] == str(Role.NEGATIVE_CONTROL), "Metadata_Compound"]
    names = sorted(set(negative))
    if len(names) > 1:
        logger.warning("%s: negative controls are of %d kinds: %s", path.name, len(names), names)
