"""What is asked of a trained model, against cases whose answers are known."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor, nn

from phenovae.base.errors import TrainingError
from phenovae.vae.aggregate import discrepancy, information, moments
from phenovae.vae.diagnosis import examine
from phenovae.vae.encoders import Encoded
from phenovae.vae.importance import importance_bound, log_weights
from phenovae.vae.model import VAE
from phenovae.vae.model_files import TrainedModel
from phenovae.vae.options import DiagnoseOptions, LikelihoodOptions, ModelOptions
from phenovae.vae.residuals import LEVELS, ErrorSums, ResidualSums
from phenovae.vae.training import train

Doubles = npt.NDArray[np.float64]
SMALL = DiagnoseOptions(cells=100, importance_cells=6, draws=8, nulls=4, batch=5, device="cpu")


def normal(*shape: int, seed: int = 0) -> Doubles:
    return np.random.default_rng(seed).standard_normal(shape)


def test_the_kl_of_gaussian_posteriors_divides_as_the_formulas_say() -> None:
    # means N(0, 1.5²), variance 0.5²: the aggregate is N(0, 2.5), and both parts are known
    mu, logvar = 1.5 * normal(4000, 1), np.full((4000, 1), 2 * math.log(0.5))
    told = information(mu, logvar, normal(4000, 1, seed=1))
    exact = 0.5 * math.log(2.5 / 0.25)
    left = 0.5 * (2.5 - 1 - math.log(2.5))
    assert told.low == pytest.approx(exact, abs=0.05)
    assert told.high == pytest.approx(exact, abs=0.05)
    assert told.low <= told.high
    assert told.from_prior[1] == pytest.approx(left, abs=0.08)
    assert told.low + told.from_prior[1] == pytest.approx(told.kl)
    assert told.drawn_kl == pytest.approx(told.kl, abs=4 * told.drawn_kl_error)


def test_posteriors_that_are_the_prior_tell_nothing() -> None:
    told = information(np.zeros((50, 3)), np.zeros((50, 3)), normal(50, 3))
    assert (told.low, told.high, told.kl) == pytest.approx((0, 0, 0), abs=1e-12)
    assert told.from_prior == pytest.approx((0, 0), abs=1e-12)


def test_cells_that_lie_apart_are_told_up_to_the_logarithm_of_their_number() -> None:
    mu = np.linspace(0, 0.7, 8)[:, None]
    told = information(mu, np.full((8, 1), -20.0), normal(8, 1))
    assert told.low == pytest.approx(math.log(8))
    assert told.limit == pytest.approx(math.log(8))
    # left out, each lies far from all others: what the variance allows is the lower bound
    assert told.left_out > told.kl
    assert told.high == pytest.approx(0.5 * (math.log(mu.var()) + 20), abs=1e-6)


def test_sharp_posteriors_are_told_without_rounding() -> None:
    # precisions of e²⁰ beside means of 30: a difference of numbers of 10¹²
    mu, logvar = 30 + normal(20, 4), np.full((20, 4), -20.0)
    assert information(mu, logvar, normal(20, 4, seed=2)).low == pytest.approx(math.log(20))


def test_a_single_cell_has_no_aggregate() -> None:
    with pytest.raises(ValueError, match="two cells"):
        information(np.zeros((1, 2)), np.zeros((1, 2)), np.zeros((1, 2)))


def test_moments_of_the_aggregate_are_those_of_a_mixture() -> None:
    mean, variance = moments(np.array([[-1.0], [3.0]]), np.log(np.array([[1.0], [3.0]])))
    assert mean == pytest.approx([1.0])
    assert variance == pytest.approx([4.0 + 2.0])


def test_draws_of_the_prior_are_no_discrepancy_and_others_are() -> None:
    random = np.random.default_rng(3)
    same = discrepancy(normal(300, 5, seed=4), random, 19)
    wide = discrepancy(2 * normal(300, 5, seed=4), random, 19)
    assert same.p > 0.05
    assert wide.p == pytest.approx(1 / 20)
    assert wide.value > 5 * wide.usual > 0
    assert abs(float(same.null.mean())) < same.usual


class LinearEncoder(nn.Module):
    """The exact posterior of a linear model, off by as many standard deviations as are told."""

    def __init__(self, columns: Tensor, sigma: float, off: float) -> None:
        super().__init__()
        precision = 1 + columns.square().sum(dim=0) / sigma**2
        self.matrix = columns / sigma**2 / precision
        self.logvar, self.off = -precision.log(), off

    def forward(self, images: Tensor) -> Encoded:
        mu = images.flatten(1) @ self.matrix + self.off * torch.exp(0.5 * self.logvar)
        return Encoded(mu, self.logvar.expand_as(mu), ())


class LinearDecoder(nn.Module):
    def __init__(self, columns: Tensor) -> None:
        super().__init__()
        self.columns = columns

    def forward(self, z: Tensor) -> Tensor:
        return (z @ self.columns.T).reshape(len(z), 1, 16, 16)


class Pixels:
    channels = ("DAPI",)
    shape = (1, 16, 16)

    def __init__(self, pixels: Doubles) -> None:
        self.pixels = pixels.astype(np.float32).reshape(-1, 1, 16, 16)

    def images(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        found: npt.NDArray[np.float32] = self.pixels[rows]
        return found

    def names(self, rows: npt.NDArray[np.int64]) -> list[str]:
        return [str(row) for row in rows]


def linear_model(off: float) -> tuple[VAE, Pixels, float]:
    """x = Wz + σε with orthogonal columns; some of its images and their mean log-likelihood."""
    sigma = 0.5
    columns = np.linalg.qr(normal(256, 3))[0] * np.array([1.0, 2.0, 0.5])
    covariance = columns @ columns.T + sigma**2 * np.eye(256)
    images = multivariate_normal(np.zeros(256), covariance).rvs(20, random_state=5)
    exact = multivariate_normal(np.zeros(256), covariance).logpdf(images).mean()
    told = LikelihoodOptions(name="gaussian-fixed", sigma=sigma)
    model = VAE((1, 16, 16), ModelOptions(size="small", latent=3, likelihood=told))
    weights = torch.from_numpy(columns.astype(np.float32))
    model.encoder = LinearEncoder(weights, sigma, off)  # type: ignore[assignment]
    model.decoder = LinearDecoder(weights)
    return model.eval(), Pixels(images), float(exact)


def weights_of(model: VAE, images: Pixels, draws: int, batch: int = 64) -> Doubles:
    rows, place = np.arange(20), torch.device("cpu")
    return log_weights(model, images, rows, draws=draws, batch=batch, seed=1, device=place)


def test_with_the_exact_posterior_every_weight_is_the_likelihood() -> None:
    model, images, exact = linear_model(off=0.0)
    told = importance_bound(weights_of(model, images, 8))
    assert told.draws == (1, 2, 4, 8)
    assert told.nats == pytest.approx([exact] * 4, abs=1e-3)
    assert told.gain == pytest.approx(0, abs=1e-4)
    assert told.effective == pytest.approx(8, abs=1e-3)


def test_the_bound_climbs_to_the_likelihood_of_a_linear_gaussian_model() -> None:
    model, images, exact = linear_model(off=0.8)
    told = importance_bound(weights_of(model, images, 512))
    # three dimensions, each 0.8 σ off: the ELBO lacks 3 · 0.8² / 2 nats, and no more
    assert told.nats[0] == pytest.approx(exact - 0.96, abs=0.1)
    assert list(told.nats) == sorted(told.nats)
    assert told.nats[-1] == pytest.approx(exact, abs=0.05)
    assert told.gain == pytest.approx(0.96, abs=4 * told.gain_error + 0.05)
    assert 1 < told.effective < 512


def test_the_batch_changes_no_weight() -> None:
    model, images, _ = linear_model(off=0.5)
    one, other = weights_of(model, images, 10, batch=64), weights_of(model, images, 10, batch=3)
    np.testing.assert_allclose(one, other, atol=1e-3)


def test_bounds_of_known_weights_are_known() -> None:
    told = importance_bound(np.log(np.array([[1.0, 1.0, 4.0], [2.0, 2.0, 2.0]])))
    assert told.draws == (1, 2, 3)
    assert told.nats[-1] == pytest.approx(math.log(2))
    assert told.nats[0] == pytest.approx((math.log(4) / 3 + math.log(2)) / 2)
    assert told.effective == pytest.approx((36 / 18 + 3) / 2)


def test_the_mean_image_explains_nothing_beyond_itself() -> None:
    images = np.random.default_rng(6).random((40, 3, 8, 8)).astype(np.float32)
    images[:, 1] += np.linspace(0, 4, 8, dtype=np.float32)[None, :, None]
    images[:, 2] = 0.25
    mean = np.broadcast_to(images.mean(axis=0), images.shape).astype(np.float32)
    sums = ErrorSums((3, 8, 8))
    for part in (slice(0, 7), slice(7, 40)):
        sums.add(images[part], mean[part])
    told = sums.errors()
    assert told.beyond_mean[:2] == pytest.approx([0, 0], abs=1e-6)
    assert told.explained[1] > 0.9
    assert np.isnan(told.explained[2])  # a channel that does not vary has nothing to explain
    whole = ErrorSums((3, 8, 8))
    whole.add(images, images + np.float32(0.1))
    assert whole.errors().rmse == pytest.approx([0.1] * 3, rel=1e-5)


def test_residuals_of_the_right_size_are_covered_as_expected() -> None:
    residuals = normal(50, 2, 20, 20, seed=7).astype(np.float32)
    residuals[:, 1] *= 3
    sums = ResidualSums(2)
    sums.add(residuals[:20])
    sums.add(residuals[20:])
    told = sums.calibration()
    assert told.deviation == pytest.approx([1, 3], rel=0.02)
    assert told.coverage[0] == pytest.approx(LEVELS, abs=0.01)
    assert told.coverage[1][LEVELS.index(0.95)] == pytest.approx(0.4865, abs=0.01)
    assert told.histogram[0].sum() == pytest.approx(1, abs=1e-6)
    assert told.histogram[1].sum() == pytest.approx(0.9545, abs=0.01)


@pytest.fixture
def copied(toy_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_folder, tmp_path / "model"))


def test_a_model_gives_the_same_record_again(toy: ModuleType, copied: Path) -> None:
    images = toy.ToyImages()
    told = examine(copied, images, toy.VALIDATION_ROWS, SMALL, held_out=True)
    again = examine(copied, images, toy.VALIDATION_ROWS, SMALL, held_out=True)
    assert json.dumps(told, allow_nan=False) == json.dumps(again, allow_nan=False)
    assert told["cells"] == told["of_cells"] == 16
    assert told["kl_in_objective"]
    few = examine(copied, images, toy.VALIDATION_ROWS, SMALL.model_copy(update={"cells": 5}),
                  held_out=True)  # fmt: skip
    assert (few["cells"], few["of_cells"]) == (5, 16)


def test_the_record_agrees_with_the_model(
    toy: ModuleType, copied: Path, toy_model: TrainedModel
) -> None:
    images = toy.ToyImages()
    told = examine(copied, images, toy.VALIDATION_ROWS, SMALL, held_out=True)
    seen = images.pixels[toy.VALIDATION_ROWS]
    mu, logvar = toy_model.encode(seen)
    kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).mean(axis=0)
    rmse = np.sqrt(((toy_model.reconstruct(seen) - seen) ** 2).mean(axis=(0, 2, 3)))
    record = json.loads(json.dumps(told))
    assert record["aggregate"]["kl_per_dimension"] == pytest.approx(kl, rel=1e-4, abs=1e-6)
    assert record["information"]["kl_nats"] == pytest.approx(kl.sum(), rel=1e-4)
    by_channel = record["reconstruction"]["channels"]
    assert [each["rmse"] for each in by_channel] == pytest.approx(rmse, rel=1e-4)
    assert [each["channel"] for each in by_channel] == ["DAPI", "Actin"]
    assert record["bound"]["importance_nats"] >= record["bound"]["elbo_nats"]
    assert record["bound"]["draws"] == [1, 2, 4, 8]


def test_cells_with_missing_pixels_are_left_out_and_counted(toy: ModuleType, copied: Path) -> None:
    images = toy.ToyImages()
    images.pixels[50, 1, 3, 3] = np.nan
    told = examine(copied, images, toy.VALIDATION_ROWS, SMALL, held_out=True)
    assert (told["cells"], told["left_out_not_finite"]) == (15, 1)
    json.dumps(told, allow_nan=False)
    images.pixels[:] = np.nan
    with pytest.raises(TrainingError, match="0 of 16 cells"):
        examine(copied, images, toy.VALIDATION_ROWS, SMALL, held_out=True)


def test_a_likelihood_without_sigma_is_told_as_not_applicable(
    toy: ModuleType, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phenovae.vae.diagnosis.gaussian_of", lambda _: None)
    told = examine(copied, toy.ToyImages(), toy.VALIDATION_ROWS, SMALL, held_out=True)
    calibration = told["calibration"]
    assert isinstance(calibration, dict)
    assert "no σ" in calibration["not_applicable"]
    assert "bound" in told


def test_residuals_are_told_in_units_of_the_sigma_of_each_image(
    toy: ModuleType, copied: Path
) -> None:
    images = toy.ToyImages()
    plain = examine(copied, images, toy.VALIDATION_ROWS, SMALL, held_out=True)["calibration"]
    told = json.loads((copied / "model.json").read_text(encoding="utf-8"))
    told["recipe"]["model"]["likelihood"]["relative"] = True
    (copied / "model.json").write_text(json.dumps(told), encoding="utf-8")
    relative = examine(copied, images, toy.VALIDATION_ROWS, SMALL, held_out=True)["calibration"]
    assert isinstance(plain, dict)
    assert isinstance(relative, dict)
    assert relative["sigma_of"] == "the maximum of each image and channel"
    # the brightest pixels are below 1, so that the same σ of them is less
    for one, other in zip(plain["channels"], relative["channels"], strict=True):
        assert other["deviation"] > one["deviation"]


def test_one_cell_is_too_few(toy: ModuleType, copied: Path) -> None:
    with pytest.raises(TrainingError, match="1 of 1 cells"):
        examine(copied, toy.ToyImages(), np.array([50]), SMALL, held_out=True)


@pytest.mark.parametrize(
    ("groups", "learned", "kl"),
    [
        ({"model": {"likelihood": {"name": "gaussian-fixed", "sigma": 1.0}}}, False, True),
        ({"model": {"likelihood": {"per_channel": False}}}, True, True),
        ({"model": {"sees": "shape", "likelihood": {"relative": True}}}, True, True),
        ({"model": {"norm": "batch", "channels": "apart"}}, True, True),
        ({"objective": {"terms": ["reconstruction"]}}, True, False),
        ({"objective": {"terms": ["reconstruction", "kl"], "beta": 0}}, True, False),
    ],
)
def test_every_likelihood_and_objective_has_a_whole_record(
    toy: ModuleType, tmp_path: Path, groups: dict[str, dict[str, object]], learned: bool, kl: bool
) -> None:
    images = toy.ToyImages()
    recipe = toy.recipe(**{**groups, "train": {"epochs": 1}})
    train(images, toy.TRAINING_ROWS, toy.VALIDATION_ROWS, recipe, tmp_path / "model", seed=3)
    told = examine(tmp_path / "model", images, toy.VALIDATION_ROWS, SMALL, held_out=True)
    text = json.dumps(told, allow_nan=False)
    assert ": null" not in text
    assert json.loads(text)["calibration"]["learned"] is learned
    assert told["kl_in_objective"] is kl
