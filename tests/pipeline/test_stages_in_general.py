from __future__ import annotations

import json
import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from phenovae.base.errors import InputError, RunBusyError, UsageError
from phenovae.pipeline.changes import Basis, changes
from phenovae.pipeline.config import Config
from phenovae.pipeline.journal import Entry, Journal
from phenovae.pipeline.lock import locked
from phenovae.pipeline.order import stages_of
from phenovae.pipeline.stage import Outcome, Stage, Work, fingerprint_of_input, perform, plan
from phenovae.pipeline.stages.evaluate import EVALUATE


def writer(name: str, needs: tuple[str, ...] = (), key: str = "seed", version: int = 1) -> Stage:
    def write(work: Work) -> Outcome:
        (work.run / name).write_text(name)
        return Outcome({"wrote": name})

    return Stage(
        name,
        version,
        needs,
        (name,),
        options=lambda config: {} if key == "seed" else {"report": {"title": config.report.title}},
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


def reasons(stages: tuple[Stage, ...], config: Config, folder: Path) -> list[str]:
    return [each.why for each in plan(stages, config, Journal.open(folder, config.seed))]


def test_a_plan_names_the_keys_that_have_changed(tmp_path: Path) -> None:
    stages = (writer("one"), writer("two", ("one",), key="title"))
    run(stages, titled("a"), tmp_path)
    assert reasons(stages, titled("b"), tmp_path) == [
        "finished and unchanged",
        "report.title is b, was a",
    ]
    both = Config.model_validate({"seed": 3, "report": {"title": ""}})
    assert reasons(stages, both, tmp_path) == [
        "seed is 3, was 0",
        'comes after one; seed is 3, was 0; report.title is "", was a',
    ]
    newer = (writer("one", version=2), stages[1])
    assert reasons(newer, titled("a"), tmp_path) == [
        "version of the stage is 2, was 1",
        "comes after one",
    ]


def test_a_plan_names_the_input_that_has_changed(tmp_path: Path) -> None:
    given = tmp_path / "given.csv"
    stage = replace(writer("one"), inputs=lambda _config: {"metadata": given})
    given.write_text("a", encoding="utf-8")
    run((stage,), Config(), tmp_path)
    given.write_text("b", encoding="utf-8")
    assert reasons((stage,), Config(), tmp_path) == ["the input metadata is another"]
    more = replace(stage, inputs=lambda _config: {"metadata": given, "moa": given})
    assert reasons((more,), Config(), tmp_path) == [
        "its inputs are metadata, moa, were metadata; the input metadata is another"
    ]


def test_a_journal_of_the_first_format_is_read_and_its_stages_rerun(tmp_path: Path) -> None:
    stages = (writer("one"), writer("two", ("one",)))
    run(stages, Config(), tmp_path)
    path = tmp_path / "run.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    told["format"] = 1
    for entry in told["stages"].values():
        del entry["settings"], entry["made_with"]
        entry["fingerprint"] = "of another kind"
    path.write_text(json.dumps(told), encoding="utf-8")
    first, second = reasons(stages, Config(), tmp_path)
    assert first.startswith("its part of the configuration, its input or its code has changed")
    assert second == "comes after one"
    assert run(stages, Config(), tmp_path) == ["one", "two"]
    assert reasons(stages, titled("a"), tmp_path) == ["finished and unchanged"] * 2


def entry(settings: dict[str, object] | None) -> Entry:
    return Entry("", "", 0.0, [], settings=settings)


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ({"a": {"b": 1, "c": [1, 2]}}, {"a": {"b": 1, "c": (1, 2)}}, []),
        ({"a": {"b": None}}, {"a": {"b": 0.5}}, ["a.b is 0.5, was null"]),
        ({"a": {"old": 1}}, {"a": {"new": 2}},
         ["a.new is 2, was not there", "a.old is not there, was 1"]),
        ({"a": True}, {"a": {"b": 1}}, ['a is {"b": 1}, was true']),
        ({"a": "x" * 90}, {"a": "µ"}, [f"a is µ, was {'x' * 59}…"]),
        ({"a": {}}, {"a": {str(n): n for n in range(9)}},
         [*(f"a.{n} is {n}, was not there" for n in range(6)), "3 more keys"]),
        (None, {"a": 1}, []),
    ],
)  # fmt: skip
def test_changed_settings_are_told_with_both_values(
    was: dict[str, object] | None, now: dict[str, object], told: list[str]
) -> None:
    assert changes(entry(was), Basis(now, {}, {})) == told


def test_every_stage_rests_on_keys_of_the_configuration_and_can_be_written_down() -> None:
    tree = Config().model_dump()
    for source in ("twin", "crops"):
        config = Config.model_validate({"input": {"source": source}})
        for stage in stages_of(config):
            options = stage.options(config)
            assert json.loads(json.dumps(options)) == options
            for group, keys in options.items():
                assert isinstance(keys, dict)
                # What a protocol says stands in a file of its own.
                assert set(keys) - {"protocol"} <= set(tree[group])


def test_a_protocol_that_is_named_twice_is_refused() -> None:
    config = Config.model_validate({"evaluate": {"protocols": ["cells-mean", "cells-mean"]}})
    with pytest.raises(UsageError, match="cells-mean@1 is there twice"):
        EVALUATE.options(config)


def test_a_stage_that_fails_is_not_in_the_journal_and_runs_again(tmp_path: Path) -> None:
    def fail(work: Work) -> Outcome:
        raise InputError("no")

    bad = Stage("two", 1, ("one",), ("two",), options=lambda config: {}, perform=fail)
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
