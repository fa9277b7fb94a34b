"""Wells as a recipe leaves them: every well, whatever it holds, one step below the treatments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.profiles.aggregate import COUNT, aggregate
from phenovae.profiles.features import Features, Mask, Matrix
from phenovae.profiles.levels import LEVELS, Level, above
from phenovae.profiles.places import Places
from phenovae.profiles.recipe import Recipe, Step, fitting_rows, level_of_transforms
from phenovae.profiles.streaming import enough_cells, first_average, fitted_blocks, read_pieces
from phenovae.profiles.transforming import Transforms


@dataclass(frozen=True)
class WellProfiles:
    """One profile a well: `metadata` (Profile_Cells among them) and `values` (wells, features).

    `fitted_on` is the number of rows that the transforms were fitted on, `transformed_at` their
    level; `left_out` names wells of too few cells.
    """

    metadata: pd.DataFrame
    values: Matrix
    fitted_on: int
    transformed_at: Level
    left_out: tuple[str, ...] = ()

    def take(self, rows: Mask) -> WellProfiles:
        """Some of the wells."""
        metadata = self.metadata.loc[rows].reset_index(drop=True)
        return WellProfiles(
            metadata, self.values[rows], self.fitted_on, self.transformed_at, self.left_out
        )


def make_wells(features: Features, recipe: Recipe) -> WellProfiles:
    """All wells by the averages and transforms of a recipe, up to the level of wells.

    A recipe that passes wells by averages into them as it does into the next level. Controls of
    both kinds and treatments of no known mechanism are there too, and roles are those of the
    metadata, also where the recipe counts positive controls as treatments. Raises InputError where
    the features or the transforms are of a level above wells, or as `make_profiles` does.
    """
    at = level_of_transforms(features.level, recipe)
    for what, level in (("features", features.level), ("transforms", at)):
        if above(level, "well"):
            raise InputError(f"the {what} are of {level}s, and not of wells")
    metadata = features.metadata
    enough, left_out = enough_cells(features, recipe.minimum_cells)
    controls = fitting_rows(metadata, recipe) & enough
    transforms = Transforms(recipe.transforms, features.columns, recipe.feature_groups)
    first, *others = _steps(recipe, features.level)
    if at == features.level:
        source = fitted_blocks(features, metadata, transforms, controls, enough)
    else:
        source = read_pieces(features)
    rows, values = first_average(
        source, features, metadata, enough, transforms, first.level, first.average, first.trim
    )
    level = first.level
    for step in (*others, None):
        if level == at and at != features.level:
            fit_on = fitting_rows(rows, recipe)
            values = transforms.fit_and_apply(values, Places.of(rows), fit_on)
        if step is not None:
            rows, values = aggregate(rows, values, step.level, step.average, step.trim)
            level = step.level
    return WellProfiles(
        rows.reset_index(drop=True),
        np.ascontiguousarray(values),
        transforms.fitted_on,
        at,
        left_out,
    )


def knows_cells(features: Features) -> bool:
    """Whether the cells behind the rows of features are known."""
    return features.level == "cell" or COUNT in features.metadata


def _steps(recipe: Recipe, level: Level) -> list[Step]:
    """Averages from a level up to wells, one at least."""
    below = [step for step in recipe.levels if above("well", step.level)]
    on = next(step for step in recipe.levels if LEVELS.index(step.level) >= LEVELS.index("well"))
    to_wells = on.model_copy(update={"level": "well"})
    return [*(step for step in below if above(step.level, level)), to_wells]
