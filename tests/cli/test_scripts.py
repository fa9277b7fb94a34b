from __future__ import annotations

import json
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
import yaml
from tests.pipeline.runs import ROOT, TINY_TWIN, WHOLE, Told, call, failing, write_crops

from phenovae.cells.shards import ShardWriter
from phenovae.pipeline.config import Config
from phenovae.vae.stepper import Stepper

pytestmark = pytest.mark.usefixtures("undrawn")


def flat(tree: dict[str, object], prefix: str = "") -> list[str]:
    """A configuration as --set options."""
    found: list[str] = []
    for name, value in tree.items():
        if isinstance(value, dict):
            found += flat(value, f"{prefix}{name}.")
        else:
            found += ["--set", f"{prefix}{name}={json.dumps(value)}"]
    return found


TWIN = flat(yaml.safe_load(TINY_TWIN))
TINY = [
    each
    for pair in zip(TWIN[::2], TWIN[1::2], strict=True)
    if not pair[1].startswith(("input.", "twin."))
    for each in pair
]


def script(name: str) -> Callable[..., Told]:
    def run(*arguments: object) -> Told:
        def entry() -> None:
            runpy.run_path(str(ROOT / name), run_name="__main__")

        with (
            mock.patch.object(sys, "path", [*sys.path]),
            mock.patch.object(os, "cpu_count", return_value=1),
        ):
            return call(*arguments, entry=entry)

    return run


# The examples say more than the tiny configurations do, whose other keys have their defaults.
DEFAULTS = Config().model_dump(
    mode="json", include={"sampling", "model", "objective", "augment", "train"}
)
SAME = [*flat(DEFAULTS), "--set", "train.epochs=2"]

preprocess, train_vae = script("preprocess.py"), script("train_vae.py")


@pytest.mark.slow
def test_one_script_after_the_other_on_the_twin(tmp_path: Path, twin_run: Path) -> None:
    run = tmp_path / "run"
    told = preprocess("--out", run, *SAME, *TWIN)
    assert told.code == 0, told.err
    assert f"python train_vae.py --out {run}" in told.out
    assert (run / "cells" / "store.json").exists()
    assert not (run / "model").exists()
    told = train_vae("--out", run)
    assert told.code == 0, told.err
    assert "cells: finished and unchanged" in told.err
    assert told.out.splitlines()[-1] == f"report: {run / 'report.html'}"
    assert set(WHOLE) <= {path.name for path in run.iterdir()}
    assert (run / "embeddings.parquet").read_bytes() == (
        twin_run / "embeddings.parquet"
    ).read_bytes()


def test_train_vae_alone_on_crops(tmp_path: Path, made_crops: Path, crops_run: Path) -> None:
    run = tmp_path / "run"
    named = ["--crops", made_crops / "crops", "--metadata", made_crops / "metadata.csv"]
    told = train_vae("--out", run, *named, *SAME, *TINY, "--set", "input.pixel_size_um=")
    assert told.code == 0, told.err
    assert (run / "embeddings.parquet").read_bytes() == (
        crops_run / "embeddings.parquet"
    ).read_bytes()


def test_settings_of_the_first_script_hold_for_the_second(tmp_path: Path, made_crops: Path) -> None:
    run = tmp_path / "run"
    named = ["--crops", made_crops / "crops", "--metadata", made_crops / "metadata.csv"]
    told = preprocess("--out", run, *named, *TINY, "--set", "quality.noise_share=0.2")
    assert told.code == 0, told.err
    with failing(Stepper, "step", KeyboardInterrupt()):
        told = train_vae("--out", run, *named)
    assert "cells: finished and unchanged" in told.err
    assert told.code == 130
    assert "the same command goes on" in told.err


def test_scripts_end_as_the_command_does(tmp_path: Path, made_crops: Path) -> None:
    run = tmp_path / "run"
    told = preprocess("--out", run, "--set", "twin.site=1")
    assert told.code == 2
    assert "did you mean 'sites'" in told.err
    told = preprocess("--out", run, "--crops", tmp_path / "none")
    assert told.code == 2
    assert "input.metadata is not set" in told.err
    table = made_crops / "metadata.csv"
    named = ["--crops", tmp_path / "none", "--metadata", table]
    told = preprocess("--out", run, *named)
    assert told.code == 1
    assert "Traceback" not in told.err
    assert "Traceback" in preprocess("--out", run, *named, "--debug").err
    assert train_vae("--out", run, *named).code == 1
    assert not run.exists()
    named[1] = made_crops / "crops"
    with failing(ShardWriter, "append", KeyboardInterrupt()):
        told = preprocess("--out", run, *named)
    assert told.code == 130
    assert "stopped" in told.err
    with failing(ShardWriter, "append", RuntimeError("odd")):
        told = preprocess("--out", run, *named)
    assert told.code == 1
    assert "unexpected RuntimeError: odd" in told.err


def test_scripts_tell_of_crops_they_could_not_read(tmp_path: Path) -> None:
    made = write_crops(tmp_path / "made")
    sorted((made / "crops").glob("*.npy"))[0].write_bytes(b"no array")
    named = ["--crops", made / "crops", "--metadata", made / "metadata.csv"]
    told = preprocess("--out", tmp_path / "run", *named)
    assert told.code == 3
    assert "errors.parquet" in told.out


@pytest.mark.parametrize("run", [preprocess, train_vae])
def test_scripts_have_help(run: Callable[..., Told]) -> None:
    told = run("--help")
    assert told.code == 0
    assert "--crops" in told.out
