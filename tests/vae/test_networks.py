from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from phenovae.base.errors import UsageError
from phenovae.vae.decoders import EvenConv2d
from phenovae.vae.encoders import amounts_of
from phenovae.vae.model import VAE, make_model
from phenovae.vae.networks import NETWORKS
from phenovae.vae.options import ModelOptions


@pytest.mark.parametrize(
    ("size", "widths"),
    [("small", [16] * 4), ("medium", [32] * 4), ("large", [32, 64, 128, 256])],
)
def test_the_three_sizes_are_four_stride_two_convolutions_and_their_mirror(
    size: str, widths: list[int]
) -> None:
    encoder, decoder = NETWORKS[size]((3, 64, 64), ModelOptions())
    down = [each for each in encoder.modules() if isinstance(each, nn.Conv2d)]
    up = [each for each in decoder.modules() if isinstance(each, nn.ConvTranspose2d)]
    assert [each.out_channels for each in down] == widths
    assert [each.in_channels for each in up] == widths[::-1]
    assert up[-1].out_channels == 3
    for each in (*down, *up):
        assert (each.kernel_size, each.stride, each.padding) == ((5, 5), (2, 2), (2, 2))
    slopes = {each.negative_slope for each in encoder.modules() if isinstance(each, nn.LeakyReLU)}
    assert slopes == {0.01}


@settings(max_examples=8, deadline=None)
@given(
    channels=st.integers(1, 5),
    height=st.sampled_from([16, 32, 48]),
    width=st.sampled_from([16, 64]),
    latent=st.integers(1, 9),
)
def test_any_multiple_of_sixteen_and_any_channels_go_through(
    channels: int, height: int, width: int, latent: int
) -> None:
    model = make_model((channels, height, width), ModelOptions(size="small", latent=latent), 0)
    output = model(torch.rand(2, channels, height, width), torch.zeros(2, latent))
    assert output.mean.shape == (2, channels, height, width)
    assert output.mu.shape == output.logvar.shape == output.z.shape == (2, latent)
    assert output.nll.shape == (2,)
    assert ((output.mean > 0) & (output.mean < 1)).all()


def test_a_mean_of_neighbours_is_no_darker_at_the_border_of_a_decoded_map() -> None:
    even = EvenConv2d(2, 1, 3, (4, 6), bias=True)
    assert even.bias is not None
    with torch.no_grad():
        even.weight.fill_(1 / 18)
        even.bias.fill_(0.5)
    flat = torch.full((1, 2, 4, 6), 3.0)
    assert torch.allclose(even(flat), torch.full((1, 1, 4, 6), 3.5))
    maps = torch.rand(2, 2, 4, 6)
    usual = nn.functional.conv2d(maps, even.weight, even.bias, padding=1)
    assert torch.allclose(even(maps)[..., 1:-1, 1:-1], usual[..., 1:-1, 1:-1])
    corner = maps[:, :, :2, :2].mean(dim=(1, 2, 3)) + 0.5
    assert torch.allclose(even(maps)[:, 0, 0, 0], corner)


@pytest.mark.parametrize("size", [0, 8, 68])
def test_a_view_that_does_not_fit_says_what_would(size: int) -> None:
    with pytest.raises(UsageError, match="multiple of 16"):
        make_model((3, size, size), ModelOptions(), 0)


def test_weights_come_from_the_seed_and_global_random_state_stays() -> None:
    state = torch.get_rng_state()
    first, second = (make_model((1, 16, 16), ModelOptions(size="small"), 5) for _ in range(2))
    other = make_model((1, 16, 16), ModelOptions(size="small"), 6)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first.encoder.mu.weight, second.encoder.mu.weight)
    assert not torch.equal(first.encoder.mu.weight, other.encoder.mu.weight)


def test_noise_of_zero_makes_z_the_mean() -> None:
    model: VAE = make_model((1, 16, 16), ModelOptions(size="small", latent=3), 0)
    output = model(torch.rand(2, 1, 16, 16), torch.zeros(2, 3))
    assert torch.equal(output.z, output.mu)


def test_amounts_are_logarithms_of_power_means_and_of_the_maximum() -> None:
    image = torch.tensor([0.04, 0.04, 0.64, 0.64]).reshape(1, 1, 2, 2)
    squares, fourths = (0.0016 + 0.4096) / 2, (0.04**4 + 0.64**4) / 2
    means = torch.tensor([0.25, 0.34, squares**0.5, fourths**0.25, 0.64])
    torch.testing.assert_close(amounts_of(image), torch.log(0.01 + means)[None])


def test_a_trunk_that_sees_the_shape_does_not_see_a_gain_and_the_amounts_do() -> None:
    options = ModelOptions(size="small", latent=4, norm="batch", sees="shape")
    encoder = make_model((2, 16, 16), options, 0).encoder.eval()
    images = torch.rand(3, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    gain = torch.tensor([0.5, 0.2])[None, :, None, None]
    bright, dim = encoder(images), encoder(images * gain)
    for one, other in zip(bright.stages, dim.stages, strict=True):
        torch.testing.assert_close(one, other)
    assert not torch.allclose(bright.mu, dim.mu)
    apart = (dim.amounts - bright.amounts).reshape(3, 5, 2).mean(dim=(0, 1))
    torch.testing.assert_close(apart, gain.flatten().log(), rtol=0.05, atol=0)


def test_a_black_channel_has_a_shape_and_an_amount() -> None:
    options = ModelOptions(size="small", latent=4, sees="shape")
    encoded = make_model((1, 16, 16), options, 0).encoder(torch.zeros(1, 1, 16, 16))
    assert torch.isfinite(encoded.mu).all()
    torch.testing.assert_close(encoded.amounts, torch.full((1, 5), 0.01).log())
