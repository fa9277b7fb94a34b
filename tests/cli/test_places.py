from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from tests.pipeline.runs import call, of_crops, program, write_crops

pytestmark = pytest.mark.usefixtures("undrawn")

NEXT = "-- next --\n"
ONE_AFTER_THE_OTHER = f"""\
import json, sys
from phenovae.cli.main import main
for number, words in enumerate(json.loads(sys.argv[1])):
    if number:
        sys.stdout.write({NEXT!r})
    sys.argv[1:] = words
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
"""
CLOCALE = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_blanks_and_unicode_in_paths(tiny: Path, tmp_path: Path) -> None:
    made = write_crops(tmp_path / "Zellen für µ" / "sous dossier")
    run = tmp_path / "größe = 2 · 細胞"
    told = call("run", tiny / "crops.yaml", *of_crops(made), "--out", run)
    assert told.code == 0, told.err
    assert told.out.splitlines()[-1] == f"report: {run / 'report.html'}"
    assert "<title>größe = 2 · 細胞</title>" in (run / "report.html").read_text(encoding="utf-8")
    assert "finished" in call("report", "--run", run).out


def test_relative_paths_are_those_of_the_working_folder(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_crops(tmp_path / "made")
    (tmp_path / "plain.yaml").write_text(
        "name: plain\nversion: 1\nsummary: means\nrecipe: {levels: [{level: treatment}]}\n"
        "unscorable_as_candidates: true\n",
        encoding="utf-8",
    )
    shutil.copy(tiny / "crops.yaml", tmp_path / "my.yaml")
    text = (tmp_path / "my.yaml").read_text(encoding="utf-8")
    (tmp_path / "my.yaml").write_text(
        text.replace("{draws: 100}", "{draws: 100, protocols: [plain.yaml]}").replace(
            "source: crops", "source: crops, crops: made/crops"
        ),
        encoding="utf-8",
    )
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    table = "input.metadata=../made/metadata.csv"
    told = call("run", "../my.yaml", "--set", table, "--out", "run")
    assert told.code == 0, told.err
    assert "plain@1" in told.out
    monkeypatch.chdir(tmp_path / "there")
    for more in ([], ["--set", "evaluate.protocols=[../plain.yaml]"]):
        told = call("evaluate", "--run", "../here/run", *more)
        assert told.out.startswith("evaluate: finished and unchanged"), told.err


def test_a_file_in_the_place_of_the_run(tiny: Path, made_crops: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine", encoding="utf-8")
    told = call("run", tiny / "crops.yaml", *of_crops(made_crops), "--out", tmp_path / "run")
    assert told.code == 1
    assert "cannot write into the run's folder" in told.err
    assert (tmp_path / "run").read_text(encoding="utf-8") == "mine"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(
    tiny: Path, made_crops: Path, crops_run: Path, tmp_path: Path
) -> None:
    tmp_path.chmod(0o500)
    told = call("run", tiny / "crops.yaml", *of_crops(made_crops), "--out", tmp_path / "run")
    assert told.code == 1
    assert "--out" in told.err
    out = tmp_path / "e.parquet"
    model = ["--model", crops_run / "model", "--set", "embed.device=cpu"]
    told = call("embed", *model, "--cells", crops_run / "cells", "--out", out)
    assert told.code == 1
    assert "choose a folder" in told.err


def test_a_locale_without_utf_8_prints_and_writes_all_the_same(
    made_crops: Path, crops_run: Path, tmp_path: Path
) -> None:
    verbs: list[list[object]] = [
        ["config", "--defaults"],
        ["sites", "--run", crops_run],
        ["import", "--run", tmp_path / "plain", *of_crops(made_crops)],
    ]
    words = json.dumps([[str(each) for each in verb] for verb in verbs])
    told = program(words, code=ONE_AFTER_THE_OTHER, environment=CLOCALE)
    assert told.code == 0, told.err
    keys, sites, imported = told.out.split(NEXT)
    assert "µm" in keys
    assert "×" in sites
    assert "cells: done" in imported
    # What was written there is read elsewhere.
    told = call("sites", "--run", tmp_path / "plain")
    assert told.code == 0, told.err


@pytest.mark.slow
def test_a_path_that_the_locale_cannot_write_is_told_with_the_mend(
    made_crops: Path, tmp_path: Path
) -> None:
    run = tmp_path / "größe"
    told = program("import", "--run", run, *of_crops(made_crops), environment=CLOCALE)
    if told.code:
        assert told.code == 1
        assert "PYTHONUTF8=1" in told.err
        assert "Traceback" not in told.err
    told = program(
        "import", "--run", run, *of_crops(made_crops), environment={**CLOCALE, "PYTHONUTF8": "1"}
    )
    assert told.code == 0, told.err
    assert f"cells: done, in {run}" in told.out


def test_a_locale_that_knows_no_greek_prints_all_the_same() -> None:
    told = program("config", "crops", environment={"PYTHONIOENCODING": "latin-1"})
    assert told.code == 0
    assert "σ" in told.out
