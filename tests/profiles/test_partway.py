"""Rows of any level on the way of a recipe, and what is left to do with them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.profiles.screens import cells, controls, table
from tests.profiles.test_streaming import CHAINS, recipe, screen

from phenovae.base.errors import InputError, UsageError
from phenovae.evaluate.batches import single_plates
from phenovae.profiles.features import FeatureTable
from phenovae.profiles.levels import LEVELS, Level
from phenovae.profiles.partway import rows_at
from phenovae.profiles.recipe import Recipe, make_profiles
from phenovae.profiles.writing import feature_names, metadata_columns

ALL = ("site", "well", "plate", "treatment")


def gone_on_with(recipe: Recipe, level: Level) -> tuple[pd.DataFrame, np.ndarray]:
    """Profiles made of rows of a level, by what is left of the recipe."""
    rows = rows_at(screen(), recipe, level)
    values = np.vstack(list(rows.blocks))
    assert values.shape == (len(rows.metadata), len(rows.names))
    half = FeatureTable("toy", rows.metadata, values, rows.names, level)
    found = make_profiles(half, rows.done.rest_of(recipe))
    return found.metadata, found.values


@pytest.mark.parametrize(
    ("chain", "at", "average"),
    [
        *((chain, "cell", "mean") for chain in CHAINS),
        ("percentile, shrunk", "site", "median"),
        ("sphere, coral", "site", "median"),
        ("z-score", "well", "median"),
    ],
)
def test_the_rest_of_a_recipe_gives_its_profiles_from_any_level(
    chain: str, at: str, average: str
) -> None:
    # A positive control that counts as a treatment has to be one in averages over wells, too.
    whole = recipe(
        *ALL, average=average, transform_at=at, transforms=CHAINS[chain],
        positive_controls="in_treatments", minimum_cells=2,
    )  # fmt: skip
    expected = make_profiles(screen(), whole)
    for level in LEVELS[:-1]:
        metadata, values = gone_on_with(whole, level)
        np.testing.assert_allclose(values, expected.values, rtol=1e-9, atol=1e-12)
        for name in ("Metadata_Compound", "Metadata_MoA", "Batches", "Profile_Cells"):
            assert metadata[name].tolist() == expected.metadata[name].tolist()


def test_wells_are_means_of_their_cells_with_every_role() -> None:
    rows = [*controls(2), *cells("a", 1.0, 2, well="B01", moa="M"), *cells("b", 1.0, well="B02")]
    found = rows_at(
        table(rows, [[0.0], [2.0], [5.0], [9.0], [4.0]]), recipe("well", "treatment"), "well"
    )
    assert np.vstack(list(found.blocks)).ravel().tolist() == [1.0, 7.0, 4.0]
    assert found.metadata["Metadata_Role"].tolist() == ["negative_control", *["treatment"] * 2]
    assert found.metadata["Profile_Cells"].tolist() == [2, 2, 1]
    assert (found.done.transformed_at, found.done.fitted_on) == ("cell", 2)


def test_features_keep_their_names_until_they_are_mixed() -> None:
    at = {"transform_at": "well", "feature_groups": "(dna|actin)"}
    z = recipe("well", "treatment", transforms=CHAINS["z-score"], **at)
    mixed = recipe(
        "well", "treatment", transforms=({"name": "sphere", "regularization": 1.0},), **at
    )
    features = screen()
    named = FeatureTable(
        "toy", features.metadata, features.values, ("dna_1", "actin_1", "dna_2", "actin_2")
    )
    assert rows_at(named, z, "well").names == ("actin_1", "actin_2", "dna_1", "dna_2")
    names = rows_at(named, mixed, "well").names
    assert names == ("sphere_000", "sphere_001", "sphere_002", "sphere_003")
    assert feature_names(names)[:2] == ("Cells_sphere_000", "Cells_sphere_001")


def test_a_level_that_is_not_on_the_way_is_refused() -> None:
    with pytest.raises(UsageError, match="averages into site, treatment, not into well"):
        rows_at(screen(), recipe("site", "treatment"), "well")


def test_a_screen_of_which_nothing_is_left_is_refused() -> None:
    with pytest.raises(InputError, match="no row is left to write"):
        rows_at(screen(), recipe("well", "treatment", minimum_cells=1000), "well")


def test_a_batch_whose_name_would_split_is_refused() -> None:
    frame = pd.DataFrame({"Metadata_Compound": ["a"], "Batches": [frozenset({"w|1", "w2"})]})
    with pytest.raises(InputError, match=r"'w\|1' holds \|"):
        metadata_columns(frame)


@pytest.mark.parametrize(
    ("plates", "batches", "single"),
    [("pq", "vw", True), ("pqr", "vw", False), ("p", "v", False)],
)
def test_treatments_tell_whether_batches_are_single_plates(
    plates: str, batches: str, single: bool
) -> None:
    rows = pd.DataFrame({"Plates": [frozenset(plates)], "Batches": [frozenset(batches)]})
    assert single_plates(rows) is single
