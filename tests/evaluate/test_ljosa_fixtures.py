"""Counts on the wells published with Ljosa et al. 2013 that were computed elsewhere, by each step
and option that a protocol can express.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest

from phenovae.evaluate.batches import BatchKey, batch_sets
from phenovae.evaluate.neighbours import Metric, NeighbourScore, score_neighbours
from phenovae.evaluate.protocol import Protocol, load_protocol
from phenovae.evaluate.scores import METRICS, Evaluation, evaluate
from phenovae.evaluate.variants import with_metric, with_transforms
from phenovae.profiles.choosing import FeatureChoice
from phenovae.profiles.features import Features, Matrix
from phenovae.profiles.reading import ReadOptions, read_features
from phenovae.profiles.recipe import make_profiles
from phenovae.screen.well_tables import read_wells

pytestmark = pytest.mark.slow

Transforms = tuple[dict[str, object], ...]
Everywhere = Mapping[tuple[str, float], frozenset[str]]

Z: dict[str, object] = {"name": "z-score"}
Z_BY_PLATE: dict[str, object] = {**Z, "by": "plate"}
SPHERE: dict[str, object] = {"name": "sphere", "regularization": 1.0}
BY_PLATE: dict[str, object] = {"name": "percentile", "by": "plate"}


def known_wells(folder: Path) -> pd.DataFrame:
    data = folder / "bbbc021"
    return read_wells(data / "BBBC021_v1_image.csv.gz", data / "BBBC021_v1_moa.csv")


def read(folder: Path, drop: Sequence[str] = (), *, copies: bool = False) -> Features:
    """The published table, as anybody's is read."""
    choice = FeatureChoice(drop=tuple(drop), drop_copies=copies)
    table = folder / "bbbc021" / "ljosa_jbiomolscreen_2013_per_well_mean.csv.gz"
    return read_features(
        table, known_wells(folder), ReadOptions(name="ljosa", choice=choice)
    ).features


@pytest.fixture(scope="module")
def wells(public_data: Path) -> Features:
    """All 632 wells with all their 516 features."""
    return read(public_data)


def protocol(
    *transforms: dict[str, object], average: str = "mean", metric: Metric = "cosine"
) -> Protocol:
    return Protocol.model_validate(
        {
            "name": "wells", "version": 1, "summary": "wells", "metric": metric,
            "unscorable_as_candidates": False,
            "recipe": {
                "levels": [{"level": "well"}, {"level": "treatment", "average": average}],
                "transform_at": "well", "transforms": list(transforms),
            },
        }
    )  # fmt: skip


def scored(features: Features, by: Protocol) -> Evaluation:
    return evaluate(features, by, seed=0, draws=20)


def counts(features: Features, by: Protocol) -> tuple[object, object]:
    nsc, nscb = scored(features, by).records
    assert (nsc["total"], nscb["total"]) == (103, 92)
    return nsc["correct"], nscb["correct"]


def sphere(**told: object) -> dict[str, object]:
    return {"name": "sphere", "regularization": 0.0, **told}


