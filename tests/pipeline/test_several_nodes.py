"""A run whose training lies on two machines, which are both this one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from tests.pipeline.runs import call

from phenovae.base.errors import TrainingError, UsageError
from phenovae.pipeline.config import Config, load_config
from phenovae.pipeline.several_nodes import join, node_of_slurm, open_meeting
from phenovae.vae.hello import ADDRESS, NOTE, Hello
from phenovae.vae.joining import find_meeting

_TWO = ("--set", "train.nodes=2")


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESS, "127.0.0.1")
    monkeypatch.setattr("phenovae.vae.wire._LAST_WORDS", 0.05)


@pytest.fixture
def run(crops_run: Path, tmp_path: Path) -> Path:
    shutil.copytree(crops_run, tmp_path / "a run")
    return tmp_path / "a run"


@pytest.fixture
def slurm(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def started(tasks: int, task: int, job: int = 7) -> None:
        told = {"JOB_ID": job, "STEP_ID": 0, "NTASKS": tasks, "PROCID": task}
        for name, value in told.items():
            monkeypatch.setenv(f"SLURM_{name}", str(value))

    return started


def _two(run: Path, *settings: str) -> Config:
    return load_config(run / "config.yaml", ["train.nodes=2", "train.nodes_wait=5", *settings])


@pytest.mark.slow
def test_two_nodes_train_as_one_process_does_within_rounding(run: Path, crops_run: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(join, run, 60)
        told = call("train", "--run", run, *_TWO)
        assert told.code == 0, told.err
        assert other.result() == "the training has ended"
    assert not (run / NOTE).exists()
    one, two = (
        pd.read_csv(folder / "model" / "history.csv").drop(columns="seconds")
        for folder in (crops_run, run)
    )
    assert len(one) == 2
    pd.testing.assert_frame_equal(one, two, rtol=1e-4, atol=1e-6)


def test_a_run_tells_which_node_did_not_come(run: Path) -> None:
    told = call("train", "--run", run, *_TWO, "--set", "train.nodes_wait=0.2")
    assert told.code == 1
    assert "node 2 of the training did not join within 0.2 s" in told.err
    assert f"phenovae join --run {run}" in told.err


def test_joining_where_nothing_trains_ends_with_a_word(tmp_path: Path) -> None:
    told = call("join", "--run", tmp_path / "none", "--wait", "0")
    assert told.code == 1
    assert "no training on several machines was found" in told.err


def test_an_early_end_of_the_run_is_told_to_who_waits(run: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(join, run, 5)
        with pytest.raises(UsageError), open_meeting(run, _two(run)) as meeting:
            meeting.gather(5)
            raise UsageError("no such crops")
        with pytest.raises(TrainingError, match=r"the run failed on node 1 of 2 .*: no such crops"):
            other.result()


def test_cells_that_cannot_be_read_on_another_node_end_all(run: Path) -> None:
    config = _two(run)
    shutil.rmtree(run / "cells")
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(join, run, 5)
        with open_meeting(run, config) as meeting:
            meeting.gather(5)
            with pytest.raises(TrainingError, match=r"^node 2 of 2 \(127.0.0.1\): .*store"):
                meeting.prepare("own", "cpu", 5, resume=True)
        assert other.exception() is not None


def test_a_node_of_other_versions_or_settings_may_not_join(
    run: Path, slurm: Callable[..., None]
) -> None:
    slurm(2, 1)
    with open_meeting(run, _two(run)):
        other = _two(run, "train.batch=32", "seed=3")
        with pytest.raises(UsageError, match=r"differs: seed is 3 \(here 0\), train.batch is 32 "):
            join(run, 5, other, 2)
        stranger = Hello("n2", versions={"torch": "1.0"})
        with pytest.raises(UsageError, match=r"other versions: phenovae none .*, torch 1.0 \(here"):
            find_meeting(run, stranger, 5)


def test_other_tasks_of_slurm_join_and_the_first_runs(slurm: Callable[..., None]) -> None:
    assert node_of_slurm(2) == 1
    for task in (0, 1):
        slurm(2, task)
        assert node_of_slurm(2) == task + 1
        # Without train.nodes, SLURM's tasks are nothing that phenovae knows of.
        assert node_of_slurm(1) == 1
    slurm(1, 0)
    assert node_of_slurm(2) == 1
    slurm(8, 3)
    with pytest.raises(UsageError, match="SLURM has started 8 tasks, and the training has 2 nodes"):
        node_of_slurm(2)


@pytest.mark.parametrize("verb", ["run", "train"])
def test_a_task_of_slurm_that_comes_too_late_ends_as_the_run_did(
    run: Path, slurm: Callable[..., None], verb: str
) -> None:
    slurm(2, 1)
    with open_meeting(run, _two(run)):
        pass
    command = (
        ("run", run / "config.yaml", "--out", run) if verb == "run" else ("train", "--run", run)
    )
    told = call(*command, *_TWO)
    assert (told.code, told.out) == (0, "the run ended, and its training was finished before\n")
    note = json.loads((run / NOTE).read_text(encoding="utf-8"))
    note["end"] = {"what": "the run failed on node 1 of 2 (n1): no disk", "failed": True}
    (run / NOTE).write_text(json.dumps(note), encoding="utf-8")
    told = call(*command, *_TWO)
    assert told.code == 1
    assert "the run failed on node 1 of 2 (n1): no disk" in told.err


def test_one_node_trains_as_before_there_were_several(run: Path) -> None:
    told = call("train", "--run", run, "--set", "train.nodes_wait=1")
    assert told.code == 0, told.err
    assert "train: finished and unchanged" in told.out
    assert not (run / NOTE).exists()
