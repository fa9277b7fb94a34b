"""Rows of any level on the way of a recipe: every well of a screen, say, not treatments alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from phenovae.base.errors import InputError, UsageError
from phenovae.profiles.features import Features, Mask, Matrix
from phenovae.profiles.levels import Level, above
from phenovae.profiles.places import Places
from phenovae.profiles.recipe import (
    Recipe,
    Rows,
    averaged_into,
    fitting_rows,
    level_of_transforms,
    transformed_at,
    with_roles_of,
)
from phenovae.profiles.streaming import (
    blocks_at,
    enough_cells,
    first_average,
    wanted_blocks,
)
from phenovae.profiles.transforming import Transforms


@dataclass(frozen=True)
class Done:
    """What of a recipe was done to rows that came that far.

    `transformed` is whether its transforms were, and `fitted_on` the rows that fitted them, of the
    level `transformed_at`; `left_out` names wells of too few cells.
    """

    transformed: bool
    transformed_at: Level
    fitted_on: int
    left_out: tuple[str, ...] = ()

    def rest_of(self, recipe: Recipe) -> Recipe:
        """What is left of the recipe to do."""
        if not self.transformed:
            return recipe
        return recipe.model_copy(update={"transforms": (), "only_at": False})


@dataclass(frozen=True)
class Partway:
    """All rows of a level, whatever their role, as a recipe has them there.

    `names` are those of the features; `blocks` are their values (rows, features) in the order of
    `metadata`, to be read once.
    """

    metadata: pd.DataFrame
    names: tuple[str, ...]
    blocks: Iterator[Matrix]
    level: Level
    done: Done


def rows_at(features: Features, recipe: Recipe, level: Level) -> Partway:
    """Average features up to a level by a recipe, transformed where it transforms that far.

    Rows of every role are kept, but for wells of too few cells. What is left of the recipe, applied
    to these rows, gives the profiles that `make_profiles` gives of the features. Raises UsageError
    where the features come at a higher level or the recipe has no step into this one, and
    InputError as `make_profiles` does, or where no row is left.
    """
    _check_level(features.level, recipe, level)
    at = level_of_transforms(features.level, recipe)
    enough, left_out = enough_cells(features, recipe.minimum_cells)
    if not enough.any():
        raise InputError("no row is left to write", mend="see minimum_cells of the protocol")
    transforms = Transforms(recipe.transforms, features.columns, recipe.feature_groups)
    transformed = not above(at, level)
    # Wells keep their own roles; only averages over wells follow the recipe's idea of them.
    metadata = features.metadata
    if level in ("plate", "treatment"):
        metadata = with_roles_of(recipe, metadata)
    if level == features.level:
        found = _as_they_come(features, recipe, metadata, transforms, enough, at)
    else:
        found = _averaged(features, recipe, metadata, transforms, enough, level, at)
    done = Done(transformed, at, transforms.fitted_on if transformed else 0, left_out)
    names = transforms.names if transformed else features.columns
    return Partway(found[0].reset_index(drop=True), names, found[1], level, done)


def _check_level(come: Level, recipe: Recipe, level: Level) -> None:
    if above(come, level):
        raise UsageError(f"these features are of {come}s, which hold no {level}s")
    steps = [step.level for step in recipe.levels]
    if level not in (come, *steps):
        raise UsageError(
            f"the recipe averages into {', '.join(steps)}, not into {level}",
            mend="take one of these levels, or another protocol",
        )


def _as_they_come(
    features: Features,
    recipe: Recipe,
    metadata: pd.DataFrame,
    transforms: Transforms,
    enough: Mask,
    at: Level,
) -> tuple[pd.DataFrame, Iterator[Matrix]]:
    controls = fitting_rows(metadata, recipe) & enough
    source = blocks_at(at, features, metadata, transforms, controls, enough)
    inside = metadata.loc[enough]
    found = wanted_blocks(source, enough, Places.of(inside), transforms)
    return inside, (values for _, values in found)


def _averaged(
    features: Features,
    recipe: Recipe,
    metadata: pd.DataFrame,
    transforms: Transforms,
    enough: Mask,
    level: Level,
    at: Level,
) -> tuple[pd.DataFrame, Iterator[Matrix]]:
    controls = fitting_rows(metadata, recipe) & enough
    first, *others = [
        step
        for step in recipe.levels
        if above(step.level, features.level) and not above(step.level, level)
    ]
    source = blocks_at(at, features, metadata, transforms, controls, enough)
    averaged = first_average(
        source, features, metadata, enough, transforms, first.level, first.average, first.trim
    )
    rows = Rows(*averaged, first.level)
    for step in others:
        rows = averaged_into(step, transformed_at(at, rows, transforms, recipe))
    rows = transformed_at(at, rows, transforms, recipe)
    return rows.metadata, iter([rows.values])
