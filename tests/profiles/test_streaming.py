"""Whole recipes on features that are read in blocks of any sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.profiles.rows import InBlocks, correlated
from tests.profiles.screens import Row, cells, controls, table

from phenovae.base.errors import InputError
from phenovae.profiles import streaming
from phenovae.profiles.aggregate import Average, aggregate
from phenovae.profiles.features import FeatureTable, feature_table
from phenovae.profiles.levels import Level
from phenovae.profiles.recipe import Profiles, Recipe, make_profiles

Z = {"name": "z-score"}
SPHERE = {"name": "sphere", "regularization": 0.1}
CHAINS: dict[str, tuple[dict[str, object], ...]] = {
    "none": (),
    "z-score": ({**Z},),
    "z-score by plate, sphere": ({**Z, "by": "plate"}, {**SPHERE}),
    "robust-z, zca-cor": ({"name": "robust-z"}, {**SPHERE, "method": "zca-cor"}),
    "sphere, coral": ({**SPHERE, "method": "zca"}, {"name": "coral"}),
    "percentile, shrunk": (
        {"name": "percentile", "by": "batch"}, {**SPHERE, "shrinkage": "ledoit-wolf"},
    ),
    "factors": ({**Z}, {"name": "factors", "factors": 1}),
}  # fmt: skip


def recipe(*levels: str, average: str = "mean", **others: object) -> Recipe:
    first, *rest = levels
    steps = [{"level": first, "average": average}, *({"level": level} for level in rest)]
    return Recipe.model_validate({"levels": steps, **others})


def screen(seed: int = 0) -> FeatureTable:
    """Two plates in two batches: 12 control cells each, three compounds, a positive control."""
    rows: list[Row] = []
    random = np.random.default_rng(seed)
    for plate, batch in (("P1", "W1"), ("P2", "W2")):
        for site in (1, 2):
            rows += controls(6, plate=plate, well="A01", site=site, batch=batch)
        for number, compound in enumerate("abc"):
            moa = "M" if compound != "c" else None
            for site in (1, 2):
                count = int(random.integers(1, 5))
                well = f"B{number:02d}"
                rows += cells(
                    compound, 1, count, moa=moa, plate=plate, well=well, site=site, batch=batch
                )
        rows += cells(
            "a", 1, 3, moa="M", plate=plate, well="C09", batch=batch, role="positive_control"
        )
    return table(rows, correlated(seed, len(rows), 4))


def likeness(profiles: Profiles) -> np.ndarray:
    """What the score sees, whatever the signs of axes."""
    return profiles.values @ profiles.values.T


@pytest.mark.parametrize("chain", CHAINS)
@settings(max_examples=6)
@given(
    average=st.sampled_from(("mean", "median", "trimmed")),
    seed=st.integers(0, 50), sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5),
    kept=st.booleans(), at=st.sampled_from(("cell", "site", "well", "plate")),
)  # fmt: skip
def test_neither_blocks_nor_the_order_of_rows_change_a_profile(
    chain: str, average: str, seed: int, sizes: list[int], kept: bool, at: str
) -> None:
    features = screen(seed)
    if at in ("well", "plate") and chain != "none":
        at = "site"  # controls of a single well fit nothing
    asked = recipe(
        "site", "well", "plate", "treatment",
        average=average, transforms=CHAINS[chain], transform_at=at,
    )  # fmt: skip
    whole = make_profiles(features, asked)
    order = np.random.default_rng(seed).permutation(len(features))
    shuffled = FeatureTable(
        "toy", features.metadata.iloc[order].reset_index(drop=True), features.values[order],
        features.columns,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        # Controls that are not kept in memory are read anew for every transform.
        patch.setattr(streaming, "_TAKEN", 1 << 20 if kept else 0)
        for other in (InBlocks(features, tuple(sizes)), InBlocks(shuffled, tuple(sizes))):
            found = make_profiles(other, asked)
            assert found.metadata.equals(whole.metadata)
            assert (found.cells, found.fitted_on) == (whole.cells, whole.fitted_on)
            np.testing.assert_allclose(likeness(found), likeness(whole), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("chain", [each for each in CHAINS if each != "none"])
@settings(max_examples=6)
@given(scale=st.floats(-1e3, 1e3), size=st.integers(1, 40), kept=st.booleans())
def test_what_was_treated_changes_no_other_profile_by_a_bit(
    chain: str, scale: float, size: int, kept: bool
) -> None:
    features = screen()
    changed = features.values.copy()
    others = (features.metadata["Metadata_Compound"] != "b").to_numpy()
    treated = others & (features.metadata["Metadata_Role"] != "negative_control").to_numpy()
    changed[treated] = changed[treated] * scale + scale
    asked = recipe("treatment", transforms=CHAINS[chain])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "_TAKEN", 1 << 20 if kept else 0)
        found = [
            make_profiles(
                InBlocks(FeatureTable("toy", features.metadata, values, features.columns), (size,)),
                asked,
            )
            for values in (features.values, changed)
        ]
    assert found[0].metadata["Metadata_Compound"].tolist() == ["a", "b"]
    assert np.array_equal(found[0].values[1], found[1].values[1])
    assert scale == 1 or not np.array_equal(found[0].values[0], found[1].values[0])


def test_sites_or_wells_give_what_their_cells_give() -> None:
    features = screen()
    asked = recipe("site", "well", "treatment", transforms=(Z, SPHERE), transform_at="site")
    whole = make_profiles(features, asked)
    sites, values = aggregate(features.metadata, features.values, "site", "mean")
    frame = sites.assign(**{name: values[:, n] for n, name in enumerate(features.columns)})
    from_sites = make_profiles(feature_table("toy", frame, features.columns, "site"), asked)
    np.testing.assert_allclose(from_sites.values, whole.values, rtol=1e-9)
    assert from_sites.metadata.equals(whole.metadata)
    assert (from_sites.cells, from_sites.transformed_at) == (whole.cells, "site")


def at_level(level: Level) -> FeatureTable:
    metadata, values = screen().metadata, screen().values
    metadata, values = aggregate(metadata, values, level, "mean")
    columns = [f"x{number}" for number in range(4)]
    frame = metadata.assign(**{name: values[:, n] for n, name in enumerate(columns)})
    return feature_table("toy", frame, columns, level)


@pytest.mark.parametrize("level", ["well", "plate"])
def test_features_of_a_higher_level_are_transformed_as_they_come(level: Level) -> None:
    found = make_profiles(at_level(level), recipe("treatment", transforms=(Z,)))
    assert (found.transformed_at, found.fitted_on) == (level, 2)
    assert found.metadata["Profile_Wells"].tolist() == [2, 2]


def test_features_of_treatments_are_transformed_all_together_but_not_by_plate() -> None:
    rows = controls(1) + controls(1, well="A02") + cells("a", 1, moa="M", well="B02")
    metadata, values = aggregate(table(rows, [1, 3, 7]).metadata, np.array([[1.0], [3], [7]]),
                                 "treatment", "mean")  # fmt: skip
    controls_of_two = metadata.iloc[[0, 0, 1]].reset_index(drop=True)
    controls_of_two.loc[[0, 1], "Metadata_Concentration"] = [0.0, 0.1]
    features = FeatureTable("toy", controls_of_two, np.array([[1.0], [3], [7]]), ("x",),
                            "treatment")  # fmt: skip
    assert values.shape == (2, 1)
    found = make_profiles(features, recipe("treatment", transforms=(Z,)))
    assert found.values.tolist() == [[5.0]]
    assert found.transformed_at == "treatment"
    with pytest.raises(InputError, match="these rows have no plate"):
        make_profiles(features, recipe("treatment", transforms=({**Z, "by": "plate"},)))


def test_wells_weigh_alike_whatever_their_cells() -> None:
    rows = controls(30) + cells("a", 1, 10, moa="M", well="B02")
    rows += cells("a", 1, 1000, moa="M", well="B03")
    values = [0.0, 2.0] * 15 + [4.0] * 10 + [8.0] * 1000
    asked = recipe("site", "well", "treatment", transforms=(Z,))
    found = make_profiles(InBlocks(table(rows, values), (64,)), asked)
    assert found.values.tolist() == [[pytest.approx(5)]]
    assert found.cells == 1010


def test_replicate_numbers_group_nothing() -> None:
    rows = controls(20)
    for plate in ("P1", "P2", "P3"):
        rows += cells("a", 1, 1, moa="M", plate=plate, well="B02")
    for number, row in enumerate(rows[20:]):
        row["Metadata_Replicate"] = (1, 1, 3)[number]
    features = table(rows, [0.0] * 10 + [2.0] * 10 + [0, 0, 9])
    for levels in (("well", "treatment"), ("plate", "treatment")):
        assert make_profiles(features, recipe(*levels)).values.tolist() == [[3]]


@pytest.mark.parametrize(
    ("average", "expected"), [("mean", 22.0), ("median", 3.0), ("trimmed", 3.0)]
)
def test_each_average_of_the_first_level_by_hand(average: Average, expected: float) -> None:
    features = table(controls(2) + cells("a", 1, 5, moa="M"), [0, 0, 1, 2, 3, 4, 100])
    asked = Recipe.model_validate(
        {"levels": [{"level": "treatment", "average": average, "trim": 0.2}]}
    )
    assert make_profiles(InBlocks(features, (3,)), asked).values.tolist() == [[expected]]


def test_wells_of_few_cells_are_left_out_of_profiles_and_fits_and_named() -> None:
    rows = controls(4) + controls(1, well="A02")
    rows += cells("a", 1, 3, moa="M", well="B02") + cells("a", 1, 2, moa="M", well="B03")
    features = table(rows, [0, 0, 2, 2, 50, 3, 3, 3, 90, 90])
    found = make_profiles(
        InBlocks(features, (4,)), recipe("well", "treatment", transforms=(Z,), minimum_cells=3)
    )
    assert found.left_out == ("P1 A02", "P1 B03")
    assert (found.values.tolist(), found.fitted_on, found.cells) == ([[2.0]], 4, 3)


def test_positive_controls_are_apart_or_in_their_treatment_at_every_level() -> None:
    rows = controls(4) + cells("a", 1, 2, moa="M", well="B02")
    rows += cells("a", 1, 2, moa="M", well="B11", role="positive_control")
    features = table(rows, [0, 0, 0, 0, 1, 1, 5, 5])
    for levels in (("treatment",), ("well", "treatment"), ("well", "plate", "treatment")):
        for order in (slice(None), slice(None, None, -1)):
            for fit_on in ("negative_controls", "all_wells"):
                turned = FeatureTable(
                    "toy", features.metadata.iloc[order].reset_index(drop=True),
                    features.values[order], features.columns,
                )  # fmt: skip
                apart = make_profiles(turned, recipe(*levels, fit_on=fit_on))
                together = make_profiles(
                    turned,
                    recipe(*levels, fit_on=fit_on, positive_controls="in_treatments"),
                )
                assert apart.values.tolist() == [[1]]
                assert together.values.tolist() == [[3]]
                assert together.metadata["Metadata_Role"].tolist() == ["treatment"]


def test_a_compound_that_is_control_and_treatment_on_one_plate_is_not_mixed() -> None:
    rows = controls(3) + cells("DMSO", 0.0, 2, moa="solvent", well="E05")
    features = table(rows, [0, 0, 0, 6, 8])
    for levels in (("treatment",), ("plate", "treatment"), ("well", "plate", "treatment")):
        assert make_profiles(features, recipe(*levels)).values.tolist() == [[7]]
        both = make_profiles(features, recipe(*levels), with_controls=True)
        assert dict(zip(both.metadata["Metadata_Role"], both.values[:, 0], strict=True)) == {
            "negative_control": 0, "treatment": 7,
        }  # fmt: skip


def test_controls_become_profiles_where_they_are_asked_for() -> None:
    asked = recipe("site", "treatment", transforms=(Z,))
    found = make_profiles(screen(), asked, with_controls=True)
    assert found.metadata["Metadata_Compound"].tolist() == ["DMSO", "a", "b"]
    assert found.metadata["Metadata_MoA"].tolist() == ["DMSO", "M", "M"]
    without = make_profiles(screen(), asked)
    assert np.array_equal(found.values[1:], without.values)
    assert found.cells == without.cells


def test_groups_of_features_are_transformed_apart_and_put_side_by_side() -> None:
    features = screen()
    named = FeatureTable(
        "toy", features.metadata, features.values, ("dna_1", "Tubulin_1", "DNA_2", "other")
    )
    asked = recipe("treatment", transforms=(Z, SPHERE), feature_groups="(?i)(dna|tubulin)")
    found = make_profiles(InBlocks(named, (9,)), asked)
    plain = recipe("treatment", transforms=(Z, SPHERE))
    parts = [
        make_profiles(
            FeatureTable("part", features.metadata, features.values[:, columns], names), plain
        ).values
        for columns, names in (([0, 2], ("d1", "d2")), ([1], ("t",)))
    ]
    np.testing.assert_allclose(found.values, np.hstack(parts), rtol=1e-9)
    assert found.dropped == ("other",)


@pytest.mark.parametrize("pattern", ["dna", "(dna"])
def test_a_pattern_that_names_no_group_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match="feature_groups"):
        recipe("treatment", feature_groups=pattern)


@pytest.mark.parametrize("at", ["cell", "site"])
def test_features_that_transforms_drop_are_told_by_name(at: str) -> None:
    features = screen()
    values = features.values.copy()
    values[:, 2] = 0.7
    same = FeatureTable("toy", features.metadata, values, ("a", "b", "c", "d"))
    found = make_profiles(same, recipe("site", "treatment", transforms=(Z,), transform_at=at))
    assert found.dropped == ("c",)
    assert found.values.shape == (2, 3)
    plain = make_profiles(features, recipe("treatment", transforms=(Z,)))
    assert (plain.dropped, plain.transductive) == ((), ())


def test_plates_without_controls_are_refused_by_name() -> None:
    rows = controls(5) + cells("a", 1, 2, moa="M", plate="P2") + cells("b", 1, 2, moa="M")
    features = table(rows, np.arange(9))
    asked = recipe("site", "treatment", transforms=({**Z, "by": "plate"},))
    with pytest.raises(InputError, match="in 1 of them: P2"):
        make_profiles(features, asked)


def test_no_rows_have_no_profiles() -> None:
    empty = FeatureTable("toy", screen().metadata.iloc[:0], np.zeros((0, 3)), ("a", "b", "c"))
    for average in ("mean", "median"):
        found = make_profiles(empty, recipe("site", "treatment", average=average))
        assert found.values.shape == (0, 3)
        assert make_profiles(empty, recipe("treatment", average=average)).values.shape == (0, 3)
