from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError
from scipy import ndimage
from tests.images.drawn import Labels, counts, discs, lit, scattered

from phenovae.images.segmentation.labels import touching_border
from phenovae.images.segmentation.matching import Agreement, agreement, pooled
from phenovae.images.segmentation.nuclei import NucleiResult, segment_nuclei
from phenovae.images.segmentation.options import SegmentationOptions

OPTIONS = SegmentationOptions()
AnyImage = npt.NDArray[np.generic]


def f1(truth: Labels, image: AnyImage) -> float:
    return agreement(truth, segment_nuclei(image, OPTIONS).labels).f1


def check_labels(result: NucleiResult, shape: tuple[int, ...]) -> None:
    assert result.labels.shape == shape
    assert result.labels.dtype == np.int32
    present = np.unique(result.labels)
    assert present[present > 0].tolist() == list(range(1, result.count + 1))


@pytest.mark.parametrize("diameter", [10, 16, 30, 70, 120])
def test_the_scale_is_found_from_the_image(diameter: int) -> None:
    side = min(900, 12 * diameter)
    truth = scattered((side, side), diameter, 40)
    result = segment_nuclei(counts(lit(truth, blur=diameter / 25)), OPTIONS)
    check_labels(result, truth.shape)
    assert 0.85 < result.scale / diameter < 1.2
    assert agreement(truth, result.labels).f1 == 1
    sizes = np.bincount(result.labels.ravel())[1:]
    assert abs(np.median(sizes) / np.median(np.bincount(truth.ravel())[1:]) - 1) < 0.08


def test_units_and_offset_of_the_camera_do_not_matter() -> None:
    truth = scattered((300, 300), 24, 40)
    image = lit(truth)
    for changed in (image / 60_000, image * 50 - 3e4, 33_000 + image / 2, image.astype(np.float32)):
        assert f1(truth, changed) == 1
    eight = np.round(image / image.max() * 255).astype(np.uint8)
    assert f1(truth, eight) == 1
    assert f1(truth, counts(image).astype(">u2")) == 1


def test_uneven_light_and_a_wide_fibre_do_not_matter() -> None:
    truth = scattered((400, 500), 26, 70)
    y, x = np.mgrid[:400, :500]
    image = lit(truth)
    slope = 3000 * (x / 500)
    fibre = 2000 * np.exp(-(((y - 200 - 40 * np.sin(x / 90)) / 45) ** 2))
    assert f1(truth, image * (0.3 + 0.7 * y / 400)) > 0.97
    assert f1(truth, image + slope) > 0.97
    assert f1(truth, image + fibre) > 0.95


def test_a_dim_nucleus_beside_a_bright_one_is_found() -> None:
    truth = discs((200, 300), [(100, 60, 15), (100, 95, 15), (100, 200, 15), (60, 240, 15)])
    strength = np.asarray([0, 4000, 300, 300, 4000])
    image = 200 + ndimage.gaussian_filter(strength[truth].astype(float), 1.5)
    image += np.random.default_rng(0).normal(0, 8, truth.shape)
    assert f1(truth, counts(image)) == 1


def test_touching_nuclei_are_parted() -> None:
    pair, three = [(60, 60), (60, 88)], [(140, 60), (140, 88), (116, 74)]
    truth = discs((200, 260), [(y, x, 15) for y, x in [*pair, *three, (80, 190)]])
    assert f1(truth, counts(lit(truth))) == 1


def test_bright_spots_within_nuclei_are_not_nuclei() -> None:
    truth = scattered((500, 500), 80, 14, seed=3)
    rng = np.random.default_rng(1)
    spots = np.zeros(truth.shape)
    inside = np.flatnonzero(truth)
    spots.ravel()[rng.choice(inside, 120)] = 1
    bright = ndimage.gaussian_filter(spots, 3) * 2 * np.pi * 9 * 700 * (truth > 0)
    assert f1(truth, counts(lit(truth, height=800) + bright)) > 0.95


def test_holes_in_nuclei_are_filled() -> None:
    truth = discs((200, 200), [(60, 60, 20), (140, 130, 20)])
    holes = discs((200, 200), [(60, 60, 4), (140, 133, 4)]) > 0
    image = lit(np.where(holes, 0, truth).astype(np.int32))
    labels = segment_nuclei(counts(image), OPTIONS).labels
    assert (labels[holes] > 0).all()


