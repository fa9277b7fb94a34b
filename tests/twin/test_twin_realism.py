"""A full-size field of the twin beside real fields: density, nuclei, intensities, spectrum."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
from skimage import filters, segmentation

from phenovae.twin.camera import CHANNELS, exposures
from phenovae.twin.field import draw_field
from phenovae.twin.options import TwinOptions
from phenovae.twin.phenotypes import phenotypes
from phenovae.twin.population import Condition

Image = npt.NDArray[np.uint16]
Images = dict[str, list[Image]]

FIELDS = 3
BANDS = 12
COUNT_TOLERANCE = 0.1
AREA_TOLERANCE = 0.05
QUANTILE_TOLERANCE = 0.1
SPECTRUM_TOLERANCE = 0.4
MEAN_SPECTRUM_TOLERANCE = 0.12


@pytest.fixture(scope="module")
def twin_images() -> Images:
    """Untreated full-size fields of the twin, each of another batch."""
    known = phenotypes()
    options = TwinOptions(height=1024, width=1280)
    nothing = np.zeros(len(known.names))
    drawn: Images = {channel: [] for channel in CHANNELS}
    for number in range(FIELDS):
        batch = f"Week{number + 1}"
        field = draw_field(
            ("twin", batch, "B02", 1),
            number,
            Condition(nothing, nothing, 0.0),
            exposures(f"{batch}_90111", batch, options, number),
            dict.fromkeys(CHANNELS, 1.0),
            known,
            options,
        )
        for channel, image in field.images.items():
            drawn[channel].append(image)
    return drawn


def _otsu(image: npt.NDArray[np.float32]) -> float:
    return float(filters.threshold_otsu(image))  # type: ignore[no-untyped-call]


def _nuclear_areas(dapi: Image) -> npt.NDArray[np.int64]:
    """Areas of nuclei by Otsu's threshold and a watershed of the distances [px]."""
    smooth = ndimage.gaussian_filter(dapi.astype(np.float32), 1.5)
    mask = ndimage.binary_fill_holes(smooth > _otsu(smooth))
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 2)
    highest = ndimage.maximum_filter(distance, 15) == distance
    seeds, _ = ndimage.label(highest & mask)
    labels = segmentation.watershed(-distance, seeds, mask=mask)  # type: ignore[no-untyped-call]
    areas = np.bincount(labels.ravel())[1:]
    return np.asarray(areas[areas > 60], dtype=np.int64)


def _quantiles(image: Image) -> npt.NDArray[np.float64]:
    """Where the 10th to 90th percentiles lie between the 1st and the 99th."""
    found = np.percentile(image, [1, 10, 25, 50, 75, 90, 99])
    return np.asarray((found[1:-1] - found[0]) / (found[-1] - found[0]))


def _spectrum(image: Image) -> npt.NDArray[np.float64]:
    """Log10 of the radial power in bands of frequency, relative to the mean power."""
    square = image[:1024, :1024].astype(np.float64)
    square = (square - square.mean()) * np.hanning(1024)[:, None] * np.hanning(1024)[None, :]
    power = np.abs(np.fft.fft2(square)) ** 2
    frequency = np.fft.fftfreq(1024)
    radius = np.hypot(frequency[:, None], frequency[None, :])
    edges = np.geomspace(1 / 256, 0.5, BANDS + 1)
    bands = [
        power[(radius >= low) & (radius < high)].mean() for low, high in itertools.pairwise(edges)
    ]
    return np.asarray(np.log10(np.array(bands) / power.mean()))


def _beyond(
    value: npt.NDArray[np.float64], real: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """How far values lie outside the range of the real ones."""
    below, above = real.min(axis=0) - value, value - real.max(axis=0)
    return np.asarray(np.maximum(np.maximum(below, above), 0))


@pytest.mark.slow
def test_density_and_size_of_nuclei_are_those_of_real_fields(
    real_images: Images, twin_images: Images
) -> None:
    real = [_nuclear_areas(image) for image in real_images["DAPI"]]
    counts = [len(areas) for areas in real]
    medians = [float(np.median(areas)) for areas in real]
    for image in twin_images["DAPI"]:
        areas = _nuclear_areas(image)
        assert min(counts) * (1 - COUNT_TOLERANCE) < len(areas)
        assert len(areas) < max(counts) * (1 + COUNT_TOLERANCE)
        assert min(medians) * (1 - AREA_TOLERANCE) < np.median(areas)
        assert np.median(areas) < max(medians) * (1 + AREA_TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("channel", CHANNELS)
def test_intensities_are_spread_as_in_real_fields(
    channel: str, real_images: Images, twin_images: Images
) -> None:
    real = np.array([_quantiles(image) for image in real_images[channel]])
    for image in twin_images[channel]:
        assert _beyond(_quantiles(image), real).max() < QUANTILE_TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("channel", CHANNELS)
def test_the_power_spectrum_is_that_of_real_fields(
    channel: str, real_images: Images, twin_images: Images
) -> None:
    real = np.array([_spectrum(image) for image in real_images[channel]])
    for image in twin_images[channel]:
        beyond = _beyond(_spectrum(image), real)
        assert beyond.max() < SPECTRUM_TOLERANCE
        assert beyond.mean() < MEAN_SPECTRUM_TOLERANCE


def test_a_real_pixel_is_a_multiple_of_sixteen_too(real_images: Images) -> None:
    for images in real_images.values():
        for image in images:
            assert image.dtype == np.uint16
            assert (image % 16 == 0).all()
