from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from tests.pipeline.runs import MAIN, call, failing, of_crops, program

from phenovae.cli import report
from phenovae.cli.console import JsonFormatter
from phenovae.cli.main import app

VERBS = (
    "demo", "run", "config", "download", "sites", "illuminate", "segment", "crop", "import",
    "train", "diagnose", "generation", "embed", "profile", "evaluate", "protocols", "compare",
    "report", "figures", "ablate", "twin", "audit", "doctor", "repro", "inspect", "export",
    "export-crops",
)  # fmt: skip

HEAVY = (
    "torch",
    "lightning_fabric",
    "pandas",
    "sklearn",
    "numpy",
    "scipy",
    "matplotlib",
    "pyarrow",
)


def test_help_lists_every_verb_and_loads_no_heavy_library() -> None:
    look = f"import sys; print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    told = program("--help", code=f"try:\n  {MAIN}\nfinally:\n  {look}")
    assert told.code == 0
    assert told.err.strip() == "[]"
    listed = [line.split()[0] for line in told.out.splitlines() if line.startswith("  ")]
    assert [name for name in listed if name in VERBS] == list(VERBS)
    assert len(app.registered_commands) == len(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    told = call(verb, "--help")
    assert told.code == 0
    assert told.err == ""
    assert f"phenovae {verb}" in told.out.split("Example", 1)[1]


def test_the_version_is_told() -> None:
    told = call("--version")
    assert told.code == 0
    assert told.out.startswith("phenovae 0.")


def test_no_verb_shows_the_help_and_is_wrong_usage() -> None:
    told = call()
    assert told.code == 2
    assert "export-crops" in told.out + told.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["run", "CONFIG", "--out", "RUN", "--set", "train.epoch=1"], "did you mean 'epochs'"),
        (["run", "CONFIG", "--out", "RUN", "--set", "train.epochs"], "a.b=c"),
        (["run", "CONFIG", "--out", "RUN", "--set", "=1"], "a.b=c"),
        (["run", "CONFIG", "--out", "RUN", "--set", "a..b=1"], "unknown key"),
        (["run", "CONFIG", "--out", "RUN", "--set", "train.epochs=many"], "train.epochs"),
        (["run", "CONFIG", "--out", "RUN", "--set", "input.channels=[A"], "cannot be read"),
        (["run", "CONFIG", "--out", "RUN", "--set", "train=1", "--set", "train.batch=1"], "train"),
        (["run", "CONFIG", "--out", "RUN", "--set", "evaluate.protocols=[cell-mean]"],
         "did you mean 'cells-mean'"),
        (["run", "none.yaml", "--out", "RUN"], "there is no configuration"),
        (["run", "CONFIG"], "--out"),
        (["run", "CONFIG", "--out", "RUN"], "input.crops and input.metadata are not set"),
        (["config", "demos"], "did you mean 'demo'"),
        (["config"], "--defaults"),
        (["trian"], "trian"),
        (["train", "--run", "RUN", "--sat", "a=1"], "--sat"),
        (["embed"], "--model FOLDER"),
        (["embed", "--run", "RUN", "--model", "M"], "--model FOLDER"),
        (["embed", "--model", "M", "--metadata", "C", "--out", "O"], "--crops"),
        (["crop", "--run", "RUN", "--set", "input.source=crops"], "nothing to crop"),
        (["twin", "--out", "T", "--set", "site=1"], "did you mean 'sites'"),
    ],
)  # fmt: skip
def test_wrong_usage_ends_with_2_names_the_fault_and_leaves_nothing(
    arguments: list[str], named: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = call(*(str(tiny / "crops.yaml") if each == "CONFIG" else each for each in arguments))
    assert told.code == 2, told.err
    assert named in told.err
    assert told.out == ""
    assert "Traceback" not in told.err
    assert list(tmp_path.iterdir()) == []


def test_config_prints_every_key_and_every_example() -> None:
    keys = call("config", "--defaults")
    assert keys.code == 0
    assert keys.err == ""
    assert "train.epochs: 20\n" in keys.out
    for name in ("crops", "original", "demo"):
        told = call("config", name)
        assert told.code == 0
        assert told.out.startswith("# ")


def test_results_are_on_stdout_and_messages_on_stderr(crops_run: Path) -> None:
    told = call("report", "--run", crops_run)
    assert told.out.splitlines() == [
        "report: finished and unchanged (--again runs it once more)",
    ]
    assert told.err.splitlines() == ["report: finished and unchanged"]
    quiet = call("--quiet", "report", "--run", crops_run)
    assert quiet.out == told.out
    assert quiet.err == ""


def test_errors_are_json_where_that_is_asked_for(made_crops: Path, tmp_path: Path) -> None:
    named = ["--run", tmp_path / "run", *of_crops(made_crops)]
    assert call("import", *named).code == 0
    told = call("--log-json", "train", *named, "--set", "split.by=plate")
    assert told.code == 1
    lines = [json.loads(line) for line in told.err.splitlines()]
    assert {"info", "error"} <= {line["level"] for line in lines}
    assert "mend:" in lines[-1]["message"]


@pytest.mark.slow
def test_logs_of_a_whole_run_are_json_to_the_last_line(
    tiny: Path, made_crops: Path, tmp_path: Path
) -> None:
    told = program(
        "--log-json", "run", tiny / "crops.yaml", *of_crops(made_crops), "--out", tmp_path / "run"
    )
    assert told.code == 0, told.err
    lines = [json.loads(line) for line in told.err.splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    assert {"warning", "info"} == {line["level"] for line in lines}


def test_figures_that_are_no_numbers_are_json_too() -> None:
    record = logging.LogRecord("phenovae", logging.INFO, "", 0, "step", (), None)
    record.figures = {"loss": float("nan"), "step": 3}
    told = json.loads(JsonFormatter().format(record), parse_constant=pytest.fail)
    assert (told["loss"], told["step"]) == (None, 3)


def test_a_traceback_is_shown_to_who_asks_alone(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    plain = call("train", "--run", missing)
    assert plain.code == 1
    assert plain.err.startswith("error: this folder holds no run")
    assert "where:" in plain.err
    assert "mend:" in plain.err
    assert "Traceback" not in plain.err
    debug = call("--debug", "train", "--run", missing)
    assert debug.code == 1
    assert "Traceback" in debug.err
    assert debug.err.splitlines()[-3:] == plain.err.splitlines()
    told = call("--log-json", "--debug", "train", "--run", missing)
    assert "Traceback" in json.loads(told.err)["traceback"]


def test_an_unexpected_error_is_told_in_two_lines(crops_run: Path) -> None:
    with failing(report, "run_stage_verb", RuntimeError("odd")):
        told = call("report", "--run", crops_run)
    assert told.code == 1
    assert told.err.splitlines() == [
        "error: unexpected RuntimeError: odd",
        "  mend:  run again with --debug and report what it shows",
    ]
    with failing(report, "run_stage_verb", RuntimeError("odd")):
        told = call("--debug", "report", "--run", crops_run)
    assert told.code == 1
    assert "Traceback" in told.err


def test_a_pipe_that_closes_early_is_no_error(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; "
        f"first = subprocess.Popen([sys.executable, '-c', {MAIN!r}, 'config', '--defaults'], "
        "stdout=subprocess.PIPE, stderr=subprocess.PIPE); "
        "first.stdout.readline(); first.stdout.close(); print(first.stderr.read().decode())"
    )
    assert program(code=code).out.strip() == ""
