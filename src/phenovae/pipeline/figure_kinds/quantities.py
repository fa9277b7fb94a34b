"""What cells, wells and treatments can be coloured by, each by its name: groups and measures."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import UsageError, nearest
from phenovae.pipeline.figure_kinds.gathered import CannotDrawError, Gathered
from phenovae.screen.sites import Role, concentration_key, dose_text

Doubles = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Level = Literal["cell", "well", "treatment"]

CONTROL, UNKNOWN, SEVERAL = "negative control", "unknown mechanism", "several"
FAINT = (CONTROL, UNKNOWN)
"""Groups that are drawn in grey, beneath the others."""

CELLS, FLAGGED, RIGHT, DOSE = "cells", "flagged", "right", "dose"
_MODEL = "model"
_UNEVEN = 10
_LATENT = re.compile(r"z_\d{3,}")
_UNITS = {
    "_um2": "µm²", "_um": "µm", "_px2": "px²", "_px": "px",
    "_Mean": "grey levels", "_Sum": "grey levels", "_Std": "grey levels",
}  # fmt: skip
_NAMED = {
    "Quality_Noise": "noise [share of the variance]",
    "Quality_Signal": "brightest pixels [σ of the noise]",
    "Position_Row": "row in the field [px]",
    "Position_Column": "column in the field [px]",
}
_LENGTHS = ("_um2", "_um", "_px2", "_px")


@dataclass(frozen=True)
class Points:
    """Cells, wells or treatments, a row each.

    `metadata` has `Metadata_*` of a row, `owner` (cell,) the row that each cell of the store
    belongs to, −1 where to none.
    """

    level: Level
    metadata: pd.DataFrame
    owner: Places

    @property
    def cells(self) -> int:
        """Cells behind all rows."""
        return int((self.owner >= 0).sum())

    def mean(self, values: Doubles) -> Doubles:
        """Means over the cells of each row of a measure of cells (cell,), NaN left out."""
        there = (self.owner >= 0) & np.isfinite(values)
        count = len(self.metadata)
        sums = np.bincount(self.owner[there], weights=values[there], minlength=count)
        counts = np.bincount(self.owner[there], minlength=count)
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


@dataclass(frozen=True)
class Measure:
    """A number for every row (n,), NaN where there is none, its name, and its label with unit."""

    name: str
    label: str
    values: Doubles
    logarithmic: bool = False


def points_of_cells(run: Gathered, rows: Places) -> Points:
    """Some cells of a run as points."""
    owner = np.full(len(run.store), -1, dtype=np.int64)
    owner[rows] = np.arange(len(rows))
    return Points("cell", run.table.iloc[rows].reset_index(drop=True), owner)


def points_of_wells(run: Gathered) -> Points:
    """The wells of a run that have usable cells, in the order of plates and wells."""
    return _grouped(run, "well", ["Metadata_Plate", "Metadata_Well"])


def points_of_treatments(run: Gathered) -> Points:
    """What usable cells were treated with, controls too: compounds at a concentration."""
    return _grouped(run, "treatment", ["Metadata_Compound", "Dose"])


def groups_of(points: Points, by: str) -> list[str] | None:
    """The group of each row where `by` names a kind of group, else None."""
    known = _GROUPS.get(by)
    return None if known is None else known(points)


def measure_of(run: Gathered, points: Points, name: str) -> Measure:
    """A measure of each row: of a cell its own, else the mean over the cells.

    `cells` counts the usable cells, `flagged` is the share of flagged crops, `dose` the
    concentration, `right` the share of the model's scores by which the nearest neighbour of a
    treatment has its mechanism. Others are numbers of the embedding (`z_000`) or columns of the
    store's table (`Measure_…`, `Intensity_…`, `Quality_…`, `Position_…`).

    Raises UsageError where there is no such measure, CannotDrawError where the run lacks it.
    """
    if name == DOSE:
        values = points.metadata["Metadata_Concentration"].to_numpy(dtype=float)
        return Measure(name, "concentration [µM]", values, logarithmic=True)
    if name == CELLS:
        counts = np.bincount(points.owner[points.owner >= 0], minlength=len(points.metadata))
        # A few wells with all of a field's cells would make all others one colour.
        uneven = bool(counts.max(initial=0) > _UNEVEN * np.median(counts))
        return Measure(name, "usable cells [count]", counts.astype(float), logarithmic=uneven)
    if name == FLAGGED:
        return _flagged(run, points)
    if name == RIGHT:
        return _right(run, points)
    if _LATENT.fullmatch(name):
        embeddings = run.embeddings
        if name in embeddings:
            values = points.mean(embeddings[name].to_numpy(dtype=float))
            return Measure(name, f"number {int(name[2:])} of the embedding [no unit]", values)
    known = measures_there(run)
    if name not in known:
        raise UsageError(
            f"cells have no {name!r} to be coloured by", mend=nearest(name, [*_GROUPS, *known])
        )
    of = "" if points.level == "cell" else ", mean"
    values = points.mean(run.table[name].to_numpy(dtype=float))
    return Measure(name, f"{_plain(name)}{of}", values)


def measures_there(run: Gathered) -> list[str]:
    """Names of all measures that a run has, but for those of the embedding."""
    numeric = run.table.select_dtypes(include="number").columns
    kept = ("Measure_", "Intensity_", "Quality_", "Position_")
    return [CELLS, FLAGGED, DOSE, RIGHT, *(str(c) for c in numeric if str(c).startswith(kept))]


def treatment_label(compound: object, concentration: float) -> str:
    """A treatment as scores name it."""
    return f"{compound} {dose_text(concentration)} µM"


def _grouped(run: Gathered, level: Level, keys: list[str]) -> Points:
    table = run.table.iloc[run.usable]
    table = table.assign(Dose=table["Metadata_Concentration"].map(concentration_key))
    groups = table.groupby(keys, sort=True)
    owner = np.full(len(run.store), -1, dtype=np.int64)
    owner[run.usable] = groups.ngroup().to_numpy()
    metadata = groups.first().reset_index()
    for name in ("Metadata_Plate", "Metadata_Batch"):
        if name not in keys:
            alone = groups[name].nunique().to_numpy() == 1
            metadata[name] = np.where(alone, metadata[name].astype(object), SEVERAL)
    return Points(level, metadata, owner)


def _flagged(run: Gathered, points: Points) -> Measure:
    """Share of flagged crops of each well or treatment; flagged cells belong to no row by owner."""
    flags = (run.table["Quality_Flag"] != "").to_numpy()
    if points.level == "cell":
        return Measure(FLAGGED, "flagged [0 or 1]", points.mean(flags.astype(float)))
    keys = (
        ["Metadata_Plate", "Metadata_Well"]
        if points.level == "well"
        else ["Metadata_Compound", "Dose"]
    )
    table = run.table.assign(
        Dose=run.table["Metadata_Concentration"].map(concentration_key), Flag=flags
    )
    shares = table.groupby(keys)["Flag"].mean() * 100
    index = pd.MultiIndex.from_frame(points.metadata[keys])
    return Measure(FLAGGED, "flagged crops [%]", shares.reindex(index).to_numpy(dtype=float))


def _right(run: Gathered, points: Points) -> Measure:
    told = run.neighbours
    told = told.loc[told["Features"] == _MODEL]
    if not len(told):
        raise CannotDrawError("no treatment of the model was scored")
    shares = told.groupby("Treatment")["Right"].mean() * 100
    names = [
        treatment_label(compound, dose)
        for compound, dose in zip(
            points.metadata["Metadata_Compound"], points.metadata["Metadata_Concentration"],
            strict=True,
        )
    ]  # fmt: skip
    values = shares.reindex(names).to_numpy(dtype=float)
    return Measure(RIGHT, "scores that find the mechanism [%]", values)


def _plain(name: str) -> str:
    """A column's name as a person reads it, with its unit."""
    if name in _NAMED:
        return _NAMED[name]
    text = name.removeprefix("Measure_")
    if name.startswith("Intensity_"):
        unit = "no unit" if "correlation" in name else "log grey levels"
        return f"{text.replace('_', ' ')} [{unit}]"
    ending = next((each for each in _UNITS if text.endswith(each)), "")
    if ending in _LENGTHS:
        text = text.removesuffix(ending)
    return f"{text.replace('_', ' ')} [{_UNITS.get(ending, 'no unit')}]"


