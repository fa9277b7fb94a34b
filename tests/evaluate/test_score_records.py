from __future__ import annotations

import json

import numpy as np
import pytest
from tests.evaluate.worlds import Treatment, directions, screen
from tests.profiles.screens import Row, cells, controls, table

from phenovae.base.errors import InputError
from phenovae.evaluate.protocol import Protocol, load_protocol
from phenovae.evaluate.scores import Evaluation, Record, column_of, confusion, evaluate
from phenovae.profiles.features import FeatureTable

PLAIN = Protocol.model_validate(
    {
        "name": "plain", "version": 3, "summary": "the profile is the cell",
        "recipe": {"levels": [{"level": "treatment"}]}, "unscorable_as_candidates": True,
    }
)  # fmt: skip


def one_cell_each(treatments: list[Treatment], values: np.ndarray) -> FeatureTable:
    rows: list[Row] = []
    for number, (compound, dose, moa, batch) in enumerate(treatments):
        rows += cells(
            compound,
            dose,
            moa=moa,
            batch=batch,
            plate=f"{batch}_{number % 2}",
            well=f"B{number:02d}",
        )
    return table(rows, values)


def by_metric(evaluation: Evaluation) -> dict[str, Record]:
    return {str(record["metric"]): record for record in evaluation.records}


def one_and_nine() -> FeatureTable:
    """Compound a has one dose and is right; b has nine, of which one is; c and d are right.

    a lies at 0°, the first dose of b at 10°, the others at 80°; c at 85° and d at 88° are of
    another mechanism.
    """
    treatments: list[Treatment] = [
        ("a", 1, "X", "W1"),
        *[("b", float(dose), "X", "W2") for dose in range(1, 10)],
        ("c", 1, "Y", "W1"),
        ("d", 1, "Y", "W2"),
    ]
    return one_cell_each(treatments, directions(0, 10, *[80] * 8, 85, 88))


def test_treatments_compounds_and_mechanisms_are_three_averages_by_hand() -> None:
    record = by_metric(evaluate(one_and_nine(), PLAIN, seed=0, draws=500))["NSC"]
    assert (record["correct"], record["total"]) == (4, 12)
    assert record["value"] == pytest.approx(4 / 12)
    assert record["macro_compound"] == pytest.approx((1 + 1 / 9 + 1 + 1) / 4)
    assert record["macro_moa"] == pytest.approx((2 / 10 + 1) / 2)


def test_misses_say_what_was_taken_for_what() -> None:
    evaluation = evaluate(one_and_nine(), PLAIN, seed=0, draws=100)
    record = by_metric(evaluation)["NSC"]
    misses = record["misses"]
    assert isinstance(misses, list)
    assert [miss["treatment"] for miss in misses] == [f"b {dose} µM" for dose in range(2, 10)]
    assert misses[0] == {
        "treatment": "b 2 µM", "moa": "X", "neighbour": "c 1 µM", "predicted": "Y",
        "similarity": pytest.approx(np.cos(np.deg2rad(5))),
    }  # fmt: skip
    counts = confusion(evaluation.neighbours["NSC"])
    assert counts.index.tolist() == counts.columns.tolist() == ["X", "Y"]
    assert counts.to_numpy().tolist() == [[2, 8], [0, 2]]


def test_a_record_says_what_it_rests_on_and_is_plain_json() -> None:
    features = screen(lambda mechanism, compound, batch: np.eye(5)[mechanism], noise=0.5)
    protocol = load_protocol("caicedo2018")
    evaluation = evaluate(features, protocol, seed=11, draws=200)
    assert [record["metric"] for record in evaluation.records] == ["NSC", "NSCB"]
    for record in evaluation.records:
        assert set(record) == {
            "features", "protocol", "version", "metric", "value", "correct", "total", "low", "high",
            "seed", "cells", "controls", "fitted_on", "dimensions", "parameters", "p_value",
            "null_mean", "micro", "macro_compound", "macro_moa", "ties", "unscorable", "misses",
            "variant", "track", "level", "training", "transformed_at", "left_out", "headline",
            "features_dropped", "kind", "by_moa",
        }  # fmt: skip
        assert (record["features"], record["seed"]) == ("toy", 11)
        assert (record["protocol"], record["version"]) == ("caicedo2018", 2)
        # 15 compounds, 2 doses, 2 wells, 2 fields, 2 cells; 3 batches of 24 fields of controls.
        assert (record["cells"], record["controls"], record["dimensions"]) == (240, 72, 5)
        assert record["parameters"] == protocol.model_dump(mode="json")
        assert json.loads(json.dumps(record)) == record
        assert record["value"] == pytest.approx(record["correct"] / record["total"])  # type: ignore[operator]
        low, value, high = (record[key] for key in ("low", "value", "high"))
        assert 0 <= low <= value <= high <= 1  # type: ignore[operator]


