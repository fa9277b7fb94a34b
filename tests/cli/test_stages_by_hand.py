from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.pipeline.runs import MAIN, call, of_crops, program, write_crops

from phenovae.base.tables import read_table
from phenovae.cells.refusals import ERRORS
from phenovae.cells.table import EMBEDDINGS

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def run(crops_run: Path, tmp_path: Path) -> Path:
    """A copy of the whole run on crops."""
    return Path(shutil.copytree(crops_run, tmp_path / "a copy"))


def stamps(run: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(run)): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in run.rglob("*")
        if path.is_file()
    }


def test_a_dry_run_says_what_would_run_and_why_and_writes_nothing(
    tiny: Path, made_crops: Path, crops_run: Path, run: Path, tmp_path: Path
) -> None:
    def dry(*more: str, out: Path = run) -> dict[str, str]:
        told = call(
            "run", tiny / "crops.yaml", *of_crops(made_crops), "--out", out, "--dry-run", *more
        )
        assert told.code == 0, told.err
        lines = [line.split(maxsplit=2) for line in told.out.splitlines()]
        return {name: f"{does}: {why}" for does, name, why in lines}

    before = stamps(run)
    assert set(dry().values()) == {"skip: finished and unchanged"}
    changed = dry("--set", "evaluate.draws=200")
    assert changed["embed"].startswith("skip")
    assert changed["profile"].startswith("skip")
    assert changed["evaluate"] == "run: evaluate.draws is 200, was 100"
    assert changed["report"] == "run: comes after evaluate"
    assert stamps(run) == before
    new = dry(out=tmp_path / "new")
    assert set(new.values()) == {"run: has not run yet"}
    assert not (tmp_path / "new").exists()


def test_what_has_changed_reruns_and_no_more(tiny: Path, made_crops: Path, run: Path) -> None:
    command = ["run", tiny / "crops.yaml", *of_crops(made_crops), "--out", run]
    before = stamps(run)
    assert call(*command).code == 0
    after = stamps(run)
    assert {name for name in before if before[name] != after[name]} <= {
        "config.yaml", ".lock", ".holder.json"
    }  # fmt: skip
    told = call(*command, "--set", "report.title=Anew")
    assert told.code == 0
    assert "report: done" in told.err
    assert "evaluate: finished and unchanged" in told.err
    assert "<title>Anew</title>" in (run / "report.html").read_text(encoding="utf-8")
    (run / "scores.json").unlink()
    told = call("run", run / "config.yaml", "--out", run)
    assert told.code == 0
    assert "profile: finished" in told.err
    assert "evaluate: done" in told.err
    assert "report: done" in told.err


def test_a_verb_refuses_what_an_earlier_one_must_do_first(run: Path) -> None:
    before = (run / "config.yaml").read_bytes()
    told = call("evaluate", "--run", run, "--set", "model.latent=5")
    assert told.code == 2
    assert "the stage train must run first" in told.err
    assert "model.latent is 5, was 4" in told.err
    # The configuration of the run is still the one its files were made by.
    assert (run / "config.yaml").read_bytes() == before
    assert call("evaluate", "--run", run).code == 0


def test_stages_that_follow_one_run_again_are_not_taken_for_finished(run: Path) -> None:
    told = call("profile", "--run", run, "--again")
    assert told.code == 0
    assert told.out.splitlines() == [f"profile: done, in {run}"]
    assert set(json.loads((run / "run.json").read_text())["stages"]) == {
        "cells", "sites", "split", "train", "diagnose", "generation", "embed",
        "profile"
    }  # fmt: skip
    assert call("report", "--run", run).code == 2
    assert call("evaluate", "--run", run).code == 0
    assert call("report", "--run", run).code == 0


def test_a_run_goes_on_without_its_crops_once_they_are_imported(tmp_path: Path, tiny: Path) -> None:
    made = write_crops(tmp_path / "made")
    assert call("import", "--run", tmp_path / "run", *of_crops(made)).code == 0
    shutil.rmtree(made / "crops")
    told = call("sites", "--run", tmp_path / "run")
    assert told.code == 0, told.err
    assert "is gone" in told.err
    shutil.rmtree(tmp_path / "run" / "cells")
    told = call("import", "--run", tmp_path / "run")
    assert told.code == 1
    assert "does not exist" in told.err


def test_a_crop_that_cannot_be_read_ends_with_3_and_stands_in_the_errors(
    tiny: Path, tmp_path: Path
) -> None:
    made = write_crops(tmp_path / "made")
    first = sorted((made / "crops").glob("*.npy"))[0]
    first.write_bytes(first.read_bytes()[:100])
    run = tmp_path / "run"
    command = ["run", tiny / "crops.yaml", *of_crops(made), "--out", run]
    told = call(*command)
    assert told.code == 3
    assert "errors.parquet" in told.out
    assert read_table(run / "errors.parquet", ERRORS)["File"].tolist() == [first.name]
    assert json.loads((run / "import.json").read_text())["imported"] == 53
    assert (run / "report.html").exists()
    assert call(*command).code == 3
    assert call("embed", "--run", run).code == 3


