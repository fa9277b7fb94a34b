"""Pictures of how well a run did, from its records alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from phenovae.pipeline.config import Config
from phenovae.pipeline.figure_kinds import outcomes
from phenovae.pipeline.figure_kinds.gathered import CannotDrawError, Gathered, Wanted
from phenovae.pipeline.figure_kinds.kind import Drawn
from phenovae.pipeline.journal import Entry, Journal

Record = dict[str, object]


def record(features: str, metric: str, **more: object) -> Record:
    return {
        "features": features, "protocol": "cells-mean", "version": 1, "metric": metric,
        "value": 0.5, "low": 0.25, "high": 0.75, "null_mean": 0.1, "cells": 40, **more,
    }  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Gathered:
    """A run that was scored by one protocol, without any other file."""
    confusion = {
        "cells-mean@1 NSC": {
            "index": ["A", "B"], "columns": ["A", "B"], "data": [[3, 1], [0, 2]],
        },
        "cells-mean@1 NSCB": {"index": [], "columns": [], "data": []},
    }  # fmt: skip
    entry = Entry("", "", 1.0, [], facts={"confusion": confusion})
    Journal.open(tmp_path, 0).record("evaluate", entry)
    found = Gathered(tmp_path, Config(), Wanted())
    found.__dict__["scores"] = [
        record("model", "NSC"),
        record("intensity", "NSC", cells=30),
        record("model", "NSC k=3", k=3),
        record("model", "NSCB", value=None),
        record("model", "mixing", kind="mixing of batches"),
    ]
    return found


def texts(drawn: Drawn) -> list[str]:
    assert isinstance(drawn.picture, Figure)
    return [found.get_text() for found in drawn.picture.findobj(Text)]


def test_scores_of_mechanisms_are_drawn_and_votes_and_mixing_left_out(run: Gathered) -> None:
    (drawn,) = outcomes.SCORES.draw(run)
    shown = texts(drawn)
    assert {"NSC, model", "NSC, intensity", "cells-mean@1"} <= set(shown)
    assert not any(word.startswith(("NSCB", "NSC k", "mixing")) for word in shown)
    assert drawn.cells == 40
    assert "At most 40 cells" in drawn.caption


def test_a_confusion_counts_its_treatments_and_those_that_are_right(run: Gathered) -> None:
    (drawn,) = outcomes.CONFUSION.draw(run)
    assert drawn.name == "confusion-cells-mean-1-nsc"
    assert drawn.caption.startswith("6 treatments of 40 cells by mechanism")
    assert "Framed: right, 5 in all." in drawn.caption
    assert {"3", "1", "2"} <= set(texts(drawn))


def test_a_run_without_scores_has_neither(run: Gathered, tmp_path: Path) -> None:
    empty = Gathered(tmp_path / "other", Config(), Wanted())
    for kind in (outcomes.SCORES, outcomes.CONFUSION):
        with pytest.raises(CannotDrawError):
            list(kind.draw(empty))
    run.__dict__["scores"] = [record("model", "NSC", value=None)]
    with pytest.raises(CannotDrawError, match="no treatment was scored"):
        list(outcomes.SCORES.draw(run))
