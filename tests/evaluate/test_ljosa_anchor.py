"""Scores of the per-well features published with Ljosa et al. 2013, by this package's own steps."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenovae.evaluate.neighbours import Metric, NeighbourScore, score_neighbours
from phenovae.evaluate.protocol import Protocol
from phenovae.evaluate.scores import METRICS, Record, evaluate
from phenovae.profiles.features import FeatureTable, feature_table
from phenovae.profiles.recipe import make_profiles
from phenovae.screen.bbbc021.tables import read_sites

Z: dict[str, object] = {"name": "z-score", "ddof": 0}


def whiten(added: float) -> dict[str, object]:
    return {"name": "sphere", "regularization": added, "mode": "absolute", "ddof": 0}


def protocol(
    *transforms: dict[str, object], average: str = "mean", metric: str = "cosine",
    keep: bool = False,
) -> Protocol:  # fmt: skip
    return Protocol.model_validate(
        {
            "name": "wells", "version": 1, "summary": "mean of wells",
            "recipe": {
                "levels": [{"level": "well"}, {"level": "treatment", "average": average}],
                "transform_at": "well",
                "transforms": list(transforms),
            },
            "metric": metric, "unscorable_as_candidates": keep,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def wells(public_data: Path) -> FeatureTable:
    """The 632 wells with their 516 features and this package's metadata."""
    folder = public_data / "bbbc021"
    features = pd.read_csv(folder / "ljosa_jbiomolscreen_2013_per_well_mean.csv.gz")
    sites = read_sites(folder / "BBBC021_v1_image.csv.gz", folder / "BBBC021_v1_moa.csv")
    well = ["Metadata_Plate", "Metadata_Well"]
    known = sites.drop_duplicates(well).drop(columns="Metadata_Site")
    features = features.rename(
        columns={"Image_Metadata_Plate": "Metadata_Plate", "Image_Metadata_Well": "Metadata_Well"}
    )
    columns = [name for name in features.columns if name not in well]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.PerformanceWarning)
        rows = features.merge(known, on=well, how="left", validate="one_to_one")
    return feature_table("ljosa", rows, columns)


def outcomes(features: FeatureTable, by: Protocol) -> dict[str, NeighbourScore]:
    profiles = make_profiles(features, by.recipe)
    metric: Metric = by.metric
    return {
        name: score_neighbours(
            profiles.metadata, profiles.values, rule, metric,
            unscorable_as_candidates=by.unscorable_as_candidates,
        )
        for name, rule in METRICS.items()
    }  # fmt: skip


def counts(features: FeatureTable, by: Protocol) -> tuple[float, float]:
    found = outcomes(features, by)
    assert (found["NSC"].total, found["NSCB"].total) == (103, 92)
    return found["NSC"].correct, found["NSCB"].correct


def misses(outcome: NeighbourScore) -> list[str]:
    rows = outcome.rows
    return rows.loc[rows["Right"] < 1, "Treatment"].tolist()


@pytest.fixture(scope="module")
def whitened(wells: FeatureTable) -> dict[str, NeighbourScore]:
    """The outcome of z-scores and whitening with λ = 1."""
    return outcomes(wells, protocol(Z, whiten(1.0)))


def test_the_wells_are_those_of_103_treatments_and_the_controls(wells: FeatureTable) -> None:
    assert wells.values.shape == (632, 516)
    roles = wells.metadata["Metadata_Role"].value_counts().to_dict()
    assert roles == {"negative_control": 330, "treatment": 302}
    profiles = make_profiles(wells, protocol(Z).recipe)
    assert profiles.fitted_on == 330
    assert profiles.metadata["Profile_Wells"].value_counts().to_dict() == {3: 96, 2: 7}
    assert profiles.metadata["Metadata_MoA"].nunique() == 12
    assert profiles.metadata["Metadata_Compound"].nunique() == 38
    assert set(profiles.metadata["Batches"].map(len)) == {1}


def test_whitened_z_scores_reach_96_of_103_and_70_of_92(
    whitened: dict[str, NeighbourScore],
) -> None:
    nsc, nscb = whitened["NSC"], whitened["NSCB"]
    assert (nsc.correct, nsc.total, nsc.ties) == (96, 103, 0)
    assert (nscb.correct, nscb.total, nscb.ties) == (70, 92, 0)
    assert misses(nsc) == [
        "ALLN 100 µM", "camptothecin 0.003 µM", "camptothecin 0.03 µM", "colchicine 0.03 µM",
        "cytochalasin D 0.3 µM", "docetaxel 0.03 µM", "mitoxantrone 0.003 µM",
    ]  # fmt: skip
    by_name = pd.Series(misses(nscb)).str.rsplit(n=2).str[0].value_counts()
    assert len(misses(nscb)) == 22
    assert by_name["vincristine"] == 7
    assert by_name["demecolcine"] == 3
    lost = nscb.rows.loc[nscb.rows["Right"] < 1, "Metadata_MoA"]
    assert (lost == "Actin disruptors").sum() == 5


