"""The notebooks are executed whole, in their short form."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.md"))
KEPT_IN = "PHENOVAE_EXECUTED"
"""Names a folder in which executed copies are kept, for the site."""


def test_there_are_three_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["bbbc021", "first_steps", "own_screen"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_its_first_cell_to_its_last(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("nbclient", "jupytext", "ipykernel"):
        pytest.importorskip(package)
    from generated_pages.notebooks import execute

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    kept = Path(os.environ.get(KEPT_IN) or tmp_path)
    out = kept / f"{notebook.stem}.ipynb"
    execute(notebook, out, tmp_path / "work", "short")
    text = out.read_text(encoding="utf-8")
    assert '"output_type": "error"' not in text
    assert text.count('"image/png"') >= 1
    assert len(text) < 3_000_000
