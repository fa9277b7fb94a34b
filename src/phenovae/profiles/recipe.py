"""How a profile is made: in which order rows are averaged and transformed, and fitted on what."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from phenovae.base.errors import InputError
from phenovae.base.options import Options
from phenovae.profiles.aggregate import COUNT, TRIM, Average, aggregate
from phenovae.profiles.features import Features, Mask, Matrix
from phenovae.profiles.levels import LEVELS, Level, above
from phenovae.profiles.normalise import TransformOptions
from phenovae.profiles.places import Places
from phenovae.profiles.streaming import blocks_at, enough_cells, first_average
from phenovae.profiles.transforming import Transforms
from phenovae.screen.sites import Role

logger = logging.getLogger(__name__)


class Step(Options):
    """Averaging up to one level."""

    level: Level
    average: Average = "mean"
    trim: float = Field(
        TRIM, ge=0, lt=0.5, description="of `trimmed`: share of rows left out at either end"
    )


class Recipe(Options):
    """Averages and transforms, in order. Transforms act at one level, fitted on wells of it."""

    levels: tuple[Step, ...] = Field(description="levels to average into, the last `treatment`")
    transform_at: Level = Field("cell", description="level at which the transforms act")
    only_at: bool = Field(
        default=False,
        description="whether features that come at a higher level than transform_at are refused; "
        "else the transforms act on them as they come, which the record says",
    )
    transforms: tuple[TransformOptions, ...] = Field(
        (), description="transforms in order, each fitted on the wells of `fit_on`"
    )
    fit_on: Literal["negative_controls", "all_wells"] = Field(
        "negative_controls",
        description="wells that fit the transforms; all_wells is for screens without controls, and "
        "gives other numbers",
    )
    positive_controls: Literal["apart", "in_treatments"] = Field(
        "apart",
        description="apart: wells that hold a treatment as a positive control are no part of it; "
        "in_treatments: they are, as in protocols that know no roles",
    )
    feature_groups: str = Field(
        "",
        description="regular expression whose first group, in a feature's name, is the group of "
        "features that it is transformed with (a channel, say); empty: all together",
    )
    minimum_cells: int = Field(
        0, ge=0, description="wells of fewer cells are left out, where cells are known"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Recipe:
        order = [LEVELS.index(step.level) for step in self.levels]
        if order != sorted(set(order)) or not order or self.levels[-1].level != "treatment":
            raise ValueError("levels must rise and end with treatment")
        if self.levels[0].level == "cell":
            raise ValueError("averaging starts from cells: cell is no level to average into")
        if self.feature_groups:
            _check_pattern(self.feature_groups)
        known = {"cell", *(step.level for step in self.levels[:-1])}
        if self.transform_at not in known:
            raise ValueError(f"transform_at must be one of {', '.join(sorted(known))}")
        return self


def _check_pattern(pattern: str) -> None:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"feature_groups is no regular expression: {error}") from error
    if not groups:
        raise ValueError("feature_groups needs brackets around what names the group")


@dataclass(frozen=True)
class Profiles:
    """One profile a treatment, and what it rests on.

    `metadata` has Batches, Plates, Profile_Cells and Profile_Wells beside the treatment's own;
    `cells` are those behind all profiles (0: not known); `fitted_on` is the number of rows that the
    transforms were fitted on, `transformed_at` their level; `left_out` names wells of too few
    cells, `dropped` features that do not vary where a transform was fitted (`sphere 3` being an
    axis of a sphering), or that are of no group of features. `transductive` names the transforms
    that were fitted on all rows of their level, treated ones too.
    """

    metadata: pd.DataFrame
    values: Matrix
    cells: int
    fitted_on: int
    transformed_at: Level
    left_out: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    transductive: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rows:
    """Rows of one level on their way along a recipe."""

    metadata: pd.DataFrame
    values: Matrix
    level: Level


def make_profiles(
    features: Features,
    recipe: Recipe,
    *,
    with_controls: bool = False,
    with_unannotated: bool = False,
) -> Profiles:
    """Profiles of all annotated treatments by a recipe.

    Only rows of the role `treatment` with a mechanism get into a profile (and positive controls,
    where the recipe says so), and with `with_unannotated` those without one, which changes the
    others in their last bits at most. Negative controls fit the transforms; with `with_controls`
    they become profiles too, whose mechanism is their compound's name. With `fit_on` all_wells
    every row fits the transforms, whatever its role. Where the recipe takes means, cells are
    averaged block by block; those that fit are read once for every transform, where they are too
    many to be kept. Transforms of `transductive` see every row of enough cells. Raises InputError
    where transforms are to be fitted on controls and there are none, or the features come at a
    level that the recipe cannot start from; MissingExtraError where a transform needs a package
    that is not there.
    """
    at = level_of_transforms(features.level, recipe)
    enough, left_out = enough_cells(features, recipe.minimum_cells)
    metadata = with_roles_of(recipe, features.metadata)
    treated = treated_rows(metadata, recipe, with_unannotated=with_unannotated) & enough
    controls = fitting_rows(metadata, recipe) & enough
    transforms = Transforms(recipe.transforms, features.columns, recipe.feature_groups)
    steps = [step for step in recipe.levels if above(step.level, features.level)]
    first, *others = steps or [recipe.levels[-1]]
    wanted = treated | controls
    if first.level == "treatment":
        wanted = treated | (_negative(metadata) & enough & with_controls)
    elif transforms.transductive:
        wanted = enough
    source = blocks_at(at, features, metadata, transforms, controls, enough)
    averaged = first_average(
        source, features, metadata, wanted, transforms, first.level, first.average, first.trim
    )
    rows = Rows(*averaged, first.level)
    for step in others:
        rows = transformed_at(at, rows, transforms, recipe)
        if step.level == "treatment":
            keep = treated_rows(rows.metadata, recipe, with_unannotated=with_unannotated)
            keep = keep | (_negative(rows.metadata) & with_controls)
            rows = Rows(rows.metadata.loc[keep], rows.values[keep], rows.level)
        rows = averaged_into(step, rows)
    told = rows.metadata.reset_index(drop=True)
    controlled = told["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)
    told["Metadata_MoA"] = told["Metadata_MoA"].where(~controlled, told["Metadata_Compound"])
    return Profiles(
        told,
        np.ascontiguousarray(rows.values),
        _cells_behind(features, treated),
        transforms.fitted_on,
        at,
        left_out,
        transforms.dropped,
        transforms.transductive,
    )


def level_of_transforms(level: Level, recipe: Recipe) -> Level:
    """The level at which the transforms act on features that come at `level`.

    Raises InputError where the recipe acts below it and refuses to act elsewhere.
    """
    if not above(level, recipe.transform_at):
        return recipe.transform_at
    if recipe.only_at:
        raise InputError(
            f"the protocol transforms {recipe.transform_at}s, and these features are of {level}s "
            "already",
            mend=f"give it {recipe.transform_at}s, or use a protocol for {level}s",
        )
    return level


def has_controls(features: Features) -> bool:
    """Whether any row is of a negative control."""
    return bool((features.metadata["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)).any())


def treated_rows(rows: pd.DataFrame, recipe: Recipe, *, with_unannotated: bool = False) -> Mask:
    """Which rows are of a treatment, of known mechanism unless others are asked for."""
    roles = [str(Role.TREATMENT)]
    if recipe.positive_controls == "in_treatments":
        roles.append(str(Role.POSITIVE_CONTROL))
    mask = rows["Metadata_Role"].isin(roles)
    if not with_unannotated:
        mask = mask & rows["Metadata_MoA"].notna()
    found: Mask = mask.to_numpy(bool)
    return found


def fitting_rows(rows: pd.DataFrame, recipe: Recipe) -> Mask:
    """Which rows the transforms of a recipe are fitted on."""
    if recipe.fit_on == "all_wells":
        return np.ones(len(rows), bool)
    return _negative(rows)


def _negative(rows: pd.DataFrame) -> Mask:
    mask: Mask = (rows["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)).to_numpy(bool)
    return mask


def with_roles_of(recipe: Recipe, rows: pd.DataFrame) -> pd.DataFrame:
    """Metadata in which positive controls are treatments, where the recipe says so."""
    if recipe.positive_controls == "apart":
        return rows
    positive = (rows["Metadata_Role"] == str(Role.POSITIVE_CONTROL)) & rows["Metadata_MoA"].notna()
    roles = rows["Metadata_Role"].astype(object).where(~positive, str(Role.TREATMENT))
    return rows.assign(Metadata_Role=roles)


def averaged_into(step: Step, rows: Rows) -> Rows:
    """Rows averaged into the level of a step."""
    found = aggregate(rows.metadata, rows.values, step.level, step.average, step.trim)
    return Rows(*found, step.level)


def transformed_at(at: Level, rows: Rows, transforms: Transforms, recipe: Recipe) -> Rows:
    """Rows with the transforms fitted on some and applied to all, if they are of the level `at`."""
    if rows.level != at:
        return rows
    controls = fitting_rows(rows.metadata, recipe)
    values = transforms.fit_and_apply(rows.values, Places.of(rows.metadata), controls)
    return Rows(rows.metadata, values, rows.level)


def _cells_behind(features: Features, treated: Mask) -> int:
    if features.level == "cell":
        return int(treated.sum())
    if COUNT in features.metadata:
        return int(features.metadata.loc[treated, COUNT].sum())
    return 0
