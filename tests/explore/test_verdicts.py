"""Verdicts and their reasons."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from phenovae.base.errors import InputError
from phenovae.explore.answers import Answers
from phenovae.explore.verdicts import Ranking
from phenovae.pipeline import paths


def test_neighbours_are_ranked_among_the_allowed_and_the_partner_is_found() -> None:
    like = np.array([[1, 0.9, 0.8, 0.7], [0.9, 1, 0, 0], [0.8, 0, 1, 0], [0.7, 0, 0, 1]])
    allowed = np.ones((4, 4), bool) & ~np.eye(4, dtype=bool)
    allowed[0, 1] = False
    ranking = Ranking(["a", "b", "c", "d"], ["X", "X", "Y", "X"], like, allowed)
    told: Any = ranking.told("a")
    assert [each["treatment"] for each in told["nearest"]] == ["c", "d"]
    assert told["partner"] == {"treatment": "d", "moa": "X", "similarity": 0.7, "rank": 2}
    assert told["candidates"] == 2
    assert ranking.told("e") == {}


def test_verdicts_are_those_of_the_scores_and_the_nearest_is_the_one_that_decided(
    answers: Answers, odd_run: Path
) -> None:
    table = pd.read_parquet(odd_run / paths.NEIGHBOURS)
    table = table.loc[table["Features"] == "model"]
    assert len(table)
    for row in table.itertuples():
        told: Any = {each["scoring"]: each for each in answers.verdicts.told(str(row.Treatment))}
        mine = told[f"{row.Protocol} {row.Metric}"]
        assert mine["verdict"] == {1.0: "right", 0.0: "wrong"}.get(float(str(row.Right)), "tied")
        assert mine["similarity"] == row.Similarity
        assert mine["nearest"][0]["similarity"] == pytest.approx(row.Similarity, abs=1e-9)
        if mine["verdict"] == "right":
            assert mine["partner"]["rank"] == 1
        if mine["verdict"] == "wrong":
            assert mine["partner"]["rank"] > 1


def test_a_treatment_of_no_mechanism_is_told_what_it_is_most_like(answers: Answers) -> None:
    alike = pd.DataFrame(
        {
            "Protocol": ["p@1", "p@1", "q@1"],
            "Treatment": "new 1 µM",
            "Rank": [2, 1, 1],
            "Neighbour": ["b 1 µM", "a 1 µM", "b 1 µM"],
            "Neighbour_MoA": ["Y", "X", "Y"],
            "Similarity": [0.5, 0.9, 0.7],
        }
    )
    verdicts = replace(answers.verdicts, unannotated=alike)
    first, second = verdicts.told("new 1 µM")
    assert (first["scoring"], first["verdict"]) == ("p@1", "not known")
    assert first["nearest"] == [
        {"treatment": "a 1 µM", "moa": "X", "similarity": 0.9, "rank": 1},
        {"treatment": "b 1 µM", "moa": "Y", "similarity": 0.5, "rank": 2},
    ]
    assert second["scoring"] == "q@1"


def test_a_scoring_that_was_not_made_is_refused(answers: Answers) -> None:
    with pytest.raises(InputError, match="no scoring"):
        answers.column("cells", "verdict:nonsense@1 NSC")
