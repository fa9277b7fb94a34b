"""A training that is gone on with, or begun anew, through the command line."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from tests.pipeline.runs import call


def weights(run: Path) -> str:
    return hashlib.sha256((run / "model" / "model.safetensors").read_bytes()).hexdigest()


@pytest.fixture
def run(crops_run: Path, tmp_path: Path) -> Path:
    shutil.copytree(crops_run, tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("flag", ["--resume", "--no-resume"])
def test_more_epochs_go_on_from_the_last_and_end_as_if_trained_at_once(
    run: Path, flag: str, crops_run: Path
) -> None:
    told = call("train", "--run", run, "--set", "train.epochs=4", flag)
    assert told.code == 0, told.err
    assert ("going on from epoch 3" in told.err) == (flag == "--resume")
    at_once = call("train", "--run", run, "--set", "train.epochs=4", "--no-resume", "--again")
    assert at_once.code == 0
    assert len((run / "model" / "history.csv").read_text().splitlines()) == 5
    assert weights(run) != weights(crops_run)


def test_going_on_gives_the_weights_of_an_unbroken_training(run: Path) -> None:
    assert call("train", "--run", run, "--set", "train.epochs=4").code == 0
    resumed = weights(run)
    anew = call("train", "--run", run, "--set", "train.epochs=4", "--no-resume", "--again")
    assert anew.code == 0
    assert weights(run) == resumed


def test_a_link_to_nothing_among_the_crops_is_refused_and_stops_nothing(
    tiny: Path, made_crops: Path, tmp_path: Path
) -> None:
    shutil.copytree(made_crops, tmp_path / "made")
    link = tmp_path / "made" / "crops" / "lost_1.npy"
    link.symlink_to(tmp_path / "nowhere.npy")
    told = call(
        "import", "--run", tmp_path / "run", "--config", tiny / "crops.yaml",
        "--set", f"input.crops={tmp_path / 'made' / 'crops'}",
        "--set", f"input.metadata={tmp_path / 'made' / 'metadata.csv'}",
    )  # fmt: skip
    assert told.code == 3, told.err
    assert "Traceback" not in told.err
