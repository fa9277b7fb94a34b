"""The readout: coordinates by hand, and what becomes the embedding of a cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from phenovae.base.errors import InputError, TrainingError
from phenovae.vae.data import Pixels
from phenovae.vae.model_files import Summary, load_model
from phenovae.vae.options import ReadoutOptions
from phenovae.vae.readout import fit_coordinates, some_of_each

ALL = ReadoutOptions(components=9)


def test_coordinates_are_components_of_standardised_features_with_variance_one() -> None:
    # Two features that go together in three of four cells: correlation ½, variances ½ and 1½.
    one, other = np.array([1.0, 1, -1, -1]), np.array([10.0, 10, -10, 10])
    features: Pixels = np.stack([one, other - 5, np.full(4, 7.0)], axis=1).astype(np.float32)
    coordinates = fit_coordinates([features[:1], features[1:]], ALL)
    assert coordinates.matrix.shape == (3, 2)
    assert coordinates.matrix[2].tolist() == [0, 0]
    found = coordinates(features)
    assert np.cov(found.T, ddof=0) == pytest.approx(np.eye(2), abs=1e-6)
    # the first is the sum of both, once standardised
    scaled = (features[:, :2] - features[:, :2].mean(0)) / features[:, :2].std(0)
    wanted = scaled.sum(axis=1)
    assert found[:, 0] == pytest.approx(wanted / wanted.std(), abs=1e-5)


def test_a_ridge_damps_what_hardly_varies() -> None:
    random = np.random.default_rng(0)
    strong = random.normal(size=(500, 1))
    features = np.hstack([strong + 0.05 * random.normal(size=(500, 1)) for _ in range(3)])
    cells: Pixels = features.astype(np.float32)
    spread = fit_coordinates([cells], ReadoutOptions(components=3, ridge=0.1))(cells).std(0)
    assert spread[0] == pytest.approx(1 / np.sqrt(1.1), abs=1e-3)
    assert (spread[1:] < 0.2).all()


@given(arrays(np.int8, (6, 3), elements=st.integers(-4, 4)), st.integers(1, 5))
def test_blocks_do_not_matter_and_what_is_kept_varies(numbers: np.ndarray, size: int) -> None:
    features = numbers.astype(np.float32)
    blocks = [features[at : at + size] for at in range(0, 6, size)]
    if not np.ptp(features, axis=0).any():
        with pytest.raises(TrainingError, match="all 3 features are the same"):
            fit_coordinates(blocks, ALL)
        return
    whole, parts = fit_coordinates([features], ALL), fit_coordinates(blocks, ALL)
    assert parts.matrix.shape == whole.matrix.shape
    assert parts.mean == pytest.approx(whole.mean, abs=1e-6)
    assert parts(features).std(axis=0) == pytest.approx(np.ones(parts.matrix.shape[1]), abs=1e-3)


def test_one_cell_has_no_coordinates() -> None:
    with pytest.raises(TrainingError, match="cannot be learned from 1 cells"):
        fit_coordinates([np.zeros((1, 3), np.float32)], ALL)


def test_stages_become_the_embedding_in_coordinates_of_the_training_cells(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    readout = {"take": "stages", "finest": 3, "components": 5, "views": 8}
    recipe = toy.recipe(model={"norm": "batch", "readout": readout}, train={"epochs": 1})
    trained(tmp_path, recipe)
    model, images = load_model(tmp_path), toy.ToyImages()
    # two stages of 16 maps, a mean and a maximum of each
    assert model.features(images.pixels[:4]).shape == (4, 64)
    found = model.embed(images.pixels[toy.TRAINING_ROWS])
    assert found.shape == (48, 5)
    assert np.cov(found.T, ddof=0) == pytest.approx(np.eye(5), abs=1e-3)
    turned = np.ascontiguousarray(np.rot90(images.pixels[:4], axes=(2, 3)))
    assert model.embed(turned) == pytest.approx(model.embed(images.pixels[:4]), abs=1e-3)
    (tmp_path / "readout.safetensors").unlink()
    with pytest.raises(InputError, match=r"no readout\.safetensors"):
        load_model(tmp_path)


def test_another_readout_needs_no_other_training(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    first = trained(tmp_path, toy.recipe())
    weights = (tmp_path / "model.safetensors").read_bytes()
    again = trained(
        tmp_path,
        toy.recipe(model={"readout": {"take": "stages", "components": 2}}),
        toy.Interrupting(10_000),
    )
    assert again == first
    assert (tmp_path / "model.safetensors").read_bytes() == weights
    assert load_model(tmp_path).embed(toy.ToyImages().pixels[:3]).shape == (3, 2)


def test_of_each_well_no_more_cells_than_asked_for_are_learned_from() -> None:
    rows, wells = np.arange(10, 22), np.array([0, 0, 0, 0, 0, 0, 7, 7, 7, 3, 3, 5])
    kept = some_of_each(rows, wells, 2, seed=0)
    assert (np.diff(kept) > 0).all()
    found, counts = np.unique(wells[kept - 10], return_counts=True)
    assert dict(zip(found.tolist(), counts.tolist(), strict=True)) == {0: 2, 3: 2, 5: 1, 7: 2}
    assert some_of_each(rows, wells, 2, seed=0).tolist() == kept.tolist()
    others = [some_of_each(rows, wells, 2, seed).tolist() for seed in range(1, 6)]
    assert any(each != kept.tolist() for each in others)
    assert some_of_each(rows, wells, 6, seed=0).tolist() == rows.tolist()


def test_amounts_are_part_of_the_stages_readout(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    model = {"sees": "shape", "readout": {"take": "stages", "finest": 4, "per_well": 1}}
    trained(tmp_path, toy.recipe(model=model, train={"epochs": 1}))
    images = toy.ToyImages().pixels[:4]
    found = load_model(tmp_path).features(images)
    channels = images.shape[1]
    assert found.shape == (4, 32 + 5 * channels)
    brightest = np.log(0.01 + images.max(axis=(2, 3)))
    assert found[:, -channels:] == pytest.approx(brightest, abs=1e-5)
