"""How a profile is made: in which order rows are averaged and transformed, and fitted on what."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, model_validator

from phenovae.base.errors import InputError
from phenovae.base.options import Options
from phenovae.profiles.aggregate import COUNT, TRIM, Average, aggregate, group, sums
from phenovae.profiles.features import Features, Mask, Matrix
from phenovae.profiles.levels import LEVELS, WELL, Level, above
from phenovae.profiles.normalise import Fitted, TransformOptions, apply_in_order, fit_in_order
from phenovae.profiles.places import Places
from phenovae.screen.sites import Role

logger = logging.getLogger(__name__)

Columns = npt.NDArray[np.int64]


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
        known = {"cell", *(step.level for step in self.levels[:-1])}
        if self.transform_at not in known:
            raise ValueError(f"transform_at must be one of {', '.join(sorted(known))}")
        return self


@dataclass(frozen=True)
class Profiles:
    """One profile a treatment, and what it rests on.

    `metadata` has Batches, Plates, Profile_Cells and Profile_Wells beside the treatment's own;
    `cells` are those behind all profiles (0: not known); `fitted_on` is the number of rows that the
    transforms were fitted on, `transformed_at` their level; `left_out` names wells of too few
    cells.
    """

    metadata: pd.DataFrame
    values: Matrix
    cells: int
    fitted_on: int
    transformed_at: Level
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Rows:
    metadata: pd.DataFrame
    values: Matrix
    level: Level


@dataclass
class _Transforms:
    """The recipe's transforms, for each group of features: fitted on the controls of whatever rows
    they first meet.
    """

    recipe: Recipe
    columns: tuple[str, ...]
    fitted: list[tuple[slice | Columns, list[Fitted]]] = field(default_factory=list)
    fitted_on: int = 0

    def fit(self, metadata: pd.DataFrame, seen: Matrix, controls: Mask) -> None:
        if self.recipe.transforms and not controls.any():
            raise InputError(
                "the screen has no negative controls, on which this protocol fits its transforms",
                mend="name the controls in the metadata, or set evaluate.fit_on to all_wells",
            )
        places = Places.of(metadata.loc[controls])
        self.fitted_on = int(controls.sum())
        if not self.recipe.transforms:
            return
        for columns in feature_groups(self.columns, self.recipe.feature_groups):
            fits = fit_in_order(self.recipe.transforms, seen[:, columns], places)
            self.fitted.append((columns, fits))

    def apply(self, metadata: pd.DataFrame, values: Matrix) -> Matrix:
        if not self.fitted:
            return values
        places = Places.of(metadata)
        found = [apply_in_order(fits, values[:, columns], places) for columns, fits in self.fitted]
        return found[0] if len(found) == 1 else np.hstack(found)


def make_profiles(features: Features, recipe: Recipe, *, with_controls: bool = False) -> Profiles:
    """Profiles of all annotated treatments by a recipe.

    Only rows of the role `treatment` with a mechanism get into a profile (and positive controls,
    where the recipe says so). Negative controls fit the transforms; with `with_controls` they
    become profiles too, whose mechanism is their compound's name. With `fit_on` all_wells every
    row fits the transforms, whatever its role. Where the recipe takes means, cells are averaged
    block by block. Raises InputError where transforms are to be fitted on controls and there are
    none, or the features come at a level that the recipe cannot start from.
    """
    at = level_of_transforms(features.level, recipe)
    enough, left_out = _enough_cells(features, recipe.minimum_cells)
    metadata = features.metadata
    treated, controls = treated_rows(metadata, recipe) & enough, _fitting(metadata, recipe) & enough
    transforms = _Transforms(recipe, features.columns)
    if at == features.level:
        transforms.fit(metadata, features.take(controls), controls)
    steps = [step for step in recipe.levels if above(step.level, features.level)]
    first, *others = steps or [recipe.levels[-1]]
    wanted = treated | controls
    if first.level == "treatment":
        wanted = _profiled(metadata, recipe, with_controls=with_controls) & enough
    rows = _first_step(features, wanted, transforms, first)
    for step in others:
        if rows.level == at:
            rows = _transformed(rows, transforms)
        if step.level == "treatment":
            keep = _profiled(rows.metadata, recipe, with_controls=with_controls)
            rows = _Rows(rows.metadata.loc[keep], rows.values[keep], rows.level)
        found = aggregate(rows.metadata, rows.values, step.level, step.average, step.trim)
        rows = _Rows(*found, step.level)
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


def feature_groups(columns: Sequence[str], pattern: str) -> list[slice | Columns]:
    """Which features are transformed together: all, or those that the pattern gives one name.

    Features without a name of a group are left out with a warning; where none has one, all are one
    group.
    """
    names = [_group_name(pattern, column) for column in columns] if pattern else []
    known = sorted({name for name in names if name})
    if not known:
        return [slice(None)]
    left = [column for column, name in zip(columns, names, strict=True) if not name]
    if left:
        logger.warning("%d features are of no group and left out, as %s", len(left), left[0])
    named = np.array(names, dtype=object)
    return [np.flatnonzero(named == name) for name in known]


def _group_name(pattern: str, column: str) -> str:
    found = re.search(pattern, column)
    return found.group(1).lower() if found else ""


def has_controls(features: Features) -> bool:
    """Whether any row is of a negative control."""
    return bool((features.metadata["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)).any())


def treated_rows(rows: pd.DataFrame, recipe: Recipe) -> Mask:
    """Which rows are of a treatment of known mechanism."""
    roles = [str(Role.TREATMENT)]
    if recipe.positive_controls == "in_treatments":
        roles.append(str(Role.POSITIVE_CONTROL))
    mask: Mask = (rows["Metadata_Role"].isin(roles) & rows["Metadata_MoA"].notna()).to_numpy(bool)
    return mask


def _fitting(rows: pd.DataFrame, recipe: Recipe) -> Mask:
    if recipe.fit_on == "all_wells":
        return np.ones(len(rows), bool)
    return _negative(rows)


def _negative(rows: pd.DataFrame) -> Mask:
    mask: Mask = (rows["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)).to_numpy(bool)
    return mask


def _profiled(rows: pd.DataFrame, recipe: Recipe, *, with_controls: bool) -> Mask:
    treated = treated_rows(rows, recipe)
    return treated | _negative(rows) if with_controls else treated


def _first_step(features: Features, wanted: Mask, transforms: _Transforms, step: Step) -> _Rows:
    """Average the wanted rows, transformed where transforms are fitted, into the first level."""
    metadata = features.metadata.loc[wanted]
    if step.average != "mean":
        values = transforms.apply(metadata, features.take(wanted))
        return _Rows(*aggregate(metadata, values, step.level, step.average, step.trim), step.level)
    groups = group(metadata, step.level)
    total = sums(_wanted_blocks(features, wanted, transforms), groups)
    sizes = np.bincount(groups.codes, minlength=len(groups))
    return _Rows(groups.rows, total / sizes[:, None], step.level)


def _wanted_blocks(
    features: Features, wanted: Mask, transforms: _Transforms
) -> Iterator[tuple[int, Matrix]]:
    seen = 0
    for start, values in features.blocks():
        here = wanted[start : start + len(values)]
        block = values if here.all() else values[here]
        if transforms.fitted:
            rows = features.metadata.iloc[start : start + len(values)]
            block = transforms.apply(rows.loc[here], block)
        yield seen, block
        seen += len(block)


def _transformed(rows: _Rows, transforms: _Transforms) -> _Rows:
    controls = _fitting(rows.metadata, transforms.recipe)
    transforms.fit(rows.metadata, rows.values[controls], controls)
    values = transforms.apply(rows.metadata, rows.values)
    return _Rows(rows.metadata, values, rows.level)


def _enough_cells(features: Features, minimum: int) -> tuple[Mask, tuple[str, ...]]:
    """Which rows are of wells of enough cells, and the names of the wells that are not."""
    rows = features.metadata
    if minimum <= 1 or (features.level != "cell" and COUNT not in rows):
        return np.ones(len(rows), bool), ()
    counted = rows[COUNT] if COUNT in rows else pd.Series(1, index=rows.index)
    wells = [rows[name].astype(str) for name in WELL]
    cells = counted.groupby(wells).transform("sum")
    few = (cells < minimum).to_numpy(bool)
    names = sorted(
        {f"{plate} {well}" for plate, well in zip(*(w[few] for w in wells), strict=True)}
    )
    if names:
        logger.warning("%d wells of fewer than %d cells are left out", len(names), minimum)
    return ~few, tuple(names)


def _cells_behind(features: Features, treated: Mask) -> int:
    if features.level == "cell":
        return int(treated.sum())
    if COUNT in features.metadata:
        return int(features.metadata.loc[treated, COUNT].sum())
    return 0
