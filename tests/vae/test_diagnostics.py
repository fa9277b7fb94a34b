from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from phenovae.base.errors import TrainingError
from phenovae.vae.diagnostics import diagnose
from phenovae.vae.model_files import TrainedModel
from phenovae.vae.validation import measure


@pytest.fixture
def copied(toy_folder: Path, tmp_path: Path) -> Path:
    """A copy of the toy model's folder."""
    return Path(shutil.copytree(toy_folder, tmp_path / "model"))


def test_diagnostics_are_those_of_the_posterior(
    toy: ModuleType, copied: Path, toy_model: TrainedModel
) -> None:
    images = toy.ToyImages()
    said = diagnose(copied, images, toy.VALIDATION_ROWS)
    assert json.loads((copied / "diagnostics.json").read_text(encoding="utf-8")) == said
    mu, logvar = toy_model.encode(images.pixels[toy.VALIDATION_ROWS])
    kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).mean(axis=0)
    assert said["kl_per_dimension"] == pytest.approx(kl, rel=1e-4, abs=1e-6)
    assert said["variance_of_mean"] == pytest.approx(mu.var(axis=0), rel=1e-3, abs=1e-7)
    assert said["active_units"] == int((mu.var(axis=0) > 0.01).sum())
    assert said["elbo_nats"] == pytest.approx(-(said["kl_nats"] + said["reconstruction_nats"]))  # type: ignore[operator]
    assert said["elbo_nats"] == pytest.approx(toy_model.card.summary.elbo, rel=1e-6)
    assert said["cells"] == 16


def test_pictures_are_read_without_unpickling(toy: ModuleType, copied: Path) -> None:
    diagnose(copied, toy.ToyImages(), toy.VALIDATION_ROWS)
    with np.load(copied / "pictures.npz", allow_pickle=False) as pictures:
        assert pictures["originals"].shape == (16, 2, 16, 16)
        assert pictures["reconstructions"].shape == (16, 2, 16, 16)
        assert pictures["samples"].shape == (16, 2, 16, 16)
        assert pictures["names"][0] == "cell_48.npy"
        assert pictures["channels"].tolist() == ["DAPI", "Actin"]
        for name in ("originals", "reconstructions", "samples"):
            assert pictures[name].dtype == np.float16
            assert 0 <= pictures[name].min() <= pictures[name].max() <= 1


def test_equal_models_give_equal_diagnostics(toy: ModuleType, copied: Path) -> None:
    diagnose(copied, toy.ToyImages(), toy.VALIDATION_ROWS)
    first = [(copied / n).read_bytes() for n in ("diagnostics.json", "pictures.npz")]
    diagnose(copied, toy.ToyImages(), toy.VALIDATION_ROWS)
    assert first == [(copied / n).read_bytes() for n in ("diagnostics.json", "pictures.npz")]


def test_the_batch_size_does_not_change_what_is_measured(
    toy: ModuleType, toy_model: TrainedModel
) -> None:
    place = torch.device("cpu")
    rows = toy.VALIDATION_ROWS
    measured = [
        measure(toy_model.model, toy.ToyImages(), rows, batch=batch, seed=0, device=place)
        for batch in (16, 5)
    ]
    assert measured[0].kl == pytest.approx(measured[1].kl, rel=1e-6)
    assert measured[0].cells == measured[1].cells == 16


def test_shares_of_two_processes_add_up(toy: ModuleType, toy_model: TrainedModel) -> None:
    place = torch.device("cpu")
    sums: list[torch.Tensor] = []

    def kept(values: torch.Tensor) -> torch.Tensor:
        sums.append(values.clone())
        return values

    for share in ((0, 1), (0, 2), (1, 2)):
        measure(
            toy_model.model,
            toy.ToyImages(),
            toy.VALIDATION_ROWS,
            batch=3,
            seed=0,
            device=place,
            share=share,
            reduce=kept,
        )
    torch.testing.assert_close(sums[0], sums[1] + sums[2])


def test_no_row_is_an_error(toy: ModuleType, copied: Path) -> None:
    with pytest.raises(TrainingError, match="no cell"):
        diagnose(copied, toy.ToyImages(), np.arange(0))
