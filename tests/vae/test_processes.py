from __future__ import annotations

from pathlib import Path

import pytest
from tests.vae.toy import TRAINING_ROWS, VALIDATION_ROWS, ToyImages, recipe

from phenovae.base.files import sha256_of_file
from phenovae.vae.training import train


@pytest.mark.slow
def test_two_processes_train_one_model_the_same_way_every_time(tmp_path: Path) -> None:
    wanted = recipe(train={"devices": 2, "epochs": 2})
    for name in ("one", "again"):
        summary = train(ToyImages(), TRAINING_ROWS, VALIDATION_ROWS, wanted, tmp_path / name)
        assert summary.epochs == 2
        assert summary.steps == 6
    hashes = [sha256_of_file(tmp_path / name / "model.safetensors") for name in ("one", "again")]
    assert hashes[0] == hashes[1]
    lines = (tmp_path / "one" / "history.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
