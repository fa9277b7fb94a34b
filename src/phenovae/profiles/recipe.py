"""How a profile is made: in which order rows are averaged and transformed, and fitted on what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, model_validator

from phenovae.base.errors import InputError
from phenovae.base.options import Options
from phenovae.profiles.aggregate import LEVELS, Average, Level, aggregate
from phenovae.profiles.features import FeatureTable, Matrix
from phenovae.profiles.normalise import TransformOptions, fit
from phenovae.screen.sites import Role


class Step(Options):
    """Averaging up to one level."""

    level: Level
    average: Average = "mean"


class Recipe(Options):
    """Averages and transforms, in order. Transforms act at one level, fitted on wells of it."""

    levels: tuple[Step, ...] = Field(description="levels to average into, the last `treatment`")
    transform_at: Level = Field("cell", description="level at which the transforms act")
    transforms: tuple[Annotated[TransformOptions, Field(discriminator="name")], ...] = Field(
        (), description="transforms in order, each fitted on the wells of `fit_on`"
    )
    fit_on: Literal["negative_controls", "all_wells"] = Field(
        "negative_controls",
        description="wells that fit the transforms; all_wells is for screens without controls, and "
        "gives other numbers",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Recipe:
        order = [LEVELS.index(step.level) for step in self.levels]
        if order != sorted(set(order)) or not order or self.levels[-1].level != "treatment":
            raise ValueError("levels must rise and end with treatment")
        if self.levels[0].level == "cell":
            raise ValueError("averaging starts from cells: cell is no level to average into")
        known = {"cell", *(step.level for step in self.levels[:-1])}
        if self.transform_at not in known:
            raise ValueError(f"transform_at must be one of {', '.join(sorted(known))}")
        return self


@dataclass(frozen=True)
class Profiles:
    """One profile a treatment: metadata (with Batches, Profile_Cells, Profile_Wells) and values."""

    metadata: pd.DataFrame
    values: Matrix
    cells: int
    fitted_on: int


def make_profiles(features: FeatureTable, recipe: Recipe) -> Profiles:
    """Profiles of all annotated treatments by a recipe.

    Only rows of the role `treatment` with a mechanism get into a profile; negative controls fit the
    transforms and nothing else; positive controls do neither. With `fit_on` all_wells every row
    fits the transforms, whatever its role. Raises InputError where transforms are to be fitted on
    controls and there are none.
    """
    annotated = _annotated(features.metadata)
    used = annotated | _fitting(features.metadata, recipe)
    rows, values = features.metadata.loc[used].reset_index(drop=True), features.values[used]
    cells = int(annotated.sum())
    fitted_on = 0
    if recipe.transform_at == "cell":
        values, fitted_on = _transform(rows, values, recipe)
    for step in recipe.levels:
        if step.level == "treatment":
            treated = _annotated(rows)
            rows, values = rows.loc[treated].reset_index(drop=True), values[treated]
        rows, values = aggregate(rows, values, step.level, step.average)
        if step.level == recipe.transform_at:
            values, fitted_on = _transform(rows, values, recipe)
    return Profiles(rows, values, cells, fitted_on)


def has_controls(features: FeatureTable) -> bool:
    """Whether any row is of a negative control."""
    return bool((features.metadata["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)).any())


def _annotated(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    treated = rows["Metadata_Role"] == str(Role.TREATMENT)
    return (treated & rows["Metadata_MoA"].notna()).to_numpy(dtype=bool)


def _fitting(rows: pd.DataFrame, recipe: Recipe) -> npt.NDArray[np.bool_]:
    if recipe.fit_on == "all_wells":
        return np.ones(len(rows), bool)
    return (rows["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)).to_numpy(dtype=bool)


def _transform(rows: pd.DataFrame, values: Matrix, recipe: Recipe) -> tuple[Matrix, int]:
    fitting = _fitting(rows, recipe)
    if recipe.transforms and not fitting.any():
        raise InputError(
            "the screen has no negative controls, on which this protocol fits its transforms",
            mend="name the controls in the metadata, or set evaluate.fit_on to all_wells",
        )
    for options in recipe.transforms:
        values = fit(options, values, fitting).apply(values)
    return np.ascontiguousarray(values), int(fitting.sum())
