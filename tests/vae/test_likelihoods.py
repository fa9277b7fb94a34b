from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal

from phenovae.vae.likelihoods import (
    FixedGaussian,
    LearnedGaussian,
    gaussian_nll,
    make_likelihood,
)
from phenovae.vae.options import LikelihoodOptions


def _pixels(seed: int, count: int = 6) -> torch.Tensor:
    return torch.rand((count, 2, 5, 4), generator=torch.Generator().manual_seed(seed))


def test_the_density_is_the_normal_density_of_every_pixel() -> None:
    mean, images = _pixels(0), _pixels(1)
    sigma = torch.tensor([0.05, 0.4])
    wanted = Normal(mean, sigma[None, :, None, None]).log_prob(images)  # type: ignore[no-untyped-call]
    found = gaussian_nll(mean, images, sigma.log())
    torch.testing.assert_close(found, -wanted.sum(dim=(1, 2, 3)), rtol=1e-5, atol=1e-3)


def test_at_sigma_one_it_is_half_the_squared_error_and_a_constant() -> None:
    mean, images = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    likelihood = make_likelihood(1, LikelihoodOptions(name="gaussian-fixed"))
    assert isinstance(likelihood, FixedGaussian)
    assert float(likelihood(mean, images)) == pytest.approx(2.0 + 2 * math.log(2 * math.pi))
    assert not likelihood.at_bound()
    assert list(likelihood.parameters()) == []


@pytest.mark.parametrize("sigma", [0.01, 0.3, 1.0, 3.0])
def test_a_learned_sigma_starts_where_it_is_told(sigma: float) -> None:
    likelihood = LearnedGaussian(3, LikelihoodOptions(sigma=sigma))
    torch.testing.assert_close(likelihood.log_sigma().detach().exp(), torch.full((3,), sigma))


def test_learned_sigmas_find_the_scatter_of_each_channel() -> None:
    known = torch.tensor([0.02, 0.2])
    mean = torch.full((64, 2, 8, 8), 0.5)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))
    images = mean + noise * known[None, :, None, None]
    likelihood = LearnedGaussian(2, LikelihoodOptions())
    optimiser = torch.optim.AdamW(likelihood.parameters(), lr=1e-3, weight_decay=0)
    for _ in range(400):
        optimiser.zero_grad()
        likelihood(mean, images).mean().backward()
        optimiser.step()
    torch.testing.assert_close(likelihood.log_sigma().detach().exp(), known, rtol=0.05, atol=0)
    assert not likelihood.at_bound()


def test_one_shared_sigma_is_the_root_mean_of_both_channels_squares() -> None:
    mean = torch.full((64, 2, 8, 8), 0.5)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))
    images = mean + noise * torch.tensor([0.1, 0.3])[None, :, None, None]
    likelihood = LearnedGaussian(2, LikelihoodOptions(per_channel=False))
    optimiser = torch.optim.AdamW(likelihood.parameters(), lr=1e-3, weight_decay=0)
    for _ in range(400):
        optimiser.zero_grad()
        likelihood(mean, images).mean().backward()
        optimiser.step()
    sigma = likelihood.log_sigma().detach().exp()
    assert sigma.shape == (2,)
    assert float(sigma[0]) == float(sigma[1])
    assert float(sigma[0]) == pytest.approx(math.sqrt((0.01 + 0.09) / 2), rel=0.05)


def test_perfect_pixels_drive_sigma_to_its_bound_and_no_further() -> None:
    images = torch.full((4, 1, 4, 4), 0.5)
    likelihood = LearnedGaussian(1, LikelihoodOptions(sigma_min=0.01))
    optimiser = torch.optim.AdamW(likelihood.parameters(), lr=1e-2, weight_decay=0)
    for _ in range(300):
        optimiser.zero_grad()
        likelihood(images, images).mean().backward()
        optimiser.step()
    assert float(likelihood.log_sigma().detach().exp()) >= 0.01
    assert likelihood.at_bound()


def test_a_start_below_the_bound_starts_at_the_bound() -> None:
    likelihood = LearnedGaussian(1, LikelihoodOptions(sigma=0.001, sigma_min=0.01))
    assert float(likelihood.log_sigma().detach().exp()) == pytest.approx(0.01, rel=0.01)


def test_a_relative_sigma_is_a_share_of_each_channels_maximum() -> None:
    images = torch.zeros(1, 2, 2, 2)
    images[0, 0, 0, 0], images[0, 1, 0, 0] = 0.5, 0.2
    likelihood = make_likelihood(
        2, LikelihoodOptions(name="gaussian-fixed", sigma=0.1, relative=True)
    )
    wanted = Normal(0.0, 0.1 * torch.tensor([0.5, 0.2])[None, :, None, None])
    densities = wanted.log_prob(images).sum()  # type: ignore[no-untyped-call]
    assert float(likelihood(torch.zeros_like(images), images)) == pytest.approx(-float(densities))


def test_what_is_missed_of_a_dim_cell_counts_as_much_as_of_a_bright_one() -> None:
    bright, wrong = _pixels(0), _pixels(1)
    likelihood = make_likelihood(2, LikelihoodOptions(relative=True))
    gain = likelihood(bright, bright) - likelihood(wrong, bright)
    dim = likelihood(bright / 4, bright / 4) - likelihood(wrong / 4, bright / 4)
    torch.testing.assert_close(dim, gain, rtol=1e-4, atol=1e-2)
