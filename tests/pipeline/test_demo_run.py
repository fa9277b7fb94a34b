"""The demo: the model learns more than intensity knows, and nothing where nothing is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.pipeline.runs import program

THREADS = {"OMP_NUM_THREADS": "1"}
"""Beside other tests, threads that wait for each other turn minutes into quarters of an hour."""
MOST_OF_MODEL = 0.75
"""Intensity must stay below this share of the model's score by every protocol for small sets."""
MOST_BY_WHITENED_NSCB = 0.9
"""Whitening takes most of what batches do to intensity away, and nearer it comes to the model: how
near changes by some treatments with the number of threads that train it."""

MOST_BY_MEANS = 0.95
"""Above, the twin would be too easy to tell models apart; whitening comes nearer to all."""


def _scores(run: Path) -> dict[tuple[str, str, str], dict[str, float]]:
    told = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    return {(each["features"], each["protocol"], each["metric"]): each for each in told}


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_demos_model_stays_well_above_intensity_and_well_below_all(tmp_path: Path) -> None:
    told = program("-q", "demo", "--out", tmp_path / "demo", environment=THREADS, seconds=1400)
    assert told.code == 0, told.err
    scores = _scores(tmp_path / "demo")
    for protocol in ("cells-mean", "cells-mean-whitened"):
        for metric in ("NSC", "NSCB"):
            model = scores["model", protocol, metric]
            baseline = scores["intensity", protocol, metric]
            whitened = (protocol, metric) == ("cells-mean-whitened", "NSCB")
            most = MOST_BY_WHITENED_NSCB if whitened else MOST_OF_MODEL
            assert baseline["value"] < most * model["value"], (protocol, metric)
            assert model["value"] < (MOST_BY_MEANS if protocol == "cells-mean" else 1.0)
            assert model["p_value"] < 0.01
    assert (
        scores["intensity", "cell-probe", "probe"]["value"]
        < MOST_OF_MODEL * (scores["model", "cell-probe", "probe"]["value"])
    )
    assert str(tmp_path / "demo" / "report.html") in told.out


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_world_without_mechanisms_scores_at_chance(tmp_path: Path) -> None:
    settings = (
        "twin.effect=0",
        "twin.height=320",
        "twin.width=384",
        "train.epochs=2",
        "view.size=32",
        "generation.cells=0",
        "evaluate.draws=2000",
        "report.umap=false",
    )
    told = program(
        "-q", "demo", "--out", tmp_path / "null",
        *(part for each in settings for part in ("--set", each)),
        environment=THREADS,
        seconds=1400,
    )  # fmt: skip
    assert told.code == 0, told.err
    asked = [each for each in _scores(tmp_path / "null").values() if "p_value" in each]
    assert len(asked) >= 12
    # fourteen looks at one null world: the least p of them is rarely below a two-hundredth
    assert min(each["p_value"] for each in asked) > 0.005
    assert max(each["value"] for each in asked) < 0.35