STEPS: dict[str, tuple[Transforms, tuple[int, int]]] = {
    "percentiles of each plate": ((BY_PLATE,), (84, 66)),
    "z-scores and sphering": ((Z, SPHERE), (96, 70)),
    "z-scores": ((Z,), (89, 63)),
    "sphering": ((SPHERE,), (83, 56)),
    "CORAL by week": ((Z, SPHERE, {"name": "coral", "regularization": 1.0}), (95, 70)),
    "z-scores of each plate": ((Z_BY_PLATE,), (84, 67)),
    "100 axes": ((sphere(components=100),), (92, 63)),
    "z-scores and 100 axes": ((Z, sphere(components=100)), (90, 66)),
    "Spherize of pycytominer": (
        (sphere(method="pca-cor", mode="singular", regularization=1e-6),),
        (92, 72),
    ),
    **{
        f"lambda {added:g}": ((Z, sphere(regularization=added)), expected)
        for added, expected in (
            (1e-6, (87, 66)), (1e-3, (93, 68)), (1e-2, (94, 68)), (0.1, (93, 68)),
            (10.0, (93, 67)), (100.0, (92, 66)),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize(("transforms", "expected"), STEPS.values(), ids=STEPS)
def test_each_step_gives_what_was_computed_elsewhere(
    wells: Features, transforms: Transforms, expected: tuple[int, int]
) -> None:
    assert counts(wells, protocol(*transforms)) == expected


@pytest.mark.parametrize(
    ("transforms", "metric", "expected"),
    [
        ((BY_PLATE,), "pearson", (84, 67)),
        ((BY_PLATE,), "euclidean", (80, 56)),
        ((Z, SPHERE), "euclidean", (90, 65)),
        ((Z,), "pearson", (89, 63)),
        ((Z,), "euclidean", (87, 67)),
        ((Z_BY_PLATE,), "pearson", (85, 68)),
        ((Z_BY_PLATE,), "euclidean", (79, 55)),
    ],
)
def test_other_likenesses_give_what_was_computed_elsewhere(
    wells: Features, transforms: Transforms, metric: Metric, expected: tuple[int, int]
) -> None:
    changed, words = with_metric(protocol(*transforms), metric)
    assert words == f"metric {metric}"
    assert counts(wells, changed) == expected


def test_correlation_after_sphering_depends_on_the_signs_of_components(wells: Features) -> None:
    # Elsewhere 95: correlation takes the mean over the axes away, and the sign of an axis is open.
    changed, _ = with_metric(protocol(Z, SPHERE), "pearson")
    nsc, nscb = counts(wells, changed)
    assert nsc in (95, 96)
    assert nscb == 70


@pytest.mark.parametrize(
    ("transforms", "expected"),
    [((BY_PLATE,), (81, 66)), ((Z, SPHERE), (96, 68)), ((Z,), (88, 63)), ((Z_BY_PLATE,), (79, 63))],
)
def test_medians_of_wells_give_what_was_computed_elsewhere(
    wells: Features, transforms: Transforms, expected: tuple[int, int]
) -> None:
    assert counts(wells, protocol(*transforms, average="median")) == expected


@pytest.fixture(scope="module")
def everywhere(public_data: Path) -> Everywhere:
    """Batches of each compound at each dose, wells of positive controls among them."""
    found: dict[tuple[str, float], set[str]] = {}
    rows = known_wells(public_data)
    keys = zip(rows["Metadata_Compound"], rows["Metadata_Concentration"], strict=True)
    for key, batch in zip(keys, rows["Metadata_Batch"], strict=True):
        found.setdefault(key, set()).add(batch)
    return {key: frozenset(batches) for key, batches in found.items()}


@pytest.mark.parametrize(
    ("transforms", "sets", "joined"),
    [((BY_PLATE,), 66, 69), ((Z, SPHERE), 70, 70), ((), 30, 32)],
)
def test_batches_joined_to_one_name_free_taxol_of_its_week(
    wells: Features, everywhere: Everywhere, transforms: Transforms, sets: int, joined: int
) -> None:
    # The table has the three wells of Week1 alone; the joined name is that of all 333 wells.
    profiles = make_profiles(wells, protocol(*transforms).recipe)
    rows = profiles.metadata
    keys = zip(rows["Metadata_Compound"], rows["Metadata_Concentration"], strict=True)
    of_all = rows.assign(Batches=pd.Series([everywhere[key] for key in keys], dtype=object))
    asked: tuple[tuple[pd.DataFrame, BatchKey, int], ...] = (
        (rows, "sets", sets),
        (of_all, "joined", joined),
    )
    for treatments, how, expected in asked:
        found = nearest(treatments, wells, profiles.values, how)
        assert found.total == 92
        # Margins of raw features are as small as 2e-6, so that rounding may move one.
        assert found.correct == pytest.approx(expected, abs=0 if transforms else 1)


def test_plates_for_batches_give_86_where_two_mechanisms_are_left_out_by_hand(
    wells: Features,
) -> None:
    profiles = make_profiles(wells, protocol(Z, SPHERE).recipe)
    rows = profiles.metadata
    # Plates of other layouts count as other batches, so that one of the two can be right.
    derived = nearest(rows, wells, profiles.values, "plates")
    assert (derived.correct, derived.total) == (92, 98)
    kept = ~rows["Metadata_MoA"].isin(["Cholesterol-lowering", "Kinase inhibitors"]).to_numpy()
    by_hand = nearest(rows.loc[kept].reset_index(drop=True), wells, profiles.values[kept], "plates")
    assert (by_hand.correct, by_hand.total) == (86, 92)


def nearest(
    treatments: pd.DataFrame, wells: Features, values: Matrix, how: BatchKey
) -> NeighbourScore:
    """NSCB of treatments with their batches counted in one way."""
    sets = batch_sets(treatments, wells.metadata, how)
    return score_neighbours(
        treatments.assign(Batches=pd.Series(sets, dtype=object)),
        values,
        METRICS["NSCB"],
        "cosine",
        unscorable_as_candidates=False,
    )


def test_raw_wells_are_within_one_of_what_was_computed_elsewhere(wells: Features) -> None:
    for by, expected in (
        (protocol(), (51, 30)),
        (protocol(metric="pearson"), (51, 29)),
        (protocol(metric="euclidean"), (43, 22)),
        (protocol(average="median"), (47, 30)),
    ):
        assert counts(wells, by) == pytest.approx(expected, abs=1)


def test_rules_of_the_seed_give_what_was_computed_elsewhere(wells: Features) -> None:
    by = load_protocol("seed")
    for names, right, macro, to_dmso in (
        ((), 42, 0.3922, 1),
        (("zscore",), 86, 0.8218, None),
        (("zscore", "sphere"), 88, 0.7675, 5),
    ):
        changed = with_transforms(by, names, None)[0] if names else by
        outcome = scored(wells, changed)
        (record,) = outcome.records
        assert (record["correct"], record["total"]) == (right, 103)
        assert record["value"] == record["macro_compound"] == pytest.approx(macro, abs=5e-5)
        sent = outcome.neighbours["NSC"].rows["Predicted"].tolist().count("DMSO")
        assert to_dmso is None or sent == to_dmso


def test_449_features_without_places_and_numbers(public_data: Path) -> None:
    fewer = read(public_data, ["Location|Number|Parent|Children|Center|Orientation"])
    assert len(fewer.columns) == 449
    assert counts(fewer, protocol(BY_PLATE))[0] == 83
    assert counts(fewer, protocol(Z, SPHERE))[0] == 93
    assert counts(fewer, protocol())[0] == pytest.approx(57, abs=1)


def test_16_features_are_exact_copies(public_data: Path) -> None:
    assert len(read(public_data, copies=True).columns) == 516 - 16
