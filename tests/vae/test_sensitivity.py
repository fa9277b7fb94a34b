from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from tests.vae.known import LATENT, SHAPE, columns, floats, linear_model

from phenovae.vae.model import make_model
from phenovae.vae.model_files import Recipe, TrainedModel
from phenovae.vae.options import ModelOptions
from phenovae.vae.sensitivity import latent_by_pixel, picture_by_gradient, picture_by_traversal


def test_the_gradient_of_a_linear_decoder_is_its_matrix_wherever_it_is_taken() -> None:
    latents = np.random.default_rng(0).normal(size=(3, LATENT)).astype(np.float32)
    found = picture_by_gradient(linear_model(), latents, [2, 0])
    matrix = columns().T.reshape(LATENT, *SHAPE)
    for cell in range(3):
        assert found[cell] == pytest.approx(matrix[[2, 0]], abs=1e-5)


def test_a_traversal_of_a_linear_decoder_gives_the_same_for_any_step() -> None:
    latents = np.random.default_rng(0).normal(size=(2, LATENT)).astype(np.float32)
    for length in (0.1, 3.0):
        found = picture_by_traversal(linear_model(), latents, [1], np.full(LATENT, length))
        expected = columns().T.reshape(LATENT, *SHAPE)[1]
        assert found[0, 0] == pytest.approx(expected, abs=1e-4)


def test_the_gradient_of_a_linear_encoder_is_its_matrix() -> None:
    images = np.random.default_rng(0).random((2, *SHAPE)).astype(np.float32)
    found = latent_by_pixel(linear_model(), images, [3, 1])
    expected = np.linalg.pinv(columns()).reshape(LATENT, *SHAPE)[1]
    assert found[:, 0] == pytest.approx(np.zeros((2, *SHAPE)))
    assert found[1, 1] == pytest.approx(expected, abs=1e-5)


def test_of_a_real_decoder_gradient_and_short_steps_agree(
    toy: ModuleType, toy_model: TrainedModel
) -> None:
    latents = toy_model.encode(toy.ToyImages().images(np.arange(4)))[0]
    slope = picture_by_gradient(toy_model, latents, [0, 1])
    step = picture_by_traversal(toy_model, latents, [0, 1], np.full(4, 1e-2))
    assert np.abs(slope).max() > 1e-4
    assert step == pytest.approx(slope, abs=0.05 * float(np.abs(slope).max()))


def test_of_a_real_encoder_the_gradient_foretells_a_small_change(
    toy: ModuleType, toy_model: TrainedModel
) -> None:
    images = toy.ToyImages().images(np.arange(2))
    slope = latent_by_pixel(toy_model, images, [0])[:, 0]
    change = 1e-3 * np.sign(slope)
    before, after = (toy_model.encode(floats(each))[0][:, 0] for each in (images, images + change))
    assert after - before == pytest.approx((slope * change).sum(axis=(1, 2, 3)), rel=0.1)
    assert all(each.grad is None for each in toy_model.model.parameters())


def test_an_encoder_that_takes_roots_of_black_pixels_has_a_finite_gradient() -> None:
    options = ModelOptions.model_validate({"size": "small", "latent": 4, "sees": "shape"})
    shaped = linear_model()
    card = shaped.card.model_copy(update={"recipe": Recipe(model=options)})
    seen = TrainedModel(make_model(SHAPE, options, 0).eval(), card, shaped.device, "none")
    found = latent_by_pixel(seen, np.zeros((2, *SHAPE), np.float32), [0, 1])
    assert np.isfinite(found).all()
    assert np.abs(found).max() > 0