def test_records_repeat_with_their_seed() -> None:
    features = screen(lambda mechanism, compound, batch: np.eye(5)[mechanism], noise=3.0)
    protocol = load_protocol("cells-mean")
    one = evaluate(features, protocol, seed=1, draws=200)
    assert one.records == evaluate(features, protocol, seed=1, draws=200).records
    other = evaluate(features, protocol, seed=2, draws=200)
    for first, second in zip(one.records, other.records, strict=True):
        assert first["correct"] == second["correct"]
        assert first["p_value"] != second["p_value"] or first["null_mean"] != second["null_mean"]


def test_the_order_of_cells_changes_no_record() -> None:
    features = screen(lambda mechanism, compound, batch: np.eye(5)[mechanism], noise=2.0)
    order = np.random.default_rng(0).permutation(len(features))
    shuffled = FeatureTable(
        features.name,
        features.metadata.iloc[order].reset_index(drop=True),
        features.values[order],
        features.columns,
    )
    for name in ("caicedo2018", "cells-mean", "cells-mean-whitened"):
        one = evaluate(features, load_protocol(name), seed=0, draws=100)
        other = evaluate(shuffled, load_protocol(name), seed=0, draws=100)
        for first, second in zip(one.records, other.records, strict=True):
            for key in ("correct", "total", "low", "high", "p_value", "macro_moa", "ties"):
                assert first[key] == second[key]


def test_a_share_of_a_tie_stays_a_share_in_the_record() -> None:
    treatments: list[Treatment] = [(c, 1, m, "W1") for c, m in zip("abcd", "XXYY", strict=True)]
    record = evaluate(
        one_cell_each(treatments, directions(3, 3, 3, 3)), PLAIN, seed=0, draws=50
    ).records[0]
    assert record["correct"] == pytest.approx(4 / 3)
    assert record["ties"] == 4


@pytest.mark.parametrize("treatments", [[], [("a", 1, "X", "W1")]])
def test_fewer_than_two_treatments_are_no_score_but_a_reason(treatments: list[Treatment]) -> None:
    rows = [row for site in range(30) for row in controls(site=site)]
    for compound, dose, moa, batch in treatments:
        rows += cells(compound, dose, 5, moa=moa, batch=batch)
    rows += cells("unknown", 1, 5, well="E05")
    features = table(rows, np.random.default_rng(0).normal(size=(len(rows), 2)))
    for name in ("caicedo2018", "cells-mean", "cells-mean-whitened"):
        evaluation = evaluate(features, load_protocol(name), seed=0, draws=10)
        assert evaluation.neighbours == {}
        for record in evaluation.records:
            assert record["reason"] == "fewer than two annotated treatments"
            assert record["value"] is record["correct"] is record["low"] is record["high"] is None
            assert record["total"] == 0
            assert record["cells"] == 5 * len(treatments)


def test_where_no_treatment_can_be_right_the_record_says_so_and_lists_them() -> None:
    treatments: list[Treatment] = [
        ("a", 1, "X", "W1"), ("b", 1, "X", "W1"), ("c", 0.5, "Y", "W2")
    ]  # fmt: skip
    found = by_metric(evaluate(one_cell_each(treatments, directions(0, 9, 50)), PLAIN, seed=0))
    assert (found["NSC"]["correct"], found["NSC"]["total"]) == (2, 2)
    assert found["NSC"]["unscorable"] == ["c 0.5 µM"]
    assert found["NSCB"]["value"] is None
    assert found["NSCB"]["total"] == 0
    assert found["NSCB"]["reason"] == "no treatment has an allowed neighbour of its own mechanism"
    assert found["NSCB"]["unscorable"] == ["a 1 µM", "b 1 µM", "c 0.5 µM"]


def test_a_protocol_that_needs_controls_says_so() -> None:
    features = one_cell_each([("a", 1, "X", "W1"), ("b", 1, "X", "W2")], directions(0, 1))
    with pytest.raises(InputError, match="no negative controls"):
        evaluate(features, load_protocol("cells-mean"), seed=0, draws=10)


def test_scores_of_different_protocols_share_no_column() -> None:
    one: Record = {"protocol": "cells-mean", "version": 1}
    assert column_of([one, dict(one)]) == "cells-mean@1"
    for other in ({"protocol": "caicedo2018", "version": 1}, {**one, "version": 2}):
        with pytest.raises(InputError, match=r"scores of .*@. and .*@. share no column"):
            column_of([one, other])
    with pytest.raises(InputError, match="no protocol"):
        column_of([])
