from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.model_selection import GroupKFold, KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.profiles.screens import Row, cells, controls, table

from phenovae.evaluate.probe import Probe, run_probe
from phenovae.evaluate.probe_records import evaluate_probe
from phenovae.evaluate.statistics import Interval
from phenovae.profiles.features import FeatureTable

PER_COMPOUND = 10


def compounds(*counts: int, cells_each: int = PER_COMPOUND) -> list[Row]:
    """As many compounds of every mechanism as `counts` says."""
    rows: list[Row] = []
    for mechanism, count in enumerate(counts):
        for number in range(count):
            rows += cells(f"c{mechanism}{number}", 1, cells_each, moa=f"m{mechanism}")
    return rows


def codes(rows: list[Row], column: str) -> np.ndarray:
    found: np.ndarray = np.unique([str(row[column]) for row in rows], return_inverse=True)[1]
    return found


def planted(rows: list[Row], strength: float = 4.0, seed: int = 0) -> FeatureTable:
    """Each mechanism has a direction of its own, among noise."""
    mechanism = codes(rows, "Metadata_MoA")
    noise = np.random.default_rng(seed).normal(size=(len(rows), mechanism.max() + 3))
    noise[np.arange(len(rows)), mechanism] += strength
    return table(rows, noise)


def asked(features: FeatureTable, draws: int = 200) -> Probe:
    found = run_probe(features, draws=draws, seed=0)
    assert found is not None
    return found


def test_a_mechanism_that_lies_in_a_direction_is_found_in_unseen_compounds() -> None:
    found = asked(planted(compounds(3, 3, 3, 3)))
    assert found.value > 0.95
    assert found.cells == 12 * PER_COMPOUND
    assert found.folds == 12
    assert found.chance == 1 / 4
    assert set(found.recall) == {"m0", "m1", "m2", "m3"}
    assert found.value == pytest.approx(np.mean(list(found.recall.values())))


def test_knowing_the_compound_is_of_no_use() -> None:
    rows = compounds(3, 3, 3, 3)
    identity = np.eye(12)[codes(rows, "Metadata_Compound")]
    found = asked(table(rows, identity + 0.01 * np.random.default_rng(0).normal(size=(120, 12))))
    # The same features tell everything where cells of the tested compound are trained on.
    truth = codes(rows, "Metadata_MoA")
    leaky = cross_val_predict(
        make_pipeline(StandardScaler(), LogisticRegression(C=0.01)),
        identity, truth, cv=KFold(5, shuffle=True, random_state=0),
    )  # fmt: skip
    assert (leaky == truth).mean() == 1
    assert found.value <= 0.35


def test_noise_scores_by_chance() -> None:
    rows = compounds(3, 3, 3, 3, cells_each=30)
    shares = [
        asked(table(rows, np.random.default_rng(seed).normal(size=(360, 5)))).value
        for seed in range(6)
    ]
    assert np.mean(shares) == pytest.approx(0.25, abs=0.05)


def test_the_score_is_that_of_an_independent_implementation() -> None:
    rows = compounds(6, 2, 4, 1, 3, cells_each=9)
    rows = rows[:40] + rows[47:]
    values = planted(rows, strength=1.0).values.copy()
    # One compound is far off: whoever standardises on the tested cells too sees the others shrink.
    values[codes(rows, "Metadata_Compound") == 0] *= 20
    features = table(rows, values)
    truth = np.array([row["Metadata_MoA"] for row in rows], dtype=str)
    groups = codes(rows, "Metadata_Compound")
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=300)
    )
    predicted = cross_val_predict(
        model, features.values, truth, groups=groups, cv=GroupKFold(n_splits=12)
    )
    scored = ["m0", "m1", "m2", "m4"]
    recall = recall_score(truth, predicted, labels=scored, average=None)
    found = asked(features)
    assert 0.2 < found.value < 0.9
    assert found.value == pytest.approx(recall.mean())
    assert found.recall == pytest.approx(dict(zip(scored, recall, strict=True)))
    assert found.folds == 12
    assert found.alone == ("m3",)


@pytest.mark.parametrize(("counts", "folds"), [((2, 2), 4), ((5, 6), 11), ((10, 10), 12)])
def test_there_are_as_many_folds_as_compounds_and_twelve_at_most(
    counts: tuple[int, ...], folds: int
) -> None:
    found = asked(planted(compounds(*counts)))
    assert found.folds == folds
    assert found.value > 0.9


