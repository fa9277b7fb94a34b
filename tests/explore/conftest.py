"""A small run whose names are as odd as names get, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.explore.served import Served, serving
from tests.pipeline.runs import DMSO, TINY_CROPS, Well, call, of_crops, write_crops

from phenovae.explore.answers import Answers
from phenovae.explore.levels import read_points
from phenovae.explore.opening import open_run

IMAGE = '<img src=x onerror="document.title=1">'
QUOTED = 'Cdk1/2 inhibitor (NU6102), "x"'
ODD = (
    Well("Week1_22123", "B03", IMAGE, "Actin disruptors"),
    Well("Week2_24121", "B03", IMAGE, "Actin disruptors", 3.0),
    Well("Week2_24121", "C03", QUOTED, "Actin disruptors", 0.3),
    Well("Week1_22123", "C03", "beta", "<b>DNA</b> damage"),
    Well("Week2_24121", "D03", "gamma", "<b>DNA</b> damage"),
    Well("Week1_22123", "D03", "=1+1", "Eg5 inhibitors"),
    Well("Week2_24121", "E03", "zeta µ", "Eg5 inhibitors"),
)
CELLS = 6

pytest.importorskip("bokeh")


@pytest.fixture(scope="session")
def odd_run(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A run up to its scores, in a folder with a blank; not to be changed."""

    def make(folder: Path) -> None:
        made = write_crops(folder / "made", (*DMSO, *ODD), CELLS)
        config = folder / "crops.yaml"
        config.write_text(TINY_CROPS.replace("epochs: 2", "epochs: 80"), encoding="utf-8")
        run = folder / "odd run"
        first = ("import", "--run", run, "--config", config, *of_crops(made))
        # After less training all it decodes is so bright that no slider shows.
        for verb in (first, *((verb, "--run", run) for verb in (
            "sites", "train", "embed", "profile", "evaluate"))):  # fmt: skip
            told = call(*verb)
            assert told.code == 0, told.err

    return made_once("odd", make) / "odd run"


@pytest.fixture(scope="session")
def answers(odd_run: Path) -> Iterator[Answers]:
    """What is told of the odd run, however long it takes."""
    opened = open_run(odd_run)
    found = Answers(opened, read_points(opened), wait=None)
    yield found
    found.close()


@pytest.fixture(scope="session")
def served(answers: Answers) -> Iterator[Served]:
    """A server of the odd run."""
    with serving(answers) as found:
        yield found
