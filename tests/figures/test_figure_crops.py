from __future__ import annotations

import io

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pytest

from phenovae.figures import crops
from phenovae.figures.drawing import to_bytes

Pixels = npt.NDArray[np.float64]


def pixels_of(data: bytes) -> Pixels:
    """A PNG as (height, width, 3) in [0, 1]."""
    image = mpl.image.imread(io.BytesIO(data))
    return np.asarray(image, dtype=float)[..., :3]


def cells(count: int, channels: int, size: int = 16) -> Pixels:
    return np.random.default_rng(5).random((count, channels, size, size))


def test_a_crop_of_dapi_alone_is_blue_in_the_picture() -> None:
    images = np.zeros((1, 3, 16, 16))
    images[:, 0] = 1.0
    drawn = pixels_of(
        to_bytes(crops.samples(images, ("DAPI", "Tubulin", "Actin"), np.ones(3)), "png")
    )
    middle = drawn[drawn.shape[0] // 2, drawn.shape[1] // 2]
    assert middle == pytest.approx((0.25**0.75, 0.4**0.75, 1.0), abs=0.2)
    assert middle.argmax() == 2
    assert middle[2] - middle[:2].max() > 0.4


def test_every_pixel_of_a_crop_becomes_an_even_square() -> None:
    images = np.zeros((1, 1, 8, 8))
    images[..., ::2] = 1.0
    drawn = pixels_of(to_bytes(crops.samples(images, ("Actin",), np.ones(1)), "png"))
    red = drawn[drawn.shape[0] // 2, :, 0]
    inside = red[np.flatnonzero(drawn[drawn.shape[0] // 2, :, 1] < 0.5)]
    edges = np.flatnonzero(np.abs(np.diff(inside)) > 0.5)
    assert len(set(np.diff(edges).tolist())) == 1


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_reconstructions_of_any_number_of_channels(channels: int) -> None:
    names = ("DAPI", "Tubulin", "Actin", "ER", "Mito")[:channels]
    images = cells(3, channels)
    figure = crops.reconstructions(images, images * 0.5, names)
    labels = [text.get_text() for text in figure.texts]
    together = ["together\noriginal", "together\ndecoded"] if channels > 1 else []
    assert labels == together + [
        f"{name}\n{what}" for name in names for what in ("original", "decoded")
    ]
    to_bytes(figure, "png")


def test_samples_stand_in_two_rows_at_most() -> None:
    one = crops.samples(cells(3, 1), ("DAPI",)).get_size_inches()
    two = crops.samples(cells(40, 1), ("DAPI",)).get_size_inches()
    assert two[1] < 2.2 * one[1]


def test_a_contact_sheet_goes_by_reason_and_shows_faint_noise() -> None:
    images = cells(14, 2) * 1e-3 + 40
    reasons = ["noise"] * 13 + ["empty"]
    figure = crops.contact_sheet(images, ("DAPI", "Actin"), reasons)
    assert [text.get_text() for text in figure.texts] == ["empty", "noise", ""]
    assert pixels_of(to_bytes(figure, "png")).std() > 0.1


def test_a_constant_crop_is_drawn_black() -> None:
    figure = crops.contact_sheet(np.full((1, 1, 8, 8), 9.0), ("DAPI",), ["constant"])
    drawn = pixels_of(to_bytes(figure, "png"))
    assert drawn[drawn.shape[0] // 2, drawn.shape[1] // 2].max() < 0.05


def test_large_crops_are_reduced_so_that_a_report_stays_small() -> None:
    figure = crops.samples(cells(16, 1, 600), ("DAPI",))
    assert len(to_bytes(figure, "png")) < 3_000_000
