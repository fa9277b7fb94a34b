"""Runs with a frozen backbone: beside the model, alone, and as a row of an ablation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.pipeline.runs import call, of_crops
from tests.vae.stand_in import NAME, put_in, write_weights

from phenovae.base.errors import UsageError
from phenovae.evaluate.provenance import read_training
from phenovae.pipeline.config import load_config

ROWS = """
base: {base}
seeds: [0]
set: [report.umap=false]
entries:
  - {{name: as it is}}
  - name: backbone
    features: backbone
    needs: backbone.weights
    set: [backbone.name={name}, backbone.alone=true]
    remark: of other images
"""


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    put_in(monkeypatch)
    folder = tmp_path / "of others"
    folder.mkdir()
    return write_weights(folder / "w.safetensors")


def records(run: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads((run / "scores.json").read_text("utf-8"))
    return found


@pytest.mark.usefixtures("undrawn")
def test_a_backbone_is_scored_beside_the_model_and_says_what_it_is(
    tiny: Path, made_crops: Path, tmp_path: Path, weights: Path
) -> None:
    run = tmp_path / "run"
    asked = ["--set", f"backbone.name={NAME}", "--set", f"backbone.weights={weights}"]
    told = call("run", tiny / "crops.yaml", *of_crops(made_crops), *asked, "--out", run)
    assert told.code == 0, told.err
    names = {record["features"] for record in records(run)}
    assert names == {"model", "backbone", "intensity"}
    own = [record for record in records(run) if record["features"] == "backbone"]
    said = read_training(own[0]["training"]).text  # type: ignore[arg-type]
    assert said.startswith("label-free of this screen; pretrained on other images (corner: weights")
    assert "w.safetensors, sha256 " in said
    assert said in told.out
    probe = next(record for record in records(run) if record["metric"] == "NSC")
    against = [each["features"] for each in probe["against"]]  # type: ignore[attr-defined]
    assert against == ["backbone", "intensity"]
    table = pd.read_parquet(run / "backbone.parquet")
    of_model = pd.read_parquet(run / "embeddings.parquet")
    assert table["Metadata_Cell"].equals(of_model["Metadata_Cell"])
    assert [name for name in map(str, table) if name.startswith("z_")] == [
        f"z_{n:03d}" for n in range(9)
    ]
    assert np.isfinite(table.filter(like="z_").to_numpy()).all()


def test_a_row_of_a_backbone_trains_nothing_and_no_other_row_has_it(
    tiny: Path, made_crops: Path, tmp_path: Path, weights: Path
) -> None:
    rows = tmp_path / "rows.yaml"
    rows.write_text(ROWS.format(base=tiny / "crops.yaml", name=NAME), encoding="utf-8")
    out = tmp_path / "runs"
    asked = ["ablate", rows, "--out", out, *of_crops(made_crops)]
    given = ["--set", f"backbone.weights={weights}"]
    told = call(*asked, *given, "--only", "backbone")
    assert told.code == 0, told.err
    run = out / "backbone" / "seed-0"
    assert {record["features"] for record in records(run)} == {"backbone", "intensity"}
    assert not (run / "model").exists()
    assert not (run / "report.html").exists()
    told = call(*asked)
    assert told.code == 0, told.err
    table = (out / "ablation.md").read_text(encoding="utf-8")
    assert "| backbone | not run: backbone.weights was not given |" in table
    told = call(*asked, *given)
    assert told.code == 0, told.err
    assert not (out / "as-it-is" / "seed-0" / "backbone.parquet").exists()
    table = (out / "ablation.md").read_text(encoding="utf-8")
    line = next(each for each in table.splitlines() if each.startswith("| backbone |"))
    probe = next(
        each for each in records(run) if (each["features"], each["metric"]) == ("backbone", "probe")
    )
    assert line.split(" | ")[1].startswith(f"{probe['value']:.3f} [")
    assert line.endswith("| – | 0 | 0 |")
    assert "- backbone: of other images" in table


def test_a_stage_of_a_backbone_runs_again_with_other_weights_not_with_moved_ones(
    tiny: Path, made_crops: Path, tmp_path: Path, weights: Path
) -> None:
    run = tmp_path / "run"
    asked = [
        "run", tiny / "crops.yaml", *of_crops(made_crops), "--set", f"backbone.name={NAME}",
        "--set", "backbone.alone=true", "--out", run,
    ]  # fmt: skip

    def plan(path: Path) -> str:
        return call(*asked, "--set", f"backbone.weights={path}", "--dry-run").out

    told = call(*asked, "--set", f"backbone.weights={weights}")
    assert told.code == 0, told.err
    assert "report:" not in told.out
    moved = weights.rename(tmp_path / "moved.safetensors")
    assert "run " not in plan(moved)
    assert "weights of the backbone" in plan(write_weights(moved, weight=torch.ones(3)))


def test_paths_of_weights_are_taken_from_where_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("backbone: {weights: w.safetensors}\n", encoding="utf-8")
    assert load_config(path).backbone.weights == tmp_path / "w.safetensors"
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    assert load_config(path, ["backbone.weights=w"]).backbone.weights == other / "w"
    assert load_config(path, ["backbone.weights="]).backbone.weights is None
    with pytest.raises(UsageError, match="alone wants weights"):
        load_config(None, ["backbone.alone=true"])
