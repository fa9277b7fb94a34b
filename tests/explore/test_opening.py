"""Runs that have not come far enough to be explored."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from phenovae.base.errors import InputError, UsageError
from phenovae.explore.opening import open_run
from phenovae.pipeline import paths


def test_a_finished_run_opens_with_what_its_model_sees(odd_run: Path) -> None:
    opened = open_run(odd_run)
    assert opened.name == "odd run"
    assert opened.latents == ("z_000", "z_001", "z_002", "z_003")
    assert opened.view.options.size == 16
    assert not opened.synthetic


@pytest.mark.parametrize(
    ("gone", "verb"),
    [(paths.CELLS, "import"), (paths.MODEL, "train"), (paths.EMBEDDINGS, "embed")],
)
def test_what_is_missing_is_told_with_the_stage_that_makes_it(
    odd_run: Path, tmp_path: Path, gone: str, verb: str
) -> None:
    run = Path(shutil.copytree(odd_run, tmp_path / "run"))
    path = run / gone
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    with pytest.raises(InputError, match=f"the stage {verb} has not been finished") as raised:
        open_run(run)
    assert f"phenovae {verb} --run" in str(raised.value)


def test_a_folder_without_a_run_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run"):
        open_run(tmp_path)
    (tmp_path / "config.yaml").write_text("nonsense: 1", encoding="utf-8")
    with pytest.raises(UsageError, match="nonsense"):
        open_run(tmp_path)
