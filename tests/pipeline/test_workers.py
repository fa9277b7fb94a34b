"""Work in parts gives the same whoever does it, and says what went wrong in the part's words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.pipeline.work_on_parts import Task, die_always, die_once, refuse_three, square

from phenovae.base.errors import InputError, PhenovaeError, UsageError
from phenovae.base.progress import SILENT
from phenovae.pipeline.workers import WorkersOptions, map_parts

SQUARES = [0, 1, 4, 9, 16]


def tasks(folder: Path) -> list[Task]:
    return [Task(number, folder) for number in range(5)]


def test_parts_come_back_in_their_order_from_this_process(tmp_path: Path) -> None:
    assert map_parts(square, tasks(tmp_path), WorkersOptions(count=1), SILENT, "w") == SQUARES


def test_no_parts_give_nothing() -> None:
    assert map_parts(square, [], WorkersOptions(count=2), SILENT, "w") == []


def test_parts_come_back_in_their_order_from_two_workers_that_leave_the_environment_alone(
    tmp_path: Path,
) -> None:
    before = dict(os.environ)
    assert map_parts(square, tasks(tmp_path), WorkersOptions(count=2), SILENT, "w") == SQUARES
    assert dict(os.environ) == before


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_of_a_part_is_raised_as_it_is(count: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="three is no good") as told:
        map_parts(refuse_three, tasks(tmp_path), WorkersOptions(count=count), SILENT, "w")
    assert told.value.mend == "take four"


def test_a_killed_worker_costs_nothing_but_time(tmp_path: Path) -> None:
    assert map_parts(die_once, tasks(tmp_path), WorkersOptions(count=2), SILENT, "w") == SQUARES
    assert (tmp_path / "died").exists()


def test_a_part_that_kills_every_worker_ends_the_work_by_name(tmp_path: Path) -> None:
    with pytest.raises(PhenovaeError, match="killed 5 workers") as told:
        map_parts(die_always, tasks(tmp_path), WorkersOptions(count=2), SILENT, "w")
    assert "number=2" in str(told.value)
    assert (tmp_path / "deaths").read_text(encoding="utf-8") == "x" * 5


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phenovae.pipeline.workers._ANSWER_WITHIN", "1s")
    options = WorkersOptions(scheduler="tcp://127.0.0.1:9")
    with pytest.raises(UsageError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        map_parts(square, tasks(Path()), options, SILENT, "w")
