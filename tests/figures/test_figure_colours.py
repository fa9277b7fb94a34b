from __future__ import annotations

import itertools
from typing import get_args

import numpy as np
import pytest
from skimage.color import rgb2lab

from phenovae.figures.colours import (
    FIELD,
    SAFE,
    Palette,
    bright,
    channel_colours,
    channel_inks,
    composite,
    in_order,
    marks,
)

FIELD_ORDER = ("DAPI", "Tubulin", "Actin")


@pytest.mark.parametrize(("channel", "strongest"), [("DAPI", 2), ("Tubulin", 1), ("Actin", 0)])
def test_stains_have_the_colours_of_the_field(channel: str, strongest: int) -> None:
    images = np.zeros((1, 3, 4, 4))
    images[:, FIELD_ORDER.index(channel)] = 0.8
    pixel = composite(images, FIELD_ORDER)[0, 0, 0]
    others = np.delete(pixel, strongest)
    assert pixel[strongest] > 0.9
    assert (others < 0.6 * pixel[strongest]).all()


def test_colours_go_by_the_name_of_a_channel_and_not_by_its_place() -> None:
    there, back = channel_colours(FIELD_ORDER), channel_colours(FIELD_ORDER[::-1])
    assert there == back[::-1]
    assert channel_colours(["dapi"]) == channel_colours(["DAPI"]) == channel_colours(["Hoechst"])


def test_unknown_channels_get_colours_that_differ() -> None:
    colours = channel_colours(["DAPI", "Mito", "ER", "RNA", "AGP"])
    assert len(set(colours)) == 5


def test_inks_are_css_and_darker_than_the_light() -> None:
    assert channel_inks(["Actin"]) == ["#b81c12"]


def test_a_composite_is_clipped_at_its_limits() -> None:
    images = np.full((1, 1, 2, 2), 5.0)
    assert composite(images, ["Actin"], np.array([1.0]))[0, 0, 0].tolist() == [1.0, 0.15, 0.1]
    assert not composite(np.zeros((1, 1, 2, 2)), ["Actin"]).any()


def test_gamma_below_one_lifts_what_is_dim_and_keeps_the_ends() -> None:
    images = np.array([[[[0.0, 0.25, 1.0]]]])
    top = np.ones(1)
    plain = composite(images, ["Actin"], top)[0, 0, :, 0]
    lifted = composite(images, ["Actin"], top, gamma=0.5)[0, 0, :, 0]
    assert plain.tolist() == pytest.approx([0, 0.25, 1])
    assert lifted.tolist() == pytest.approx([0, 0.5, 1])


def test_bright_is_by_channel() -> None:
    images = np.stack([np.full((2, 3, 3), 1.0), np.full((2, 3, 3), 7.0)], axis=1)
    assert bright(images).tolist() == [1.0, 7.0]


def test_twelve_mechanisms_have_colours_and_pairs_of_their_own() -> None:
    style = marks([f"mechanism {n}" for n in range(12)])
    assert len({colour for colour, _ in style.values()}) == 12
    assert len(set(style.values())) == 12
    many = marks([f"compound {n}" for n in range(96)])
    assert len(set(many.values())) == 96


def test_colours_that_share_a_shape_lie_far_apart() -> None:
    style = marks([f"mechanism {n}" for n in range(12)])
    for (first, one), (second, other) in itertools.combinations(style.values(), 2):
        parts = [np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) for c in (first, second)]
        if one == other:
            assert np.abs(parts[0] - parts[1]).sum() > 180


def test_marks_do_not_hang_on_the_order_of_names() -> None:
    names = ["b", "a", "c", "a"]
    assert marks(names) == marks(sorted(names))


def test_names_with_numbers_stand_in_the_order_of_the_numbers() -> None:
    assert in_order(["Week10", "Week2", "Week1", "Week2", ""]) == ["", "Week1", "Week2", "Week10"]
    assert in_order(["10", "9x", "a1"]) == ["9x", "10", "a1"]


# Linear light as dichromats see it, severity 1 (Machado, Oliveira & Fernandes 2009, table 1).
_SEEN = {
    "everyone": np.eye(3),
    "deuteranopes": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "protanopes": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
}


def _least_difference(palette: Palette, eyes: str) -> float:
    """The least difference (CIE76) of two stains, each bright or at 60 % of its brightness."""
    stains = np.array(channel_colours(FIELD_ORDER, palette))
    shades = np.stack([stains, 0.6 * stains])
    light = np.where(shades <= 0.04045, shades / 12.92, ((shades + 0.055) / 1.055) ** 2.4)
    seen = np.clip(light @ _SEEN[eyes].T, 0, 1)
    shown = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = rgb2lab(shown)
    return min(
        float(np.linalg.norm(lab[bright_one, one] - lab[bright_other, other]))
        for one, other in itertools.combinations(range(3), 2)
        for bright_one, bright_other in itertools.product(range(2), repeat=2)
    )


@pytest.mark.parametrize("eyes", list(_SEEN))
def test_the_safe_palette_is_told_apart_by_all_eyes(eyes: str) -> None:
    assert _least_difference("safe", eyes) > 45


def test_the_palette_of_the_field_is_not_told_apart_by_dichromats() -> None:
    assert _least_difference("field", "everyone") > 45
    assert min(_least_difference("field", eyes) for eyes in ("deuteranopes", "protanopes")) < 20


def test_both_palettes_know_the_same_stains_and_give_five_channels_five_colours() -> None:
    assert set(SAFE) == set(FIELD)
    for palette in get_args(Palette):
        assert len(set(channel_colours(["DAPI", "Mito", "ER", "RNA", "AGP"], palette))) == 5


def test_unless_asked_the_colours_are_the_fields() -> None:
    images = np.random.default_rng(0).random((2, 3, 8, 8))
    assert np.array_equal(
        composite(images, FIELD_ORDER), composite(images, FIELD_ORDER, palette="field")
    )
    assert not np.array_equal(
        composite(images, FIELD_ORDER), composite(images, FIELD_ORDER, palette="safe")
    )
