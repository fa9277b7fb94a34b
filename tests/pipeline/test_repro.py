from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from tests.pipeline.runs import call, of_crops, write_crops

from phenovae.pipeline.repro import plan_replay


@pytest.fixture
def run(crops_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(crops_run, tmp_path / "a run"))


def test_a_replay_as_far_as_the_splits_is_the_same(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "told.json"
    told = call("repro", run, "--until", "split", "--json", out)
    assert told.code == 0, told.out + told.err
    assert told.out.startswith("before anything runs\nnothing found\n")
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written["same"] is True
    assert {each["output"]: each["likeness"] for each in written["outputs"]} == dict.fromkeys(
        ("cells", "import.json", "errors.parquet", "splits.parquet"), "byte-identical"
    )
    assert (tmp_path / "a run-repro" / "splits.parquet").is_file()
    assert max(len(line) for line in told.out.splitlines()[:-2]) <= 80


@pytest.mark.slow
def test_a_whole_run_is_replayed_to_the_same_scores(run: Path, tmp_path: Path) -> None:
    told = call("repro", run, "--out", tmp_path / "again")
    assert told.code == 0, told.out + told.err
    assert re.search(r"^scores\.json +evaluate +byte-identical$", told.out, re.MULTILINE), told.out


def test_an_output_that_was_changed_is_told_with_its_place(run: Path) -> None:
    sites = run / "import.json"
    told = json.loads(sites.read_text())
    sites.write_text(json.dumps({**told, "imported": told["imported"] + 1}))
    (run / "splits.parquet").unlink()
    ended = call("repro", run, "--until", "split")
    assert ended.code == 3
    assert "import.json: imported: 54, was 55" in ended.out
    assert "splits.parquet: not there before" in ended.out


def test_versions_and_inputs_that_changed_are_told_before_anything_runs(run: Path) -> None:
    path = run / "run.json"
    journal = json.loads(path.read_text(encoding="utf-8"))
    journal["versions"]["numpy"] = "0.1"
    journal["stages"]["cells"]["inputs"]["metadata"] = "another"
    path.write_text(json.dumps(journal), encoding="utf-8")
    said = plan_replay(run, until="cells").before
    assert any(name.endswith("was 0.1") for each in said for name in each.names)
    assert any("input metadata is another" in each.what and "SHA-256" in each.what for each in said)


def test_stages_whose_input_is_gone_are_told_and_not_run(tmp_path: Path, tiny: Path) -> None:
    made = write_crops(tmp_path / "made")
    run = tmp_path / "run"
    named = ["--config", tiny / "crops.yaml", *of_crops(made), "--run", run]
    assert call("import", *named).code == 0
    shutil.rmtree(made / "crops")
    told = call("repro", run)
    assert told.code == 3
    assert "is gone" in told.out
    assert "not replayed: cells" in told.out
    assert not (tmp_path / "run-repro").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--until", "trian"], "did you mean 'train'"), (["--stages", "nothing"], "no stage")],
)
def test_a_stage_that_is_not_there_is_wrong_usage(
    run: Path, arguments: list[str], words: str
) -> None:
    told = call("repro", run, *arguments)
    assert told.code == 2
    assert words in told.err
    assert told.out == ""


def test_nothing_is_overwritten_and_no_run_is_an_error(run: Path, tmp_path: Path) -> None:
    told = call("repro", run, "--out", run)
    assert told.code == 2
    assert "there already" in told.err
    told = call("repro", tmp_path / "none")
    assert told.code == 1
    assert "no run" in told.err
