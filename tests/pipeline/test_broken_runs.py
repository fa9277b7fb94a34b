from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.pipeline import killed
from tests.pipeline.runs import ALONE, call, failing, of_crops, write_crops

from phenovae.cells.shards import ShardWriter
from phenovae.vae.stepper import Stepper

pytestmark = pytest.mark.usefixtures("undrawn")

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
posix = pytest.mark.skipif(os.name == "nt", reason="signals of this kind are there on POSIX alone")


def run_killed(number: str, moment: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, str(killed.__file__), number, moment, *map(str, arguments)],
        capture_output=True,
        env={**os.environ, **ALONE},
        timeout=200,
        check=False,
    )


@posix
@pytest.mark.slow
@pytest.mark.parametrize(
    "moments",
    [["step:4", "latents:0"], ["import:1", "step:2", "step:1"], ["publish:3", "publish:5"]],
)
def test_a_run_killed_and_resumed_ends_in_the_same_bytes(
    moments: list[str], tiny: Path, made_crops: Path, crops_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    settings = ["--set", "train.checkpoint_steps=1"]
    command = ["run", tiny / "crops.yaml", *of_crops(made_crops), *settings, "--out", run]
    for moment in moments:
        assert run_killed("SIGKILL", moment, *command).returncode == -signal.SIGKILL, moment
        assert not (run / "report.html").exists()
    told = call(*command)
    assert told.code == 0, told.err
    for name in ("embeddings.parquet", "splits.parquet", "scores.json", "model/model.safetensors"):
        assert (run / name).read_bytes() == (crops_run / name).read_bytes(), name
    assert not list(run.rglob("*.partial*"))
    assert not list(run.rglob("*.parts"))


@posix
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_in_training_ends_with_130_and_the_run_goes_on(
    tiny: Path, made_crops: Path, crops_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    config = ["--config", tiny / "crops.yaml", *of_crops(made_crops)]
    assert call("import", "--run", run, *config).code == 0
    step, steps = Stepper.step, 0

    def interrupted(self: Stepper, *arguments: object) -> object:
        nonlocal steps
        steps += 1
        if steps == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Stepper, "step", interrupted)
    told = call("train", "--run", run)
    assert told.code == 130
    assert told.out == ""
    assert "the same command goes on from there" in told.err
    assert "Traceback" not in told.err
    assert not (run / "model").exists()
    told = call("train", "--run", run)
    assert told.code == 0
    assert "going on from epoch 1, step 2" in told.err
    assert call("embed", "--run", run).code == 0
    wanted = (crops_run / "embeddings.parquet").read_bytes()
    assert (run / "embeddings.parquet").read_bytes() == wanted


def test_ctrl_c_in_the_import_leaves_nothing_half(made_crops: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = ["import", "--run", run, *of_crops(made_crops)]
    with failing(ShardWriter, "append", KeyboardInterrupt(), at=1):
        told = call(*command)
    assert told.code == 130
    assert "stopped" in told.err
    assert sorted(path.name for path in run.iterdir()) == [".lock", "config.yaml"]
    assert call(*command).code == 0


@posix
@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.slow
def test_a_real_ctrl_c_ends_with_130(tiny: Path, made_crops: Path, tmp_path: Path) -> None:
    command = ["run", tiny / "crops.yaml", *of_crops(made_crops), "--out", tmp_path / "run"]
    for moment in ("import:0", "step:1", "latents:0"):
        done = run_killed("SIGINT", moment, *command)
        assert done.returncode == 130, done.stderr
        assert b"stopped" in done.stderr
        assert b"Traceback" not in done.stderr


def test_a_full_disk_tells_how_to_mend_it_and_the_same_command_goes_on(
    tiny: Path, made_crops: Path, crops_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    command = ["run", tiny / "crops.yaml", *of_crops(made_crops), "--out", run]
    moments: list[tuple[object, str, int]] = [
        (ShardWriter, "append", 0),
        (os, "fsync", 0),
        (os, "fsync", 2),
        (pq, "write_table", 0),
        (pq, "write_table", 1),
        *((Path, "write_text", at) for at in range(2, 8)),
    ]
    failed = 0
    for owner, name, at in moments:
        with failing(owner, name, FULL, at) as calls:
            told = call(*command)
        if len(calls) <= at:
            continue
        failed += 1
        assert told.code == 1, (name, at, told.err)
        assert "No space left on device" in told.err, (name, at)
        assert "make room" in told.err, (name, at)
        assert "unexpected" not in told.err, (name, at)
    assert failed > 6
    assert call(*command).code == 0
    wanted = (crops_run / "embeddings.parquet").read_bytes()
    assert (run / "embeddings.parquet").read_bytes() == wanted
    assert not list(run.rglob("*.partial*"))


def test_damaged_files_of_a_run_are_named(crops_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(crops_run, tmp_path / "run"))
    for name, verb, code in (
        ("model/model.safetensors", "embed", 1),
        ("embeddings.parquet", "profile", 1),
        ("cells/store.json", "evaluate", 1),
        ("config.yaml", "report", 2),
        ("run.json", "report", 1),
    ):
        whole = (run / name).read_bytes()
        (run / name).write_bytes(whole[: len(whole) // 2] + b"\xff")
        journal = (run / "run.json").read_bytes()
        told = call(verb, "--run", run, "--again")
        assert told.code == code, (name, told.err)
        assert Path(name).name in told.err, name
        assert "unexpected" not in told.err, told.err
        (run / name).write_bytes(whole)
        if name != "run.json":
            (run / "run.json").write_bytes(journal)


def test_an_empty_folder_and_missing_tables_are_told_apart(tmp_path: Path) -> None:
    made = write_crops(tmp_path / "made")
    (tmp_path / "empty").mkdir()
    table = made / "metadata.csv"
    for crops, metadata, text in (
        (tmp_path / "empty", table, "holds no .npy file"),
        (tmp_path / "none", table, "does not exist"),
        (table, table, "no such folder of crops"),
        (made / "crops", tmp_path / "none.csv", "there is no table"),
        (made / "crops", made / "crops", "cannot be"),
    ):
        run = tmp_path / "run"
        named = ["--set", f"input.crops={crops}", "--set", f"input.metadata={metadata}"]
        told = call("import", "--run", run, *named)
        assert told.code == 1, told.err
        assert text in told.err
        assert "mend:" in told.err or "where:" in told.err
        shutil.rmtree(run, ignore_errors=True)
    table.write_text("a,b\n1,2\n", encoding="utf-8")
    told = call("import", "--run", tmp_path / "run", *of_crops(made))
    assert told.code == 1
    assert "lacks columns" in told.err
    table.write_text("", encoding="utf-8")
    told = call("import", "--run", tmp_path / "run", *of_crops(made))
    assert told.code == 1
    assert "metadata.csv" in told.err
    assert "unexpected" not in told.err