def test_the_queries_left_out_are_those_whose_mechanism_has_one_week(wells: FeatureTable) -> None:
    found = outcomes(wells, protocol(Z))
    assert found["NSC"].unscorable == ()
    left_out = found["NSCB"].unscorable
    assert len(left_out) == 11
    assert {name.rsplit(" ", 2)[0] for name in left_out} == {
        "mevinolin/lovastatin", "simvastatin", "PD-169316", "alsterpaullone", "bryostatin"
    }  # fmt: skip
    # Cytochalasin B and latrunculin B share a week: cytochalasin D alone may be their partner.
    partners = found["NSCB"].rows.set_index("Treatment")["Partners"]
    assert partners[partners == 1].index.str.rsplit(n=2).str[0].unique().tolist() == [
        "cytochalasin B", "latrunculin B"
    ]  # fmt: skip
    assert (partners == 1).sum() == 4


@pytest.mark.parametrize(
    ("added", "expected"),
    [(1e-6, (87, 66)), (1e-2, (94, 68)), (100.0, (92, 66))],
)
def test_the_regularisation_is_what_moves_the_score(
    wells: FeatureTable, added: float, expected: tuple[int, int]
) -> None:
    assert counts(wells, protocol(Z, whiten(added))) == expected


def test_z_scores_alone_reach_89_and_63(wells: FeatureTable) -> None:
    assert counts(wells, protocol(Z)) == (89, 63)


def test_raw_features_reach_51_and_30(wells: FeatureTable) -> None:
    # Margins of the raw features are as small as 2e-6, so that rounding may move one.
    nsc, nscb = counts(wells, protocol())
    assert nsc == pytest.approx(51, abs=1)
    assert nscb == pytest.approx(30, abs=1)


def test_whitening_of_raw_features_reaches_83_and_56(wells: FeatureTable) -> None:
    assert counts(wells, protocol(whiten(1.0))) == (83, 56)


@pytest.mark.parametrize(
    ("metric", "average", "expected"),
    [("euclidean", "mean", (90, 65)), ("cosine", "median", (96, 68))],
)
def test_metric_and_average_are_part_of_the_protocol(
    wells: FeatureTable, metric: str, average: str, expected: tuple[int, int]
) -> None:
    by = protocol(Z, whiten(1.0), metric=metric, average=average)
    assert counts(wells, by) == expected


def test_what_cannot_be_right_makes_no_difference_as_a_neighbour_here(wells: FeatureTable) -> None:
    assert counts(wells, protocol(Z, whiten(1.0), keep=True)) == (96, 70)


def test_intervals_and_worlds_of_chance_are_those_computed_elsewhere(wells: FeatureTable) -> None:
    found: dict[str, Record] = {
        str(record["metric"]): record
        for record in evaluate(wells, protocol(Z, whiten(1.0)), seed=0, draws=4000).records
    }
    for metric, low, high in (("NSC", 0.867, 0.981), ("NSCB", 0.598, 0.902)):
        record = found[metric]
        assert record["low"] == pytest.approx(low, abs=0.015)
        assert record["high"] == pytest.approx(high, abs=0.015)
        assert record["p_value"] == pytest.approx(1 / 4001)
    assert found["NSC"]["null_mean"] == pytest.approx(0.0625, abs=0.004)
    assert found["NSC"]["macro_compound"] == pytest.approx(0.895, abs=0.0005)


def test_the_order_of_wells_changes_nothing(
    wells: FeatureTable, whitened: dict[str, NeighbourScore]
) -> None:
    order = np.random.default_rng(0).permutation(len(wells))
    shuffled = FeatureTable(
        wells.name, wells.metadata.iloc[order].reset_index(drop=True), wells.values[order],
        wells.columns,
    )  # fmt: skip
    other = outcomes(shuffled, protocol(Z, whiten(1.0)))
    for metric in ("NSC", "NSCB"):
        assert misses(whitened[metric]) == misses(other[metric])


def test_treated_wells_do_not_move_the_transform(wells: FeatureTable) -> None:
    treated = (wells.metadata["Metadata_Compound"] == "taxol").to_numpy()
    changed = wells.values.copy()
    changed[treated] *= 3
    by = protocol(Z, whiten(1.0)).recipe
    one = make_profiles(wells, by)
    other = make_profiles(FeatureTable("x", wells.metadata, changed, wells.columns), by)
    others = (one.metadata["Metadata_Compound"] != "taxol").to_numpy()
    # Products of matrices may round differently by their place, the transform itself may not.
    np.testing.assert_allclose(one.values[others], other.values[others], rtol=1e-9, atol=1e-9)
    assert not np.allclose(one.values[~others], other.values[~others])
