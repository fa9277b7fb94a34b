from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from tests.vae.toy import TRAINING_ROWS, VALIDATION_ROWS, ToyImages, recipe

from phenovae.base.errors import TrainingError
from phenovae.base.files import sha256_of_file
from phenovae.vae.launching import run_processes
from phenovae.vae.model_files import Recipe, Summary
from phenovae.vae.options import TrainOptions
from phenovae.vae.training import train

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="signals and /proc as Linux has them"),
]

_PATIENCE = 100.0
"""Seconds within which all processes must be gone; as many as they need on a busy machine."""


class _Failing(ToyImages):
    """Images that the second process fails on, at the sixth batch that it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 6

    def images(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        self.left -= 1
        if self.left == 0 and os.environ.get("LOCAL_RANK") == "1":
            self.fail()
        return super().images(rows)

    def fail(self) -> None:
        raise RuntimeError("the disk was pulled out")


class _Killed(_Failing):
    def fail(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class _Interrupted(_Failing):
    def fail(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


class _NotANumber(ToyImages):
    def images(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        return np.full_like(super().images(rows), np.nan)


class _Endless(ToyImages):
    """Images that are read slowly, by processes that say which they are."""

    def __init__(self, told: Path) -> None:
        super().__init__()
        self.told = told

    def images(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        (self.told / str(os.getpid())).touch()
        time.sleep(0.2)
        return super().images(rows)


def _two(model: dict[str, object] | None = None, **train_options: object) -> Recipe:
    both: dict[str, object] = {"devices": 2, "epochs": 2, "workers": 1, **train_options}
    return recipe(model=model or {}, train=both)


def _train(images: ToyImages, folder: Path, wanted: Recipe) -> Summary:
    return train(images, TRAINING_ROWS, VALIDATION_ROWS, wanted, folder, seed=3)


def test_two_processes_have_the_losses_of_one_within_rounding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As in a job of SLURM, whose one task starts the processes; and as torchrun leaves a shell.
    for name, value in (("SLURM_NTASKS", "1"), ("SLURM_PROCID", "0"), ("SLURM_JOB_NAME", "train")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_ADDR", "no.such.machine.invalid")
    histories = []
    for devices in (1, 2):
        wanted = recipe(
            augment={"noise": 0.0, "gain": 0.3, "gamma": 0.3, "shift": 2},
            train={"devices": devices, "batch": 8},
        )
        _train(ToyImages(), tmp_path / str(devices), wanted)
        history = pd.read_csv(tmp_path / str(devices) / "history.csv")
        histories.append(history.drop(columns="seconds"))
    one, two = histories
    assert len(one) == 3
    pd.testing.assert_frame_equal(one, two, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("forked")
def test_two_processes_train_one_model_the_same_way_every_time_killed_or_not(
    tmp_path: Path,
) -> None:
    # Statistics of batches, which they must share; and one batch of validation for two processes.
    wanted = _two(batch=16, model={"norm": "batch"})
    summary = _train(ToyImages(), tmp_path / "unbroken", wanted)
    assert (summary.epochs, summary.steps) == (2, 6)
    lines = (tmp_path / "unbroken" / "history.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    began = time.monotonic()
    with pytest.raises(TrainingError, match="process 2 of 2 was ended by SIGKILL") as caught:
        _train(_Killed(), tmp_path / "killed", wanted)
    assert time.monotonic() - began < _PATIENCE
    assert "newest checkpoint" in str(caught.value)
    assert multiprocessing.active_children() == []
    assert (tmp_path / "killed" / "checkpoints" / "checkpoint.safetensors").exists()
    _train(ToyImages(), tmp_path / "killed", wanted)
    hashes = {
        sha256_of_file(tmp_path / name / "model.safetensors") for name in ("unbroken", "killed")
    }
    assert len(hashes) == 1


@pytest.mark.usefixtures("forked")
def test_what_went_wrong_in_a_process_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="the disk was pulled out"):
        _train(_Failing(), tmp_path / "failing", _two())
    with pytest.raises(TrainingError, match=r"^the loss is not a number|cell_\d+.npy"):
        _train(_NotANumber(), tmp_path / "no number", _two())
    assert multiprocessing.active_children() == []


@pytest.mark.usefixtures("forked")
def test_ctrl_c_in_one_process_stops_both_with_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _train(_Interrupted(), tmp_path, _two())
    assert multiprocessing.active_children() == []
    assert (tmp_path / "checkpoints" / "checkpoint.safetensors").exists()


def _hang(fabric: object) -> None:
    from lightning_fabric import Fabric

    assert isinstance(fabric, Fabric)
    if fabric.global_rank == 1:
        time.sleep(3 * _PATIENCE)
    fabric.barrier()


@pytest.mark.usefixtures("forked")
def test_a_process_that_hangs_is_waited_for_only_so_long() -> None:
    began = time.monotonic()
    options = TrainOptions(devices=2, device="cpu")
    with pytest.raises(TrainingError, match="process 1 of 2 waited in vain"):
        run_processes(_hang, options, silence=timedelta(seconds=5))
    assert time.monotonic() - began < _PATIENCE
    assert multiprocessing.active_children() == []


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.split()[0] != "Z"


@pytest.mark.timeout(600)
def test_no_process_outlives_the_one_that_started_it(tmp_path: Path) -> None:
    told = tmp_path / "told"
    told.mkdir()
    program = (
        "from pathlib import Path\n"
        "from tests.vae.test_processes import _Endless, _train, _two\n"
        f"_train(_Endless(Path({str(told)!r})), Path({str(tmp_path / 'model')!r}), "
        "_two(epochs=10000))\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 2 * _PATIENCE
    while len(list(told.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.2)
    children = [int(each.name) for each in told.iterdir()]
    parent.kill()
    parent.wait()
    assert len(children) == 2
    until = time.monotonic() + _PATIENCE
    while any(map(_lives, children)) and time.monotonic() < until:
        time.sleep(0.2)
    assert not any(map(_lives, children))
    assert (tmp_path / "model" / "checkpoints" / "checkpoint.safetensors").exists()
