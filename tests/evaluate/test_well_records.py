"""Replicates and the mixing of batches as records, and what is said where they are not measured."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from tests.evaluate.worlds import directions, screen
from tests.profiles.screens import Row, cells, controls, table

from phenovae.base.errors import InputError, UsageError
from phenovae.evaluate.measures import NONE, Measures
from phenovae.evaluate.probe_records import evaluate_well_probe
from phenovae.evaluate.protocol import Protocol, load_protocol
from phenovae.evaluate.scores import PLAIN, Record, column_of, evaluate
from phenovae.evaluate.together import Asked, score_together
from phenovae.evaluate.vote_records import vote_records
from phenovae.evaluate.well_records import well_records
from phenovae.profiles.features import FeatureTable, feature_table

BARE = Protocol.model_validate(
    {
        "name": "bare", "version": 1, "summary": "wells as they are",
        "recipe": {"levels": [{"level": "well"}, {"level": "treatment"}]},
        "unscorable_as_candidates": True,
    }
)  # fmt: skip
WELLS = Measures()
DMSO, TAXOL = "negative controls", "positive controls"


def measured(
    features: FeatureTable, protocol: Protocol = BARE, measures: Measures = WELLS
) -> dict[str, Record]:
    found = well_records(features, protocol, measures, draws=200, seed=0, told=PLAIN)
    for record in found:
        assert json.loads(json.dumps(record)) == record
    return {str(record["metric"]): record for record in found}


def controlled(batches: str, values: np.ndarray, *, positive: bool = False) -> FeatureTable:
    """A well of one cell for each letter, which is its batch; three on a plate."""
    rows: list[Row] = []
    for number, batch in enumerate(batches):
        compound, dose = ("taxol", 0.3) if positive else ("DMSO", 0.0)
        role = "positive_control" if positive else "negative_control"
        rows += cells(
            compound, dose, plate=f"{batch}{number // 3}", well=f"B{number:02d}", batch=batch,
            role=role,
        )  # fmt: skip
    return table(rows, values)


def sets_of(features: FeatureTable) -> pd.Series:
    return features.metadata["Metadata_Batch"].map(lambda name: frozenset({name}))


def test_four_wells_by_hand() -> None:
    """The example of docs/measures.md: the replicate stands second of three."""
    rows = [
        *cells("x", 1, plate="P1", well="B02"),
        *cells("x", 1, plate="P2", well="B02"),
        *controls(plate="P1", well="A01"),
        *controls(plate="P1", well="A02"),
    ]
    record = measured(table(rows, directions(0, 20, 10, 40)))["replicate mAP"]
    assert record["value"] == pytest.approx(1 / 2)
    assert record["null_mean"] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert (record["total"], record["treatments"], record["unasked"]) == (1, 1, 1)
    assert record["by_treatment"] == [
        {"treatment": "x 1 µM", "wells": 1, "value": 0.5, "p_value": pytest.approx(2 / 3),
         "p_adjusted": pytest.approx(2 / 3)}
    ]  # fmt: skip
    # The best of three places has a p of a third: none could be found.
    assert (record["found"], record["could"]) == (0, 0)
    assert (record["kind"], record["cells"], record["wells"]) == ("replicates", 2, "treatment")


def test_batches_that_lie_apart_are_told_and_do_not_mix() -> None:
    batches = "A" * 9 + "B" * 9
    apart = np.repeat([[1.0, 0.0], [0.0, 1.0]], 9, axis=0)
    values = apart + 0.01 * np.random.default_rng(0).normal(size=(18, 2))
    found = measured(controlled(batches, values))
    mixing, told = found[f"mixing of {DMSO}, k=10"], found[f"batch told from {DMSO}"]
    assert (mixing["value"], mixing["low"], mixing["high"]) == (1, 1, 1)
    # Ten neighbours are too many of eighteen wells: a third of them are asked for.
    assert (mixing["k"], mixing["total"], mixing["batches"]) == (6, 18, {"A": 9, "B": 9})
    assert mixing["null_mean"] == pytest.approx(2 * 9 * 8 / (18 * 17))
    assert (mixing["inverse_simpson"], mixing["rejection"]) == (1, 1)
    assert (told["value"], told["chance"], told["plates"], told["folds"]) == (1, 0.5, 6, 3)
    assert {mixing["kind"], told["kind"]} == {"batch mixing"}
    assert (mixing["treatment"], mixing["other_wells"], mixing["cells"]) == ("DMSO 0 µM", 0, 18)
    for name in (f"mixing of {TAXOL}, k=10", f"batch told from {TAXOL}"):
        assert found[name]["value"] is None
        assert found[name]["reason"] == "no well is one of the positive controls"


def test_positive_controls_are_measured_by_their_most_frequent_treatment() -> None:
    one = controlled("AAABBB" * 3, np.random.default_rng(0).normal(size=(18, 3)), positive=True)
    odd = one.metadata["Metadata_Compound"].where(one.metadata.index > 0, "other")
    features = FeatureTable(
        "toy", one.metadata.assign(Metadata_Compound=odd), one.values, one.columns
    )
    record = measured(features)[f"mixing of {TAXOL}, k=10"]
    assert (record["treatment"], record["total"], record["other_wells"]) == ("taxol 0.3 µM", 17, 1)


def test_what_the_transforms_changed_stands_beside_it() -> None:
    # Batches lie 20 apart; percentiles of every plate take that away.
    random = np.random.default_rng(1)
    shift = np.where(np.array(list("A" * 12 + "B" * 12)) == "A", 0.0, 20.0)[:, None]
    features = controlled("A" * 12 + "B" * 12, shift + random.normal(5, 1, (24, 2)))
    protocol = load_protocol("ljosa2013-wells").model_copy(update={"metric": "euclidean"})
    mixing = measured(features, protocol)[f"mixing of {DMSO}, k=10"]
    before = mixing["before_transforms"]
    assert isinstance(before, dict)
    assert before["value"] == 1
    assert isinstance(mixing["value"], float)
    assert mixing["value"] < 0.75
    assert before["difference"] == pytest.approx(mixing["value"] - 1)
    assert before["difference_low"] <= before["difference"] <= before["difference_high"] < 0


@pytest.mark.parametrize(
    ("batches", "mixes", "tells"),
    [
        ("AAABBB", "6 wells are too few to say how batches mix: 9 are needed", None),
        ("A" * 12, "1 batch among 12 wells: nothing can mix", "0 of 1|1 of 1"),
        ("AAABBBCCC", None, "0 of 3 batches have two plates"),
    ],
)
def test_what_a_screen_lacks_is_the_reason(
    batches: str, mixes: str | None, tells: str | None
) -> None:
    values = np.random.default_rng(0).normal(size=(len(batches), 2)) + 3
    found = measured(controlled(batches, values))
    for name, reason in ((f"mixing of {DMSO}, k=10", mixes), (f"batch told from {DMSO}", tells)):
        if reason is not None:
            assert found[name]["value"] is None
            assert any(each in str(found[name]["reason"]) for each in reason.split("|"))
    assert found["replicate mAP"]["reason"] == "no well holds a treatment"


def test_features_of_treatments_and_screens_without_controls_say_so() -> None:
    rows = [*cells("a", 1, moa="X"), *cells("b", 1, moa="X", well="B03")]
    features = table(rows, np.ones((2, 2)))
    for record in measured(features, load_protocol("cells-mean")).values():
        assert "no negative controls" in str(record["reason"])
    frame = features.metadata.assign(f=[1.0, 2.0], Batches=sets_of(features))
    for record in measured(feature_table("t", frame, ["f"], "treatment")).values():
        assert record["reason"] == "the features are of treatments, and not of wells"


def test_mixing_and_biology_share_no_column() -> None:
    features = screen(lambda mechanism, compound, batch: np.eye(6)[mechanism])
    scored = score_together(
        [Asked(features, load_protocol("cells-mean"))], seed=0, draws=100, measures=Measures()
    )
    by = {str(record["metric"]): record for record in scored.records}
    mixing = by[f"mixing of {DMSO}, k=10"]
    assert column_of([mixing, dict(mixing)]) == "cells-mean@1"
    for metric in ("NSC", "NSCB", "NSC mAP", "NSC k=3", "replicate mAP"):
        with pytest.raises(InputError, match=r"records of batch mixing and .* share no column"):
            column_of([mixing, by[metric]])
    # Not even where all that is said of them is the same, but for the kind.
    with pytest.raises(InputError, match="records of batch mixing and mechanism share no column"):
        column_of([mixing, {**mixing, "kind": "mechanism"}])
    with pytest.raises(InputError, match="numbers of neighbours 10 and 6 share no column"):
        column_of([{**mixing, "k": 6}, {**mixing, "k": 10}])
    with pytest.raises(InputError, match="metrics"):
        column_of([mixing, by[f"batch told from {DMSO}"]])


def test_votes_are_records_beside_their_metric() -> None:
    features = screen(lambda mechanism, compound, batch: np.eye(6)[mechanism], noise=1.0)
    found = evaluate(features, load_protocol("cells-mean"), seed=0, draws=100)
    one, three = (vote_records(found, [k], draws=100, seed=0) for k in (1, 3))
    for record, votes in zip(found.records, one, strict=True):
        assert votes["metric"] == f"{record['metric']} k=1"
        for key in ("correct", "total", "unscorable", "by_moa"):
            assert votes[key] == record[key]
    assert [each["k"] for each in three] == [3, 3]
    rows = three[0]["by_moa"]
    assert isinstance(rows, list)
    told = pd.DataFrame(rows)
    assert told["support"].sum() == three[0]["total"] == 30
    assert told["right"].sum() == three[0]["correct"]
    assert json.loads(json.dumps(three)) == three


def test_scores_say_what_they_were_before_the_transforms() -> None:
    features = screen(lambda mechanism, compound, batch: np.eye(6)[mechanism], noise=0.5)
    protocol = load_protocol("cells-mean")
    with_them = score_together(
        [Asked(features, protocol)], seed=0, draws=100, measures=Measures()
    ).records[0]
    bare = evaluate(features, protocol.untransformed(), seed=0, draws=100).records[0]
    before = with_them["before_transforms"]
    assert isinstance(before, dict)
    for key in ("value", "correct", "low", "high"):
        assert before[key] == bare[key]
    assert isinstance(with_them["value"], float)
    assert before["difference"] == pytest.approx(with_them["value"] - before["value"])
    plain = score_together([Asked(features, BARE)], seed=0, draws=100, measures=Measures())
    assert not any("before_transforms" in record for record in plain.records)


def test_nothing_more_is_measured_than_is_asked_for() -> None:
    features = screen(lambda mechanism, compound, batch: np.eye(6)[mechanism])

    def metrics(measures: Measures) -> Sequence[object]:
        asked = [Asked(features, load_protocol("cells-mean"))]
        found = score_together(asked, seed=0, draws=100, measures=measures).records
        assert measures.before_transforms or not any("before_transforms" in each for each in found)
        return [each["metric"] for each in found]

    alone = ["NSC", "NSCB", "NSC mAP", "NSCB mAP"]
    assert metrics(NONE) == alone
    every = ("votes", "before-transforms", "replicates", "mixing", "batch-classifier", "well-probe")
    assert Measures().without(every) == NONE
    assert metrics(Measures().without(every[1:])) == [*alone, "NSC k=3", "NSCB k=3"]
    with pytest.raises(UsageError, match="there is no measure 'mixin'"):
        Measures().without(("mixin",))


def test_what_transforms_warn_of_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    features = controlled("AAABBB", np.random.default_rng(0).normal(5, 1, (6, 2)))
    with caplog.at_level(logging.WARNING, "phenovae"):
        measured(features, load_protocol("ljosa2013-wells"))
        assert not caplog.records
        evaluate(features, load_protocol("ljosa2013-wells"), seed=0, draws=100)
    assert any("controls of plate" in record.message for record in caplog.records)


def test_the_well_probe_is_a_record_of_its_own() -> None:
    features = screen(lambda mechanism, compound, batch: np.eye(6)[mechanism])
    record = evaluate_well_probe(features, seed=0, draws=100)
    # 15 compounds, two doses, two wells, four cells in each.
    assert (record["metric"], record["total"], record["cells"]) == ("well probe", 60, 240)
    assert record["value"] == 1
    frame = features.metadata.assign(f=1.0, Batches=sets_of(features))
    treatments = feature_table("t", frame, ["f"], "treatment")
    assert "not of wells" in str(evaluate_well_probe(treatments, seed=0, draws=10)["reason"])
