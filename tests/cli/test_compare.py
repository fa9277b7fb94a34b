from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.pipeline.runs import call

from phenovae.base.tables import read_table, write_table
from phenovae.pipeline.stages.evaluate import NEIGHBOURS


def other(run: Path, folder: Path, *, seed: int = 0, latent: int | None = None) -> Path:
    """A copy of a run under another seed, or with another size of its latent space."""
    copy = folder / f"seed{seed} latent{latent}"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("cells", "model", "twin"))
    config = (copy / "config.yaml").read_text(encoding="utf-8")
    config = config.replace("seed: 0\n", f"seed: {seed}\n", 1)
    if latent is not None:
        lines = config.splitlines()
        lines = [f"  latent: {latent}" if line.startswith("  latent:") else line for line in lines]
        config = "\n".join(lines)
    (copy / "config.yaml").write_text(config, encoding="utf-8")
    return copy


def test_a_run_alone_is_compared_with_intensity(twin_run: Path, tmp_path: Path) -> None:
    told = call("compare", twin_run, "--draws", "200", "--json", tmp_path / "compared.json")
    assert told.code == 0, told.err
    assert f"{twin_run.name} less intensity:" in told.out
    found = json.loads((tmp_path / "compared.json").read_text(encoding="utf-8"))
    assert {each["metric"] for each in found} <= {"NSC", "NSCB"}
    for each in found:
        mine, base = each["models"]
        assert each["differences"][0]["difference"] == pytest.approx(mine["mean"] - base["mean"])
        assert each["differences"][0]["verdict"]


def test_runs_that_differ_in_their_seed_are_one_model(twin_run: Path, tmp_path: Path) -> None:
    told = call("compare", twin_run, other(twin_run, tmp_path, seed=1), "--draws", "200")
    assert told.code == 0, told.err
    assert f"{twin_run.name} and 1 more seed" in told.out
    assert "2 seeds" in told.out
    assert "intensity" in told.out


def test_runs_of_other_settings_are_two_models(twin_run: Path, tmp_path: Path) -> None:
    second = other(twin_run, tmp_path, latent=99)
    told = call("compare", twin_run, second, "--draws", "200")
    assert told.code == 0, told.err
    assert f"{twin_run.name} less {second.name}: +0.0 points" in told.out
    assert "no difference" in told.out
    assert "intensity" not in told.out
    told = call("compare", twin_run, second, "--draws", "200", "--against", "intensity")
    assert f"{second.name} less intensity" in told.out


def test_a_run_named_twice_is_refused(twin_run: Path) -> None:
    told = call("compare", twin_run, twin_run)
    assert told.code == 2
    assert "the same model with the same seed" in told.err


def test_a_folder_that_is_no_scored_run_is_told(tmp_path: Path) -> None:
    told = call("compare", tmp_path)
    assert told.code == 1
    assert "no scored run: it has no neighbours.parquet" in told.err
    assert "phenovae evaluate --run" in told.err


def test_models_trained_on_labels_do_not_compare_with_others(
    twin_run: Path, tmp_path: Path
) -> None:
    second = other(twin_run, tmp_path, latent=99)
    records = json.loads((second / "scores.json").read_text(encoding="utf-8"))
    for record in records:
        if record["features"] == "model":
            record["track"] = "weakly supervised (compound labels)"
    (second / "scores.json").write_text(json.dumps(records), encoding="utf-8")
    told = call("compare", twin_run, second)
    assert told.code == 1
    assert "different tracks (label-free, weakly supervised (compound labels))" in told.err


def test_runs_of_other_treatments_do_not_pair(twin_run: Path, tmp_path: Path) -> None:
    second = other(twin_run, tmp_path, latent=99)
    table = read_table(second / "neighbours.parquet", NEIGHBOURS)
    write_table(table.iloc[1:], second / "neighbours.parquet", NEIGHBOURS)
    told = call("compare", twin_run, second)
    assert told.code == 1
    assert "not asked the same treatments" in told.err
