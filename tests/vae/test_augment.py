from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phenovae.base.errors import UsageError
from phenovae.vae.augment import augment, eight_views, view
from phenovae.vae.options import AugmentOptions

PATTERN = torch.arange(9.0).reshape(1, 1, 3, 3) / 10


def _random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_eight_views_are_the_symmetries_of_the_square() -> None:
    views = eight_views(PATTERN)
    assert views.shape == (8, 1, 1, 3, 3)
    assert torch.equal(views[0], PATTERN)
    known = [each.flatten().tolist() for each in views]
    assert len({tuple(each) for each in known}) == 8
    for first, second in itertools.product(range(8), repeat=2):
        assert view(view(PATTERN, first), second).flatten().tolist() in known
    for number in range(8):
        assert any(torch.equal(view(views[number], back), PATTERN) for back in range(8))


def test_each_image_is_turned_by_itself_and_every_view_comes_up() -> None:
    batch = PATTERN.expand(400, 1, 3, 3)
    changed = augment(batch, AugmentOptions(), _random())
    known = [tuple(each.flatten().tolist()) for each in eight_views(PATTERN)]
    found = [known.index(tuple(image.flatten().tolist())) for image in changed]
    assert set(found) == set(range(8))
    assert min(found.count(number) for number in range(8)) > 20


def test_a_shift_moves_within_its_bound_and_mirrors_the_border() -> None:
    row = torch.tensor([0.1, 0.2, 0.3, 0.4])
    batch = row.expand(200, 1, 4, 4)
    options = AugmentOptions(dihedral=False, shift=1)
    changed = augment(batch, options, _random())
    seen = {tuple(round(x, 1) for x in image[0, 0].tolist()) for image in changed}
    assert seen == {(0.1, 0.2, 0.3, 0.4), (0.2, 0.1, 0.2, 0.3), (0.2, 0.3, 0.4, 0.3)}


@settings(max_examples=30, deadline=None)
@given(
    gain=st.floats(0, 4),
    noise=st.floats(0, 1),
    shift=st.integers(0, 3),
    seed=st.integers(0, 2**63 - 1),
)
def test_changed_images_stay_in_range_and_repeat_themselves(
    gain: float, noise: float, shift: int, seed: int
) -> None:
    options = AugmentOptions(gain=gain, noise=noise, shift=shift)
    images = torch.rand((3, 2, 4, 4), generator=_random(1))
    before = images.clone()
    first = augment(images, options, _random(seed))
    assert torch.equal(first, augment(images, options, _random(seed)))
    assert torch.equal(images, before)
    assert first.shape == images.shape
    assert float(first.min()) >= 0
    assert float(first.max()) <= 1


def test_gain_is_one_factor_a_channel_within_its_bound() -> None:
    images = torch.full((50, 2, 4, 4), 0.2)
    changed = augment(images, AugmentOptions(dihedral=False, gain=1.0), _random())
    factors = changed[:, :, 0, 0] / 0.2
    assert torch.allclose(changed, factors[:, :, None, None] * 0.2)
    assert 0.5 <= float(factors.min()) < 0.6
    assert 1.8 < float(factors.max()) <= 2.0


def test_with_everything_off_nothing_changes() -> None:
    images = torch.rand((3, 2, 4, 6))
    assert torch.equal(augment(images, AugmentOptions(dihedral=False), _random()), images)


def test_oblong_images_have_no_eight_views() -> None:
    with pytest.raises(UsageError, match="no eight views"):
        eight_views(torch.zeros(1, 1, 4, 6))


def test_a_shift_wider_than_the_image_is_refused() -> None:
    with pytest.raises(UsageError, match="too much"):
        augment(torch.zeros(1, 1, 4, 4), AugmentOptions(shift=4), _random())


def test_gamma_is_one_power_a_channel_within_its_bound() -> None:
    images = torch.full((200, 2, 4, 4), 0.5)
    options = AugmentOptions(dihedral=False, gamma=1.0)
    changed = augment(images, options, torch.Generator().manual_seed(0))
    assert (changed == changed[:, :, :1, :1]).all()
    powers = changed[:, :, 0, 0].log() / math.log(0.5)
    assert 0.5 <= float(powers.min()) < 0.55
    assert 1.9 < float(powers.max()) <= 2.0
    assert abs(float(powers.log().mean())) < 0.1


def test_two_processes_change_a_batch_as_one_does() -> None:
    images = torch.rand(6, 2, 8, 8, generator=_random(1))
    options = AugmentOptions(gain=0.3, gamma=0.3, shift=2)
    parts = [
        augment(part, options, _random(), (rank, 2)) for rank, part in enumerate(images.chunk(2))
    ]
    assert torch.equal(torch.cat(parts), augment(images, options, _random()))


def test_two_processes_draw_noise_of_their_own_the_same_every_time() -> None:
    images = torch.full((3, 1, 4, 4), 0.5)
    options = AugmentOptions(dihedral=False, noise=0.1)
    first, second, again = (augment(images, options, _random(), (rank, 2)) for rank in (0, 1, 0))
    assert not torch.equal(first, second)
    assert torch.equal(first, again)