def test_specks_and_haze_are_dropped() -> None:
    truth = scattered((400, 400), 28, 30)
    image = lit(truth)
    y, x = np.mgrid[:400, :400]
    rng = np.random.default_rng(2)
    for _ in range(25):
        row, column = rng.uniform(0, 400, 2)
        image += 1500 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * 1.2**2))
    image += 150 * np.exp(-((y - 200) ** 2 + (x - 200) ** 2) / (2 * 60**2))
    assert f1(truth, counts(image)) > 0.93


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((0, 0), np.uint8),
        np.zeros((0, 7), np.uint16),
        np.zeros((1, 1), np.uint8),
        np.full((1, 60), 9, np.uint16),
        np.zeros((64, 64), np.uint16),
        np.full((64, 64), 65535, np.uint16),
        np.full((50, 50), np.nan),
        np.full((50, 50), np.inf),
        np.random.default_rng(0).normal(200, 20, (200, 300)),
        np.random.default_rng(0).integers(0, 256, (200, 300)).astype(np.uint8),
        np.random.default_rng(0).poisson(0.2, (200, 300)).astype(np.uint8),
        np.where(np.random.default_rng(0).random((99, 99)) > 0.5, -1.7e308, 1.7e308),
    ],
)  # fmt: skip
def test_where_there_is_nothing_nothing_is_found(image: AnyImage) -> None:
    result = segment_nuclei(image, OPTIONS)
    check_labels(result, image.shape)
    assert result.count == 0
    assert result.scale == 0


def test_an_empty_field_with_uneven_light_is_empty() -> None:
    y, x = np.mgrid[-1:1:300j, -1:1:400j]
    light = 500 * (1 - 0.3 * (x**2 + y**2))
    noise = np.random.default_rng(0).normal(0, 8, light.shape)
    assert segment_nuclei(counts(light + noise), OPTIONS).count == 0
    assert segment_nuclei(counts(light), OPTIONS).count == 0


def test_missing_pixels_cost_no_nucleus_elsewhere() -> None:
    truth = scattered((300, 300), 24, 40)
    image = lit(truth)
    image[10:12] = np.nan
    image[200, 200:220] = np.inf
    assert f1(truth, image) > 0.95


def test_one_nucleus_and_a_cut_one_are_found() -> None:
    truth = discs((200, 200), [(100, 100, 15)])
    assert f1(truth, counts(lit(truth))) == 1
    cut = discs((200, 200), [(100, 100, 15), (3, 60, 15), (150, 199, 15)])
    labels = segment_nuclei(counts(lit(cut)), OPTIONS).labels
    assert agreement(cut, labels).f1 == 1
    assert len(touching_border(labels)) == 2


def test_labels_at_the_border_are_told() -> None:
    labels = np.zeros((5, 6), np.int32)
    labels[0, 2], labels[2, 2:4], labels[4, 5], labels[3, 0] = 4, 2, 7, 1
    assert touching_border(labels).tolist() == [1, 4, 7]
    assert touching_border(np.zeros((0, 3), np.int32)).tolist() == []


def test_limits_hold_where_the_size_of_a_pixel_is_known() -> None:
    truth = discs(
        (300, 300), [(50, 50, 15), (50, 150, 15), (150, 50, 15), (150, 150, 26), (230, 230, 9)]
    )
    image = counts(lit(truth))
    options = SegmentationOptions(minimum_diameter_um=12, maximum_diameter_um=22)
    assert segment_nuclei(image, options).count == 5
    limited = segment_nuclei(image, options, pixel_size_um=0.5)
    assert limited.count == 3
    assert limited.dropped == {"small": 1, "large": 1}
    with pytest.raises(ValidationError, match="must be below"):
        SegmentationOptions(minimum_diameter_um=12, maximum_diameter_um=12)


def test_the_same_image_gives_the_same_labels_and_is_not_changed() -> None:
    image = lit(scattered((200, 200), 20, 30))
    image.setflags(write=False)
    first, second = (segment_nuclei(image, OPTIONS).labels for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_stack_is_refused() -> None:
    with pytest.raises(ValueError, match="not one plane"):
        segment_nuclei(np.zeros((2, 9, 9), np.uint8), OPTIONS)


values = st.one_of(st.integers(0, 255), st.sampled_from([0, 0, 0, 255]))


@settings(max_examples=60)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=values),
    st.sampled_from([1, 3, 6]),
)
def test_any_image_gives_numbered_labels(image: npt.NDArray[np.uint8], times: int) -> None:
    large = np.kron(image, np.ones((times, times), np.uint8))
    check_labels(segment_nuclei(large, OPTIONS), large.shape)


def test_hand_made_labels_of_a_real_screen_agree(public_data: Path) -> None:
    fields = sorted((public_data / "nuclei" / "images").glob("*.tif"))[::6]
    if not fields:
        pytest.skip("PHENOVAE_TEST_DATA has no labelled nuclei")
    told = pooled(_told(path) for path in fields)
    assert told.f1 > 0.94


@pytest.mark.slow
def test_hand_made_labels_of_every_field_agree(public_data: Path) -> None:
    fields = sorted((public_data / "nuclei" / "images").glob("*.tif"))
    if not fields:
        pytest.skip("PHENOVAE_TEST_DATA has no labelled nuclei")
    assert pooled(_told(path) for path in fields).f1 > 0.955


def _told(path: Path) -> Agreement:
    truth = tifffile.imread(path.parents[1] / "masks" / path.name)
    return agreement(truth, segment_nuclei(tifffile.imread(path), OPTIONS).labels)