def _mechanisms(points: Points) -> list[str]:
    controls = (points.metadata["Metadata_Role"] == Role.NEGATIVE_CONTROL).to_numpy()
    named = points.metadata["Metadata_MoA"].tolist()
    return [
        CONTROL if control else moa if isinstance(moa, str) and moa.strip() else UNKNOWN
        for moa, control in zip(named, controls, strict=True)
    ]


def _compounds(points: Points) -> list[str]:
    controls = (points.metadata["Metadata_Role"] == Role.NEGATIVE_CONTROL).to_numpy()
    names = points.metadata["Metadata_Compound"].astype(str).tolist()
    return [CONTROL if control else name for name, control in zip(names, controls, strict=True)]


def _texts(column: str) -> Callable[[Points], list[str]]:
    def found(points: Points) -> list[str]:
        return [str(each) for each in points.metadata[column]]

    return found


def _treatments(points: Points) -> list[str]:
    controls = (points.metadata["Metadata_Role"] == Role.NEGATIVE_CONTROL).to_numpy()
    pairs = zip(
        points.metadata["Metadata_Compound"], points.metadata["Metadata_Concentration"],
        controls, strict=True,
    )  # fmt: skip
    return [CONTROL if control else treatment_label(name, dose) for name, dose, control in pairs]


_GROUPS: Mapping[str, Callable[[Points], list[str]]] = {
    "mechanism": _mechanisms,
    "compound": _compounds,
    "treatment": _treatments,
    "plate": _texts("Metadata_Plate"),
    "batch": _texts("Metadata_Batch"),
    "role": lambda points: [text.replace("_", " ") for text in _texts("Metadata_Role")(points)],
}
GROUPS = tuple(_GROUPS)
