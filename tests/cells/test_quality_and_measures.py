from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.cells.made import cell_pixels

from phenovae.cells.measures import PERCENTILES, intensity, intensity_names
from phenovae.cells.quality import QualityOptions, quality
from phenovae.images.noise import noise_level

Pixels = npt.NDArray[np.generic]


def flags(*crops: Pixels) -> list[str]:
    return quality(np.stack(crops), QualityOptions()).flag


def planes(crop: Pixels) -> Pixels:
    return crop.transpose(2, 0, 1)


def noise(seed: int, side: int = 32) -> Pixels:
    return np.random.default_rng(seed).normal(500, 20, (3, side, side)).astype(np.uint16)


def test_a_cell_is_not_flagged_and_noise_and_nothing_are() -> None:
    cell = planes(cell_pixels(0, side=32))
    assert flags(cell, noise(1), np.full_like(cell, 300), np.zeros_like(cell)) == [
        "",
        "noise",
        "constant",
        "constant",
    ]


def test_one_clear_channel_is_enough() -> None:
    crop = noise(1)
    crop[1] = planes(cell_pixels(0, side=32))[1]
    assert flags(crop) == [""]


def test_a_cell_under_noise_of_its_own_strength_is_noise() -> None:
    cell = planes(cell_pixels(0, side=32)).astype(float)
    random = np.random.default_rng(2).normal(0, 1, cell.shape)
    shares = [
        quality((cell + strength * random + 5e4).clip(0).astype(np.uint32)[None], QualityOptions())
        for strength in (10, 500, 5000, 50_000)
    ]
    assert [each.flag[0] for each in shares] == ["", "", "noise", "noise"]
    measured = [float(each.noise[0]) for each in shares]
    assert measured == sorted(measured)


def test_a_smooth_slope_without_a_bright_spot_is_empty() -> None:
    # a wave across the crop: no noise, but its brightest pixels hardly leave the median
    random = np.random.default_rng(0).normal(0, 10, (3, 32, 32))
    wave = 40 * np.sin(np.arange(32) * 2 * np.pi / 32)
    crop = (1000 + wave[None, None, :] + random).astype(np.uint16)
    found = quality(crop[None], QualityOptions(noise_share=1.0))
    assert found.flag == ["empty"]
    assert found.signal[0] < 10
    assert quality(crop[None], QualityOptions(noise_share=1.0, contrast=1.0)).flag == [""]


def test_a_single_bright_pixel_is_no_cell() -> None:
    crop = np.full((3, 32, 32), 100, np.uint16)
    crop[:, 16, 16] = 60_000
    assert flags(crop) == ["empty"]


def test_a_saturated_half_is_measured_and_a_saturated_whole_is_constant() -> None:
    crop = np.zeros((3, 32, 32), np.uint16)
    crop[:, :, 16:] = 65_535
    assert flags(crop, np.full_like(crop, 65_535)) == ["", "constant"]


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 9), (9, 2)])
def test_crops_too_small_to_tell_noise_count_as_noise(shape: tuple[int, int]) -> None:
    crop = np.arange(3 * shape[0] * shape[1], dtype=np.uint16).reshape(3, *shape)
    assert flags(crop) == ["constant" if shape == (1, 1) else "noise"]
    assert np.isfinite(quality(crop[None], QualityOptions()).noise).all()


def test_no_crops_have_no_flags() -> None:
    found = quality(np.zeros((0, 3, 8, 8), np.uint16), QualityOptions())
    assert (found.flag, len(found.noise), len(found.signal)) == ([], 0, 0)


def test_the_level_of_white_noise_is_estimated_and_a_slope_has_none() -> None:
    random = np.random.default_rng(0).normal(0, 7, (200, 200)).astype(np.float32)
    assert noise_level(random) == pytest.approx(7, rel=0.03)
    slope = np.add.outer(np.arange(20), 3 * np.arange(30)).astype(np.float32)
    assert noise_level(slope) == 0


def test_crops_are_measured_alike_alone_and_among_many() -> None:
    crops = np.stack([noise(seed, side=8) for seed in range(1030)])
    many = quality(crops, QualityOptions())
    alone = [quality(crops[row : row + 1], QualityOptions()) for row in (0, 511, 512, 1029)]
    assert [many.noise[row] for row in (0, 511, 512, 1029)] == [each.noise[0] for each in alone]
    assert np.array_equal(intensity(crops)[[0, 600]], intensity(crops[[0, 600]]))


def test_the_statistics_of_a_crop_that_can_be_counted_by_hand() -> None:
    # 101 pixels 0..100: the p-th percentile is p; the second channel falls as the first rises
    crop = np.stack([np.arange(101), 100 - np.arange(101), np.full(101, 9)]).reshape(3, 1, 101)
    names, measured = intensity_names(["A", "B", "C"]), intensity(crop[None].astype(np.uint8))[0]
    found = dict(zip(names, measured, strict=True))
    assert len(found) == 30
    for percentile in PERCENTILES:
        expected = np.log1p(percentile)
        assert found[f"Intensity_A_p{percentile:02d}"] == pytest.approx(expected, rel=1e-6)
        assert found[f"Intensity_C_p{percentile:02d}"] == pytest.approx(np.log(10), rel=1e-6)
    assert found["Intensity_A_mean"] == pytest.approx(np.log(50), rel=1e-6)
    assert found["Intensity_A_std"] == pytest.approx(np.log1p(np.sqrt(850)), rel=1e-6)
    assert found["Intensity_C_std"] == 0
    assert found["Intensity_correlation_A_B"] == pytest.approx(-1)
    assert found["Intensity_correlation_A_C"] == 0
    assert found["Intensity_correlation_B_C"] == 0


def test_names_stand_in_the_order_of_the_columns() -> None:
    assert intensity_names(["A", "B"]) == [
        *(f"Intensity_A_p{p}" for p in ("01", "10", "25", "50", "75", "90", "99")),
        "Intensity_A_mean",
        "Intensity_A_std",
        *(f"Intensity_B_p{p}" for p in ("01", "10", "25", "50", "75", "90", "99")),
        "Intensity_B_mean",
        "Intensity_B_std",
        "Intensity_correlation_A_B",
    ]


@settings(max_examples=60, deadline=None)
@given(
    crop=st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)).flatmap(
        lambda shape: arrays(np.uint16, shape, elements=st.integers(0, 65535))
    )
)
def test_the_statistics_agree_with_numpys_own(crop: npt.NDArray[np.uint16]) -> None:
    flat = crop.reshape(len(crop), -1).astype(float)
    expected: list[float] = []
    for values in flat:
        expected += np.log1p(np.percentile(values, PERCENTILES)).tolist()
        expected += [float(np.log(max(values.mean(), 1))), float(np.log1p(values.std()))]
    for one in range(len(crop)):
        for other in range(one + 1, len(crop)):
            varied = flat[one].std() > 0 and flat[other].std() > 0
            expected.append(float(np.corrcoef(flat[one], flat[other])[0, 1]) if varied else 0.0)
    assert intensity(crop[None])[0] == pytest.approx(expected, rel=1e-5, abs=1e-5)
