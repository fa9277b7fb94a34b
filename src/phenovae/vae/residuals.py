"""What a reconstruction leaves over, by channel: its error, and whether σ tells its size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

Doubles = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

LEVELS = tuple(number / 20 for number in range(1, 20))
"""Shares of pixels that central intervals are to hold."""

EDGES = np.linspace(-6.0, 6.0, 97)
"""Edges of the histogram of standardised residuals; what lies outside counts in none."""

_STILL = 1e-10


@dataclass(frozen=True)
class ReconstructionErrors:
    """By channel (channel,): of the view's range, or shares; NaN where a channel does not vary.

    `rmse` is the root mean squared error over all pixels. `explained` is the share of the variance
    of all pixels that the reconstruction explains, `beyond_mean` the share of what the cells' mean
    image leaves, which a model that ignores its latents cannot explain.
    """

    rmse: Doubles
    explained: Doubles
    beyond_mean: Doubles


class ErrorSums:
    """Sums over images, from which the errors of their reconstructions are told."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self._count = 0
        self._images = np.zeros(shape)
        self._squares = np.zeros(shape[0])
        self._errors = np.zeros(shape[0])

    def add(self, images: Singles, reconstructions: Singles) -> None:
        """Count images (n, channel, height, width) and what was made of them."""
        values = images.astype(np.float64)
        self._count += len(values)
        self._images += values.sum(axis=0)
        self._squares += (values**2).sum(axis=(0, 2, 3))
        self._errors += ((values - reconstructions) ** 2).sum(axis=(0, 2, 3))

    def errors(self) -> ReconstructionErrors:
        """The errors of all that was counted."""
        pixels = self._images[0].size
        mean_image = self._images / self._count
        squares = self._squares / (self._count * pixels)
        error = self._errors / (self._count * pixels)
        total = squares - mean_image.mean(axis=(1, 2)) ** 2
        around_mean = squares - (mean_image**2).mean(axis=(1, 2))
        return ReconstructionErrors(
            np.sqrt(error), _share_explained(error, total), _share_explained(error, around_mean)
        )


def _share_explained(error: Doubles, variance: Doubles) -> Doubles:
    varies = variance > _STILL
    return np.where(varies, 1 - error / np.where(varies, variance, 1.0), np.nan)


@dataclass(frozen=True)
class Calibration:
    """Residuals in units of the model's σ, by channel (channel,).

    `mean` and `deviation` would be 0 and 1; `coverage` (channel, level) is the share of pixels
    within the central interval of each of LEVELS; `histogram` (channel, bin) the share in each bin
    of EDGES.
    """

    mean: Doubles
    deviation: Doubles
    coverage: Doubles
    histogram: Doubles


class ResidualSums:
    """Sums over standardised residuals, from which the calibration of σ is told."""

    def __init__(self, channels: int) -> None:
        self._pixels = 0
        self._first = np.zeros(channels)
        self._second = np.zeros(channels)
        self._within = np.zeros((channels, len(LEVELS)), np.int64)
        self._counts = np.zeros((channels, len(EDGES) - 1), np.int64)
        self._reach = norm.ppf(0.5 + np.array(LEVELS) / 2)

    def add(self, residuals: Singles) -> None:
        """Count standardised residuals (n, channel, height, width)."""
        self._pixels += residuals[:, 0].size
        for channel in range(residuals.shape[1]):
            values = residuals[:, channel].reshape(-1)
            sizes = np.abs(values)
            self._first[channel] += values.sum(dtype=np.float64)
            self._second[channel] += np.square(values, dtype=np.float64).sum()
            self._within[channel] += [np.count_nonzero(sizes <= reach) for reach in self._reach]
            self._counts[channel] += np.histogram(values, EDGES)[0]

    def calibration(self) -> Calibration:
        """The calibration of all that was counted."""
        mean = self._first / self._pixels
        return Calibration(
            mean=mean,
            deviation=np.sqrt(np.maximum(self._second / self._pixels - mean**2, 0.0)),
            coverage=self._within / self._pixels,
            histogram=self._counts / self._pixels,
        )
