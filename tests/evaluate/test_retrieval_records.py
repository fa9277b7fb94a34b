from __future__ import annotations

import json

import numpy as np
import pytest
from tests.evaluate.worlds import screen

from phenovae.evaluate.protocol import load_protocol
from phenovae.evaluate.retrieval_records import retrieval_records
from phenovae.evaluate.scores import evaluate


def test_where_the_mechanism_is_everything_all_partners_stand_first() -> None:
    world = screen(lambda mechanism, compound, batch: np.eye(6)[mechanism])
    found = evaluate(world, load_protocol("cells-mean"), seed=0, draws=100)
    records = retrieval_records(found, draws=200, seed=0)
    assert [record["metric"] for record in records] == ["NSC mAP", "NSCB mAP"]
    for record in records:
        assert record["value"] == record["low"] == record["high"] == pytest.approx(1)
        assert record["total"] == 30
        assert (record["protocol"], record["correct"]) == ("cells-mean", None)
        by_moa = record["by_moa"]
        assert isinstance(by_moa, list)
        assert [each["moa"] for each in by_moa] == [f"mechanism {n}" for n in range(5)]
        assert {each["queries"] for each in by_moa} == {6}
        assert json.loads(json.dumps(record)) == record


def test_where_nothing_is_the_mechanism_precision_is_that_of_random_rankings() -> None:
    world = screen(lambda mechanism, compound, batch: np.zeros(12), noise=1.0)
    found = evaluate(world, load_protocol("cells-mean"), seed=0, draws=100)
    for record in retrieval_records(found, draws=200, seed=0):
        assert record["value"] == pytest.approx(record["null_mean"], abs=0.12)


def test_what_was_not_scored_has_no_average_precision() -> None:
    world = screen(lambda mechanism, compound, batch: np.eye(6)[mechanism], compounds=1)
    found = evaluate(world, load_protocol("cells-mean"), seed=0, draws=100)
    assert all(record["value"] is None for record in found.records)
    assert retrieval_records(found, draws=100, seed=0) == []
