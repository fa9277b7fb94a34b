"""How a profile is made: in which order rows are averaged and transformed, and fitted on what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
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
    """Averages and transforms, in order. Transforms act at one level, fitted on its controls."""

    levels: tuple[Step, ...] = Field(description="levels to average into, the last `treatment`")
    transform_at: Level = Field("cell", description="level at which the transforms act")
    transforms: tuple[Annotated[TransformOptions, Field(discriminator="name")], ...] = Field(
        (), description="transforms in order, each fitted on the negative controls"
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
    controls: int


def make_profiles(features: FeatureTable, recipe: Recipe) -> Profiles:
    """Profiles of all annotated treatments by a recipe.

    Only rows of the role `treatment` with a mechanism get into a profile; negative controls fit the
    transforms and nothing else; positive controls do neither. Raises InputError where transforms
    are asked for and there are no controls.
    """
    roles = features.metadata["Metadata_Role"]
    annotated = (roles == str(Role.TREATMENT)) & features.metadata["Metadata_MoA"].notna()
    used = (annotated | (roles == str(Role.NEGATIVE_CONTROL))).to_numpy()
    rows, values = features.metadata.loc[used].reset_index(drop=True), features.values[used]
    cells = int(annotated.sum())
    controls = 0
    if recipe.transform_at == "cell":
        values, controls = _transform(rows, values, recipe)
    for step in recipe.levels:
        if step.level == "treatment":
            treated = (rows["Metadata_Role"] == str(Role.TREATMENT)).to_numpy()
            rows, values = rows.loc[treated].reset_index(drop=True), values[treated]
        rows, values = aggregate(rows, values, step.level, step.average)
        if step.level == recipe.transform_at:
            values, controls = _transform(rows, values, recipe)
    return Profiles(rows, values, cells, controls)


def _transform(rows: pd.DataFrame, values: Matrix, recipe: Recipe) -> tuple[Matrix, int]:
    control = (rows["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)).to_numpy()
    if recipe.transforms and not control.any():
        raise InputError(
            "the screen has no negative controls, on which this protocol fits its transforms",
            mend="name the controls in the metadata, or use a protocol without transforms",
        )
    for options in recipe.transforms:
        values = fit(options, values, control).apply(values)
    return np.ascontiguousarray(values), int(control.sum())
