from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TWENTY = [
    *(f"read:{number}" for number in (0, 1, 2, 4, 5, 7, 8, 10)),
    *(f"sync:{number}" for number in (0, 1, 3, 4, 6, 8)),
    *(f"rename:{number}" for number in (0, 2, 3, 5, 7)),
    "read:5,sync:2",
]


def _killed(program: Path, folder: Path, moments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, str(program), str(folder), *moments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=280,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    for moment in moments:
        *killed, resumed = told["codes"][moment]
        assert killed == [-9] * len(killed), moment
        assert resumed == 0, moment
    assert set(told["hashes"].values()) == {told["hashes"]["unbroken"]}, told["hashes"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="SIGKILL and fork are there on POSIX alone")
def test_a_training_killed_and_resumed_ends_in_the_same_bytes(
    toy_program: Path, tmp_path: Path
) -> None:
    _killed(toy_program, tmp_path, ["read:5", "sync:3", "rename:4"])


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="SIGKILL and fork are there on POSIX alone")
def test_a_training_killed_at_twenty_moments_ends_in_the_same_bytes(
    toy_program: Path, tmp_path: Path
) -> None:
    assert len(TWENTY) == 20
    _killed(toy_program, tmp_path, TWENTY)
