from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from phenovae.base.errors import InputError, RunBusyError
from phenovae.pipeline.config import Config
from phenovae.pipeline.journal import Journal
from phenovae.pipeline.lock import locked
from phenovae.pipeline.stage import Outcome, Stage, Work, fingerprint_of_input, perform, plan


def writer(name: str, needs: tuple[str, ...] = (), key: str = "seed", version: int = 1) -> Stage:
    def write(work: Work) -> Outcome:
        (work.run / name).write_text(name)
        return Outcome({"wrote": name})

    return Stage(
        name,
        version,
        needs,
        (name,),
        options=lambda config: getattr(config, key) if key == "seed" else config.report.title,
        perform=write,
    )


def titled(title: str) -> Config:
    return Config.model_validate({"report": {"title": title}})


def run(stages: tuple[Stage, ...], config: Config, folder: Path) -> list[str]:
    journal = Journal.open(folder, config.seed)
    plans = plan(stages, config, journal)
    for each in plans:
        if each.runs:
            perform(each, Work(folder, config), journal)
    return [each.stage.name for each in plans if each.runs]


def test_a_finished_stage_is_skipped(tmp_path: Path) -> None:
    stages = (writer("one"), writer("two", ("one",)))
    assert run(stages, Config(), tmp_path) == ["one", "two"]
    assert run(stages, Config(), tmp_path) == []


def test_a_changed_key_reruns_its_stage_and_what_follows_alone(tmp_path: Path) -> None:
    stages = (
        writer("one"),
        writer("two", ("one",), key="title"),
        writer("three", ("two",)),
        writer("beside", ("one",)),
    )
    run(stages, titled("a"), tmp_path)
    assert run(stages, titled("b"), tmp_path) == ["two", "three"]


def test_a_new_version_of_a_stage_reruns_it(tmp_path: Path) -> None:
    run((writer("one"), writer("two", ("one",))), Config(), tmp_path)
    newer = (writer("one"), writer("two", ("one",), version=2))
    assert run(newer, Config(), tmp_path) == ["two"]


def test_a_missing_output_reruns_its_stage(tmp_path: Path) -> None:
    stages = (writer("one"), writer("two", ("one",)))
    run(stages, Config(), tmp_path)
    (tmp_path / "one").unlink()
    journal = Journal.open(tmp_path, 0)
    assert [each.why for each in plan(stages, Config(), journal)] == [
        "an output of it is missing",
        "comes after one",
    ]
    assert run(stages, Config(), tmp_path) == ["one", "two"]


def test_a_stage_that_fails_is_not_in_the_journal_and_runs_again(tmp_path: Path) -> None:
    def fail(work: Work) -> Outcome:
        raise InputError("no")

    bad = Stage("two", 1, ("one",), ("two",), options=lambda config: None, perform=fail)
    with pytest.raises(InputError):
        run((writer("one"), bad), Config(), tmp_path)
    assert run((writer("one"), writer("two", ("one",))), Config(), tmp_path) == ["two"]


def test_a_folder_of_inputs_is_known_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    before = fingerprint_of_input(tmp_path)
    assert fingerprint_of_input(tmp_path) == before
    (tmp_path / "b").write_text("b")
    assert fingerprint_of_input(tmp_path) != before
    with pytest.raises(InputError, match="does not exist"):
        fingerprint_of_input(tmp_path / "none")


def test_a_damaged_journal_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"format": 1, "stages": {"one": {"odd": 1}}}')
    with pytest.raises(InputError, match="journal is damaged") as caught:
        Journal.open(tmp_path, 0)
    assert "delete it" in str(caught.value)
    (tmp_path / "run.json").write_text('{"format": 99, "stages": {}}')
    with pytest.raises(InputError, match="newer format"):
        Journal.open(tmp_path, 0)


def _hold(folder: Path, taken: Any, let_go: Any) -> None:
    with locked(folder):
        taken.set()
        let_go.wait(30)


def test_a_second_process_on_a_run_stops_and_names_the_first(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    taken, let_go = spawn.Event(), spawn.Event()
    holder = spawn.Process(target=_hold, args=(tmp_path, taken, let_go))
    holder.start()
    try:
        assert taken.wait(60)
        with pytest.raises(RunBusyError, match=f"process {holder.pid}"), locked(tmp_path):
            pass
    finally:
        let_go.set()
        holder.join()
    with locked(tmp_path):
        pass


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is not there")
def test_the_lock_of_a_killed_process_does_not_stay(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    taken, let_go = spawn.Event(), spawn.Event()
    holder = spawn.Process(target=_hold, args=(tmp_path, taken, let_go))
    holder.start()
    assert taken.wait(60)
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with locked(tmp_path):
        pass
