"""Nuclei of one image, as labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from phenovae.images.segmentation.debris import nuclear_odds
from phenovae.images.segmentation.declump import mended, parted
from phenovae.images.segmentation.external import segment_by_model
from phenovae.images.segmentation.foreground import Foreground, foreground_of
from phenovae.images.segmentation.labels import touching_border
from phenovae.images.segmentation.options import SegmentationOptions
from phenovae.images.segmentation.outlines import at_half_height, enlarged_outlines
from phenovae.images.segmentation.planes import (
    AnyImage,
    Floats,
    as_plane,
    background_of,
    noise_of,
    reduced,
    smoothed,
)
from phenovae.images.segmentation.regions import Labels, renumbered
from phenovae.images.segmentation.scale import diameter_of

_WORKING, _AMPLE = 11, 14
"""Pixels across a nucleus that shape needs, and that are better where the image is small; images
are averaged down to this or just above."""

_SMALL = 0.3e6
"""Pixels of a small working image."""

_NARROWEST = 5.0
"""Pixels across a nucleus below which it cannot be told from a speck of noise."""

_WIDEST = 3.0
"""Diameters above which whatever is bright counts as background."""


@dataclass(frozen=True)
class NucleiResult:
    """Labels, int32 (height, width), 0 background and 1…n without gaps, and how they came about."""

    labels: Labels
    scale: float
    """Diameter of the typical nucleus [px]; 0 where there is none."""
    reduction: int = 1
    """Pixels of the image along a pixel of the image that was worked on."""
    noise: float = 0.0
    """Standard deviation of the smoothed background, in grey levels of the working image."""
    dropped: dict[str, int] = field(default_factory=dict)
    """How many objects were dropped, by reason: faint, crumb, debris, small, large."""

    @property
    def count(self) -> int:
        """Number of nuclei."""
        return int(self.labels.max(initial=0))


def segment_nuclei(
    image: AnyImage, options: SegmentationOptions, *, pixel_size_um: float | None = None
) -> NucleiResult:
    """The nuclei of one grey `image` (height, width) of any type, bright on dark.

    Scale and thresholds come from the image. Nuclei at the border are kept. The limits in µm apply
    where `pixel_size_um` is known. An image with nothing in it gives no labels; only one that is
    not two-dimensional is a ValueError. With a method of others an InputError says where the model
    failed on this image, another PhenovaeError that it cannot be used.
    """
    plane = as_plane(image)
    none = NucleiResult(np.zeros(plane.shape, dtype=np.int32), 0.0)
    if min(plane.shape) < 3:
        return none
    low, high = _limits(options, pixel_size_um)
    scale = diameter_of(plane, low, min(high, *plane.shape))
    if options.method != "classical":
        return _by_model(plane, options, scale, pixel_size_um)
    if scale < _NARROWEST:
        return none
    factor = _reduction(scale, plane.size)
    flat, noise = _flattened(reduced(plane, factor), scale / factor)
    found = foreground_of(flat, noise, scale / factor, options.visibility)
    if found is None:
        return none
    dropped: Counter[str] = Counter(faint=found.dropped)
    labels = _separated(flat, found)
    sizes = np.bincount(labels.ravel(), minlength=1)
    crumb = sizes < options.smallest * np.pi / 4 * found.diameter**2
    labels = _without(labels, crumb, "crumb", dropped)
    if options.debris and labels.any():
        odds = nuclear_odds(flat, labels, found.diameter, found.noise)
        labels = _without(labels, odds <= 0, "debris", dropped)
    if labels.any():
        labels = enlarged_outlines(flat, labels, found.diameter, factor, plane.shape)
        labels = _within(labels, low, high, dropped)
    if not labels.any():
        return replace(none, dropped=dict(+dropped))
    return NucleiResult(labels, found.diameter * factor, factor, found.noise, dict(+dropped))


def _by_model(
    plane: Floats, options: SegmentationOptions, scale: float, pixel_size_um: float | None
) -> NucleiResult:
    """Nuclei by a model of others, told our `scale` where there is one, within the limits in µm."""
    labels = segment_by_model(plane, options, scale if scale > 0 else None, pixel_size_um)
    dropped: Counter[str] = Counter()
    labels = _within(labels, *_limits(options, pixel_size_um), dropped)
    areas = np.bincount(labels.ravel())[1:]
    typical = float(np.median(2 * np.sqrt(areas / np.pi))) if len(areas) else 0.0
    return NucleiResult(labels, typical, dropped=dict(+dropped))


def _reduction(scale: float, size: int) -> int:
    """How many pixels become one, along each side, for nuclei `scale` pixels wide."""
    ample = max(1, int(scale / _AMPLE))
    return ample if size <= _SMALL * ample**2 else max(1, int(scale / _WORKING))


def _flattened(plane: Floats, diameter: float) -> tuple[Floats, float]:
    """`plane` blurred and without its background, and the noise that the blur leaves."""
    sigma = max(0.7, 0.06 * diameter)
    blurred = smoothed(plane, sigma)
    ground = background_of(blurred, max(3.0, _WIDEST * diameter))
    # of white noise a blur leaves one part in twice the root of pi times sigma
    return blurred - ground, noise_of(plane) / (2 * np.pi**0.5 * sigma)


def _separated(flat: Floats, found: Foreground) -> Labels:
    """Nuclei of the foreground, touching ones parted, outlined at half height."""
    parts, count = parted(flat, found.mask, found.height, found.diameter)
    candidate = np.zeros(count + 1, dtype=np.int64)
    candidate[parts.ravel()] = found.candidates.ravel()
    typical = np.pi / 4 * found.diameter**2
    labels = mended(flat, parts, count, found.ground[candidate], typical)
    return at_half_height(flat, labels, found.diameter)


def _limits(options: SegmentationOptions, pixel_size_um: float | None) -> tuple[float, float]:
    """Least and greatest diameter [px]."""
    if not pixel_size_um:
        return 0.0, np.inf
    low, high = options.minimum_diameter_um, options.maximum_diameter_um
    return (low or 0.0) / pixel_size_um, np.inf if high is None else high / pixel_size_um


def _within(labels: Labels, low: float, high: float, dropped: Counter[str]) -> Labels:
    """Labels of a diameter between `low` and `high` [px]; a nucleus that is cut may be smaller."""
    for reason, limit in (("small", low > 0), ("large", high < np.inf)):
        if not limit:
            continue
        wide = 2 * np.sqrt(np.bincount(labels.ravel(), minlength=1) / np.pi)
        bad = wide < low if reason == "small" else wide > high
        if reason == "small":
            bad[touching_border(labels)] = False
        labels = _without(labels, bad, reason, dropped)
    return labels


def _without(
    labels: Labels, bad: npt.NDArray[np.bool_], reason: str, dropped: Counter[str]
) -> Labels:
    bad[0] = False
    dropped[reason] += int(np.count_nonzero(bad))
    return renumbered(labels, ~bad)
