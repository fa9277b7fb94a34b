"""The scattering transform against what is proved of it."""

from __future__ import annotations

import math

import pytest
import torch

from phenovae.base.errors import UsageError
from phenovae.vae.scattering import Scattering

RANDOM = torch.rand(4, 2, 32, 32, generator=torch.Generator().manual_seed(2))


def test_it_has_the_paths_of_two_orders_sampled_every_window() -> None:
    transform = Scattering(32, 16, scales=3, angles=4)
    # 1 + 3 · 4 + 3 pairs of octaves · 4 · 4
    assert transform.paths == 61
    assert transform(torch.rand(2, 3, 32, 16)).shape == (2, 3, 61, 4, 2)


def test_a_constant_image_has_its_mean_and_no_waves() -> None:
    found = Scattering(32, 32, 3, 4)(torch.full((1, 1, 32, 32), 0.7))
    torch.testing.assert_close(found[0, 0, 0], torch.full((4, 4), 0.7))
    assert float(found[0, 0, 1:].abs().max()) < 1e-6


def test_filters_lose_energy_and_gain_none() -> None:
    transform = Scattering(32, 32, 3, 6)
    bands = transform.bands.double()
    opposite = bands.flip((-2, -1)).roll((1, 1), (-2, -1))
    energy = transform.low.double().square()
    energy = energy + 0.5 * (bands.square() + opposite.square()).sum(dim=(0, 1))
    assert float(energy.max()) == pytest.approx(1, abs=1e-5)
    assert float(energy.min()) > 0.05
    # A value of a coefficient stands for 8 x 8 px.
    assert float(64 * transform(RANDOM).square().sum()) <= float(RANDOM.square().sum())


def test_waves_are_found_in_the_path_of_their_octave_and_direction() -> None:
    transform = Scattering(32, 32, 3, 4)
    columns = torch.arange(32.0)
    for octave in range(3):
        waves = torch.cos(2 * math.pi * columns * round(32 * 0.375 / 2**octave) / 32)
        upright = waves.expand(1, 1, 32, 32)
        for direction, image in ((0, upright), (2, upright.mT)):
            first = transform(image)[0, 0, 1:13].mean(dim=(1, 2))
            assert int(first.argmax()) == 4 * octave + direction


def test_a_shift_by_a_window_shifts_it_and_a_small_shift_hardly_changes_it() -> None:
    transform = Scattering(32, 32, 3, 4)
    found = transform(RANDOM)
    shifted = transform(RANDOM.roll((8, 16), (2, 3)))
    torch.testing.assert_close(shifted, found.roll((1, 2), (3, 4)), atol=1e-6, rtol=1e-4)
    near = RANDOM.roll(1, 3)
    moved = float((transform(near) - found).norm() / (found - found.mean()).norm())
    pixels = float((near - RANDOM).norm() / (RANDOM - RANDOM.mean()).norm())
    assert pixels > 1
    assert moved < 0.1


def test_its_gradient_is_that_of_small_differences_and_a_number_where_nothing_is() -> None:
    transform = Scattering(8, 8, 2, 3)
    transform.low, transform.bands = transform.low.double(), transform.bands.double()
    black = torch.zeros(1, 1, 8, 8, requires_grad=True)
    transform(black).sum().backward()
    assert black.grad is not None
    assert bool(torch.isfinite(black.grad).all())
    image = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    image.requires_grad_()
    way = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    (gradient,) = torch.autograd.grad(transform(image).square().sum(), image)
    with torch.no_grad():
        further, back = (transform(image + step * way).square().sum() for step in (1e-2, -1e-2))
    assert float((gradient * way).sum()) == pytest.approx(float(further - back) / 2e-2, rel=1e-2)


def test_a_size_that_the_window_does_not_divide_is_refused() -> None:
    with pytest.raises(UsageError, match=r"24 × 20 px .* 3 octaves"):
        Scattering(24, 20, 3, 4)
