from __future__ import annotations

import numpy as np
import pytest
from tests.profiles.screens import Row, cells, controls, table

from phenovae.base.errors import InputError
from phenovae.evaluate.protocol import load_protocol
from phenovae.profiles.features import FeatureTable, feature_table
from phenovae.profiles.recipe import Recipe, make_profiles
from phenovae.profiles.wells import make_wells


def world() -> FeatureTable:
    """Two wells of a treatment, one of a positive control, one of no known mechanism, DMSO."""
    rows: list[Row] = [
        *cells("a", 1, 3, moa="X", well="B02"),
        *cells("a", 1, 2, moa="X", well="B03"),
        *cells("p", 1, 2, moa="Y", well="B04", role="positive_control"),
        *cells("u", 1, 2, well="B05"),
        *(row for number in range(3) for row in controls(10, well=f"A{number + 1:02d}")),
    ]
    return table(rows, np.random.default_rng(0).normal(3, 2, (len(rows), 3)))


def test_every_well_is_there_whatever_it_holds() -> None:
    features = world()
    found = make_wells(features, load_protocol("cells-mean").recipe)
    told = found.metadata.set_index("Metadata_Well")
    assert set(told["Metadata_Role"]) == {"treatment", "positive_control", "negative_control"}
    assert told.loc["B02", "Profile_Cells"] == 3
    dmso = (features.metadata["Metadata_Role"] == "negative_control").to_numpy()
    mean, spread = features.values[dmso].mean(axis=0), features.values[dmso].std(axis=0)
    here = (features.metadata["Metadata_Well"] == "B02").to_numpy()
    wanted = ((features.values[here] - mean) / spread).mean(axis=0)
    row = int(np.flatnonzero(found.metadata["Metadata_Well"] == "B02")[0])
    assert found.values[row] == pytest.approx(wanted)
    assert (found.fitted_on, found.transformed_at) == (30, "cell")


@pytest.mark.parametrize("name", ["caicedo2018", "ljosa2013-wells"])
def test_treatments_are_means_of_these_wells_where_a_recipe_passes_them(name: str) -> None:
    features, recipe = world(), load_protocol(name).recipe
    wells, profiles = make_wells(features, recipe), make_profiles(features, recipe)
    own = wells.take((wells.metadata["Metadata_Compound"] == "a").to_numpy())
    assert len(own.values) == 2
    assert own.values.mean(axis=0) == pytest.approx(profiles.values[0])


def test_wells_are_averaged_as_a_recipe_that_passes_them_by_averages_next() -> None:
    median = Recipe.model_validate({"levels": [{"level": "treatment", "average": "median"}]})
    features = world()
    found = make_wells(features, median)
    here = (features.metadata["Metadata_Well"] == "B02").to_numpy()
    row = int(np.flatnonzero(found.metadata["Metadata_Well"] == "B02")[0])
    assert found.values[row] == pytest.approx(np.median(features.values[here], axis=0))


def test_features_of_treatments_have_no_wells() -> None:
    features = world()
    sets = features.metadata["Metadata_Batch"].map(lambda name: frozenset({name}))
    frame = features.metadata.assign(x=1.0, Batches=sets)
    treatments = feature_table("t", frame, ["x"], "treatment")
    with pytest.raises(InputError, match="the features are of treatments, and not of wells"):
        make_wells(treatments, Recipe.model_validate({"levels": [{"level": "treatment"}]}))
