"""One training on two machines, which are both this one: of each a thread, and one process.

That all nodes together have the losses of one process, tests/pipeline/test_several_nodes.py shows.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests.vae.toy import TRAINING_ROWS, VALIDATION_ROWS, ToyImages, recipe

from phenovae.base.errors import TrainingError, UsageError
from phenovae.vae.hello import ADDRESS, Hello
from phenovae.vae.job import Job
from phenovae.vae.joining import Member, find_meeting
from phenovae.vae.meeting import Meeting
from phenovae.vae.model_files import Recipe
from phenovae.vae.nodes import take_part
from phenovae.vae.training import train_job, work_on

_HERE = "127.0.0.1"


class _Killed(ToyImages):
    """Images that the process of the second node dies of, at the sixth batch that it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 6

    def images(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        self.left -= 1
        if self.left == 0 and os.environ.get("NODE_RANK") == "1":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().images(rows)


def _job(folder: Path, images: ToyImages, **train: object) -> Job:
    wanted: Recipe = recipe(
        augment={"noise": 0.0, "gain": 0.3, "gamma": 0.3, "shift": 2},
        train={"batch": 8, "nodes_wait": 60, **train},
    )
    return Job(images, TRAINING_ROWS, VALIDATION_ROWS, wanted, folder / "model", seed=3)


@pytest.fixture
def member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Meeting, Member]]:
    monkeypatch.setenv(ADDRESS, _HERE)
    with Meeting(tmp_path, 2) as meeting:
        found = find_meeting(tmp_path, Hello(_HERE), 5)
        assert isinstance(found, Member)
        yield meeting, found
        found.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="signals as Linux has them")
@pytest.mark.usefixtures("forked")
def test_a_killed_process_ends_all_nodes_and_each_names_it(
    tmp_path: Path, member: tuple[Meeting, Member]
) -> None:
    meeting, second = member
    job = _job(tmp_path, _Killed(), nodes=2)
    said = r"^process 1 of 1 on node 2 of 2 \(127.0.0.1\) was ended by SIGKILL"
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(take_part, work_on(job), job, second)
        with pytest.raises(TrainingError, match=said):
            train_job(job, meeting=meeting)
        with pytest.raises(TrainingError, match=said):
            other.result()
    assert multiprocessing.active_children() == []
    assert (tmp_path / "model" / "checkpoints" / "checkpoint.safetensors").exists()


def test_a_node_that_trains_on_other_cells_stops_all_before_they_begin(
    tmp_path: Path, member: tuple[Meeting, Member]
) -> None:
    meeting, second = member
    job = _job(tmp_path, ToyImages(), nodes=2)
    fewer = replace(job, rows=job.rows[1:])
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(take_part, work_on(fewer), fewer, second)
        with pytest.raises(TrainingError, match=r"^node 2 of 2 .* would train on other cells"):
            train_job(job, meeting=meeting)
        with pytest.raises(TrainingError, match=r"^node 2 of 2 .* would train on other cells"):
            other.result()


def test_a_node_that_lacks_the_device_is_named(
    tmp_path: Path, member: tuple[Meeting, Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting, second = member
    job = _job(tmp_path, ToyImages(), nodes=2)
    absent = replace(job, recipe=recipe(train={"nodes": 2, "device": "mps"}))
    monkeypatch.setattr("torch.mps.is_available", lambda: False)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(take_part, work_on(absent), absent, second)
        with pytest.raises(TrainingError, match=r"^node 2 of 2 .*: the device mps was asked for"):
            train_job(job, meeting=meeting)
        with pytest.raises(TrainingError, match="the device mps was asked for"):
            other.result()


def test_a_batch_is_shared_by_all_nodes_and_nodes_want_a_meeting(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a batch of 8 cannot be shared by 6 devices"):
        train_job(_job(tmp_path, ToyImages(), nodes=3, devices=2))
    with pytest.raises(UsageError, match="2 nodes train together only where they can meet"):
        train_job(_job(tmp_path, ToyImages(), nodes=2))


def test_one_node_is_no_setting_of_its_own(tmp_path: Path) -> None:
    one, two = (_job(tmp_path, ToyImages(), nodes=nodes) for nodes in (1, 2))
    assert one.fingerprint() != two.fingerprint()
    waiting = _job(tmp_path, ToyImages(), nodes_wait=1.0)
    assert one.fingerprint() == waiting.fingerprint()
