"""The space `texture@1`: its names, what it sees, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest

from phenovae.evaluate.generation.measuring import small_pixels
from phenovae.evaluate.generation.texture import texture, texture_names

CHANNELS = ("DAPI", "Actin")


def feature(images: np.ndarray, name: str) -> np.ndarray:
    """One feature of images of two channels."""
    return texture(images)[:, texture_names(CHANNELS, images.shape[-1]).index(name)]


def blobs(count: int = 3, size: int = 64) -> np.ndarray:
    """Smooth random images in [0, 1]."""
    random = np.random.default_rng(0).random((count, 2, size // 8, size // 8))
    return random.repeat(8, axis=2).repeat(8, axis=3).astype(np.float32)


@pytest.mark.parametrize("size", [16, 32, 48, 64, 128])
def test_every_feature_has_a_name_of_its_own(size: int) -> None:
    names = texture_names(CHANNELS, size)
    assert len(set(names)) == len(names)
    assert texture(blobs(2, size)).shape == (2, len(names))


def test_three_channels_of_64_px_have_99_features() -> None:
    assert len(texture_names(("DAPI", "Tubulin", "Actin"), 64)) == 99


def test_turned_and_mirrored_images_are_the_same() -> None:
    images = blobs()
    expected = texture(images)
    for changed in (images[..., ::-1], images[..., ::-1, :], images.swapaxes(2, 3)):
        np.testing.assert_allclose(texture(changed), expected, atol=1e-4)


def test_levels_are_those_of_the_pixels() -> None:
    images = blobs()
    np.testing.assert_allclose(feature(images, "Actin mean"), images[:, 1].mean(axis=(1, 2)))
    np.testing.assert_allclose(
        feature(images, "DAPI p95"), np.percentile(images[:, 0].reshape(3, -1), 95, axis=1)
    )


def test_rings_hold_all_of_the_variance() -> None:
    images = blobs()
    names = [f"DAPI power {number}" for number in range(6)]
    powers = sum(10 ** feature(images, name) - 1e-5 for name in names)
    np.testing.assert_allclose(powers, images[:, 0].var(axis=(1, 2)), rtol=1e-4)


def test_waves_are_found_in_the_octave_of_their_length_and_are_aligned() -> None:
    across = np.arange(64)
    for length in (4, 8, 16, 32):
        images = np.zeros((1, 2, 64, 64), np.float32)
        images[0, 0] = 0.5 + 0.2 * np.cos(2 * np.pi * across / length)
        images[0, 1] = images[0, 0].T + images[0, 0]
        found = [float(feature(images, f"DAPI amplitude {each} px")[0]) for each in (4, 8, 16, 32)]
        assert int(np.argmax(found)) == (4, 8, 16, 32).index(length)
        assert max(found) == pytest.approx(np.log10(0.2 + 0.003), abs=0.01)
        assert float(feature(images, f"DAPI alignment {length} px")[0]) > 0.95
        assert float(feature(images, f"Actin alignment {length} px")[0]) < 0.05


def test_blurring_takes_fine_structure_and_leaves_coarse() -> None:
    noise = np.random.default_rng(1).random((4, 2, 64, 64), dtype=np.float32)
    moved = [np.roll(noise, (down, right), (2, 3)) for down in range(4) for right in range(4)]
    blurred = np.stack(moved).mean(axis=0, dtype=np.float32)
    for name, change in (("DAPI power 5", 0.5), ("DAPI amplitude 4 px", 0.3)):
        assert (feature(noise, name) - feature(blurred, name) > change).all()
    kept = feature(noise, "DAPI power 0") - feature(blurred, "DAPI power 0")
    assert (np.abs(kept) < 0.05).all()


def test_the_same_picture_in_both_channels_is_told() -> None:
    images = blobs()
    assert (np.abs(feature(images, "DAPI with Actin")) < 0.6).all()
    images[:, 1] = 0.5 * images[:, 0]
    np.testing.assert_allclose(feature(images, "DAPI with Actin"), 1.0, atol=1e-3)


def test_an_even_image_has_finite_features() -> None:
    assert np.isfinite(texture(np.zeros((2, 2, 32, 32), np.float32))).all()


def test_no_images_have_no_features() -> None:
    none = np.zeros((0, 2, 32, 32), np.float32)
    assert texture(none).shape == (0, len(texture_names(("DAPI", "Actin"), 32)))
    assert small_pixels(none).shape == (0, 2 * 16 * 16)


def test_small_pixels_are_means_of_blocks() -> None:
    images = blobs(2, 64)
    found = small_pixels(images)
    assert found.shape == (2, 2 * 16 * 16)
    np.testing.assert_allclose(found[0, 0], images[0, 0, :4, :4].mean(), rtol=1e-6)