def test_embedding_without_a_run_equals_the_runs(
    crops_run: Path, made_crops: Path, tmp_path: Path
) -> None:
    model = ["--model", crops_run / "model", "--set", "embed.device=cpu"]
    wanted = (crops_run / "embeddings.parquet").read_bytes()
    told = call("embed", *model, "--cells", crops_run / "cells", "--out", tmp_path / "a.parquet")
    assert told.code == 0, told.err
    assert told.out == (
        f"embeddings of 54 cells in {tmp_path / 'a.parquet'}\n"
        "every plate has the scale that it had in training\n"
    )
    assert (tmp_path / "a.parquet").read_bytes() == wanted
    named = ["--crops", made_crops / "crops", "--metadata", made_crops / "metadata.csv"]
    told = call("embed", *model, *named, "--out", tmp_path / "b.parquet")
    assert told.code == 0, told.err
    assert (tmp_path / "b.parquet").read_bytes() == wanted
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "b.parquet"]


def test_embedding_crops_names_those_it_could_not_read(crops_run: Path, tmp_path: Path) -> None:
    made = write_crops(tmp_path / "made")
    np.save(sorted((made / "crops").glob("*.npy"))[0], np.zeros((5, 5, 3), np.uint16))
    out = tmp_path / "e.parquet"
    named = ["--crops", made / "crops", "--metadata", made / "metadata.csv"]
    told = call("embed", "--model", crops_run / "model", *named, "--out", out)
    assert told.code == 3, told.err
    assert len(read_table(out, EMBEDDINGS)) == 53
    assert len(read_table(tmp_path / "e.parquet.errors.parquet", ERRORS)) == 1
    told = call("embed", "--model", tmp_path, *named, "--out", tmp_path / "f.parquet")
    assert told.code == 1
    assert not list(tmp_path.glob("*f.parquet*"))


def test_a_store_comes_out_as_the_files_it_was_made_of(
    crops_run: Path, made_crops: Path, twin_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    told = call("export-crops", crops_run / "cells", "--out", out, "--layout", "flat")
    assert told.code == 0
    assert told.out == f"54 crops in {out}\n"
    for path in (made_crops / "crops").iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes()
    assert call("export-crops", crops_run / "cells", "--out", out).code == 2
    assert call("export-crops", twin_run / "cells", "--out", tmp_path / "twin").code == 0
    named = [
        "--set", f"input.crops={tmp_path / 'twin'}",
        "--set", f"input.metadata={tmp_path / 'twin' / 'metadata.csv'}",
    ]  # fmt: skip
    told = call("import", "--run", tmp_path / "run", *named)
    assert told.code == 0, told.err


def test_inspect_shows_stores_tables_and_folders(
    crops_run: Path, made_crops: Path, tmp_path: Path
) -> None:
    assert "cells: 54" in call("inspect", crops_run / "cells", "--verify").out
    assert "rows: 54" in call("inspect", crops_run / "embeddings.parquet").out
    assert "files: 54" in call("inspect", made_crops / "crops").out
    told = call("inspect", tmp_path / "none")
    assert told.code == 1
    assert "there is no such path" in told.err


def test_a_second_process_on_a_run_stops_and_names_the_first(run: Path, tmp_path: Path) -> None:
    holder = (
        "import os, subprocess, sys; from pathlib import Path\n"
        "from phenovae.pipeline.lock import locked\n"
        "print(os.getpid(), flush=True)\n"
        "with locked(Path(sys.argv[1])):\n"
        f"    second = [sys.executable, '-c', {MAIN!r}, 'report', '--run', sys.argv[1]]\n"
        "    sys.exit(subprocess.run(second).returncode)\n"
    )
    told = program(run, code=holder)
    assert told.code == 1
    assert f"another process is at work on this run: process {told.out.strip()}" in told.err
    assert "--out" in told.err


def test_a_trained_run_is_diagnosed_without_training_again(run: Path) -> None:
    journal = json.loads((run / "run.json").read_text(encoding="utf-8"))
    del journal["stages"]["diagnose"], journal["stages"]["report"]
    (run / "run.json").write_text(json.dumps(journal), encoding="utf-8")
    first = (run / "diagnosis.json").read_bytes()
    (run / "diagnosis.json").unlink()
    told = call("report", "--run", run)
    assert told.code == 2
    assert "phenovae diagnose" in told.err
    told = call("diagnose", "--run", run)
    assert told.code == 0
    assert told.out.splitlines()[0] == f"diagnose: done, in {run}"
    assert "cells that taught the model nothing" in told.out
    assert (run / "diagnosis.json").read_bytes() == first
    assert call("report", "--run", run).code == 0
    assert "Is σ honest?" in (run / "report.html").read_text(encoding="utf-8")


def test_the_images_of_a_trained_run_are_judged_without_training_again(run: Path) -> None:
    journal = json.loads((run / "run.json").read_text(encoding="utf-8"))
    del journal["stages"]["generation"], journal["stages"]["report"]
    (run / "run.json").write_text(json.dumps(journal), encoding="utf-8")
    first = (run / "generation.json").read_bytes()
    (run / "generation.json").unlink()
    told = call("generation", "--run", run)
    assert told.code == 0, told.err
    assert told.out.splitlines()[0] == f"generation: done, in {run}"
    assert "Samples from the prior are" in told.out
    assert (run / "generation.json").read_bytes() == first
    record = json.loads(first)
    assert [each["space"] for each in record["spaces"]] == ["texture@1", "pixels@1"]
    assert record["weights"]
    assert {row["channel"] for row in record["fidelity"]} == {*record["channels"], None}
    none = call("generation", "--run", run, "--set", "generation.cells=0")
    assert none.code == 0, none.err
    assert not (run / "generation.json").exists()
    assert call("report", "--run", run).code == 0
    assert "Generated images" not in (run / "report.html").read_text(encoding="utf-8")
