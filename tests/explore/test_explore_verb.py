"""`phenovae explore` as a command."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from tests.pipeline.runs import ALONE, MAIN, call


def test_one_line_is_printed_the_page_answers_and_ctrl_c_ends_it(odd_run: Path) -> None:
    command = [sys.executable, "-c", MAIN, "explore", str(odd_run), "--no-browser"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **ALONE},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{40,}", line)
        with urllib.request.urlopen(line, timeout=60) as page:
            assert b"phenovae" in page.read()
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert rest == ""
    assert "Traceback" not in said
    assert "token" not in said


def test_a_busy_port_is_told(odd_run: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        told = call("explore", odd_run, "--no-browser", "--port", other.getsockname()[1])
    assert told.code == 1
    assert told.out == ""
    assert "is taken" in told.err


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    told = call("explore", tmp_path, "--no-browser")
    assert told.code == 1
    assert "holds no run" in told.err
    assert call("explore", tmp_path, "--port", 70000).code == 2


def test_a_page_of_files_is_written_and_told_with_its_size(odd_run: Path, tmp_path: Path) -> None:
    told = call("explore", odd_run, "--static", tmp_path / "page")
    assert told.code == 0, told.err
    assert re.fullmatch(rf"{re.escape(str(tmp_path))}/page/index\.html \(\d\.\d MB, 60 cells\)\n",
                        told.out)  # fmt: skip


def test_without_bokeh_the_extra_is_named(odd_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bokeh.util.paths", None)
    told = call("explore", odd_run, "--no-browser")
    assert told.code == 1
    assert "phenovae[explore]" in told.err