def test_a_mechanism_of_one_compound_is_listed_and_not_scored() -> None:
    rows = compounds(3, 3, 1)
    found = asked(planted(rows))
    assert found.alone == ("m2",)
    assert set(found.recall) == {"m0", "m1"}
    assert found.value > 0.95
    # It is a possible answer none the less.
    assert found.chance == 1 / 3
    assert found.cells == 7 * PER_COMPOUND


def test_a_mechanism_whose_compounds_share_a_fold_is_said_to_be_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Folds are filled from the largest compound on: the thirteenth joins the twelfth.
    rows: list[Row] = []
    for number in range(13):
        rows += cells(f"c{number:02d}", 1, 30 - number, moa=f"m{number // 4 if number < 11 else 9}")
    found = asked(planted(rows, strength=9.0))
    assert found.recall == {"m0": 1, "m1": 1, "m2": 1, "m9": 0}
    assert "cannot learn m9: all its compounds fall into one fold" in caplog.text


def test_controls_take_no_part() -> None:
    rows = compounds(3, 3)
    features = planted(rows, strength=1.0)
    others = (
        controls(40)
        + cells("taxol", 0.3, 40, moa="m0", role="positive_control")
        + cells("mystery", 1, 40)
    )
    for row in others[:40]:
        row["Metadata_MoA"] = "DMSO"
    strange = np.random.default_rng(1).normal(size=(120, features.values.shape[1])) * 1e3
    beside = table(rows + others, np.concatenate([features.values, strange]))
    assert asked(beside) == asked(features)


def test_the_scale_of_a_feature_does_not_matter() -> None:
    features = planted(compounds(3, 3, 3), strength=1.0)
    scaled = table(
        compounds(3, 3, 3), features.values * np.logspace(-2, 2, features.values.shape[1]) + 7
    )
    assert asked(scaled).value == pytest.approx(asked(features).value, abs=0.02)


def test_cells_of_a_crowded_mechanism_count_no_more_than_others() -> None:
    rows = compounds(2, cells_each=200) + [
        {**row, "Metadata_MoA": "n", "Metadata_Compound": f"n{row['Metadata_Compound']}"}
        for row in compounds(2, cells_each=5)
    ]
    found = asked(table(rows, np.random.default_rng(0).normal(size=(410, 3))))
    assert found.value == pytest.approx((found.recall["m0"] + found.recall["n"]) / 2)
    assert found.recall["m0"] < 0.9


@pytest.mark.parametrize("counts", [(4,), (4, 1, 1), (1, 1, 1), ()])
def test_fewer_than_two_mechanisms_of_two_compounds_cannot_be_asked(
    counts: tuple[int, ...],
) -> None:
    rows = compounds(*counts) + controls(20)
    features = table(rows, np.random.default_rng(0).normal(size=(len(rows), 2)))
    assert run_probe(features, draws=10, seed=0) is None
    record = evaluate_probe(features, seed=0, draws=10)
    assert record["value"] is None
    assert record["total"] == 0
    assert record["reason"] == "fewer than two mechanisms have two compounds"


def test_its_interval_draws_compounds_within_mechanisms() -> None:
    perfect = asked(planted(compounds(2, 2), strength=50.0))
    assert perfect.value == 1
    assert perfect.interval == Interval(1, 1)
    # m0 has two compounds at -1, and a third at 1, where all of m1 is and it is taken for m1. Three
    # draws of the three are all wrong in 1 of 27 worlds and all right in 8: m0 reaches from 0 to 1,
    # and m1 is right in all of them.
    rows = compounds(3, 4)
    place = np.where(codes(rows, "Metadata_Compound") < 2, -1.0, 1.0)
    mixed = asked(table(rows, place), draws=4000)
    assert mixed.recall == {"m0": pytest.approx(2 / 3), "m1": 1}
    assert mixed.interval == Interval(0.5, 1)


def test_its_record_repeats_with_its_seed_and_says_what_it_rests_on() -> None:
    features = planted(compounds(4, 4, 1), strength=0.7)
    record = evaluate_probe(features, seed=3, draws=300)
    assert record == evaluate_probe(features, seed=3, draws=300)
    assert (record["features"], record["protocol"], record["version"], record["metric"]) == (
        "toy", "cell-probe", 1, "probe"
    )  # fmt: skip
    assert (record["seed"], record["cells"], record["folds"]) == (3, 90, 9)
    assert record["unscorable"] == ["m2"]
    assert record["dimensions"] == 5
    assert isinstance(record["low"], float)
    assert isinstance(record["high"], float)
    assert isinstance(record["value"], float)
    assert record["low"] <= record["value"] <= record["high"]
