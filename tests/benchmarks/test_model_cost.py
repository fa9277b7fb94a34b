from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _rows(text: str, first: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith(f"| {first}")
    ]


@pytest.mark.slow
def test_the_cost_of_a_model_is_told_of_both_networks() -> None:
    pytest.importorskip("h5py")
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "benchmarks" / "model_cost.py"),
            *("--cells", "64", "--epochs", "1", "--product", "64", "--device", "cpu"),
            *("--to-error", "--error-epochs", "1"),
        ],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    told = [*_rows(done.stdout, "default: "), *_rows(done.stdout, "original: ")]
    assert len(told) == 2 * (3 + 6)
    trained = {row[0]: row for row in told if len(row) == 8}
    assert len(trained) == 6
    for row in trained.values():
        assert float(row[2].replace(",", "")) > 0
        # Rates, counts and their product are of one measurement.
        assert float(row[6].replace(",", "")) == pytest.approx(
            float(row[2].replace(",", "")) * float(row[5].replace(",", "")) / 1e3, rel=0.1, abs=0.2
        )
    same = (
        trained[f"original: {way}"][5] for way in ("plain loop, ELBO", "phenovae, the same ELBO")
    )
    assert len(set(same)) == 1
    assert len(_rows(done.stdout, "original, lowest of 1 epochs")) == 1
