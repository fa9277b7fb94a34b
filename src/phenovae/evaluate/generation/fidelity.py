"""How like an image its reconstruction is: SSIM (Wang et al. 2004) and PSNR, channel by channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from skimage.metrics import structural_similarity

Singles = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

RANGE = 1.0
_LEAST_ERROR = 1e-10  # 100 dB: what is nearer than this is as good as the same
_TAIL = 0.025


@dataclass(frozen=True)
class Fidelity:
    """SSIM and PSNR [dB] of images, by channel (n, channel); PSNR of all channels together (n,)."""

    ssim: Doubles
    psnr: Doubles
    psnr_together: Doubles

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> Fidelity:
        return Fidelity(self.ssim[rows], self.psnr[rows], self.psnr_together[rows])


def fidelity(images: Singles, others: Singles) -> Fidelity:
    """SSIM and PSNR of images (n, channel, height, width) in [0, 1] and others of the same shape.

    SSIM has even windows of 7 × 7 px; PSNR is over the view's whole range, 1, and at most 100 dB.
    """
    ssim = np.array(
        [
            [
                structural_similarity(one, other, data_range=RANGE)  # type: ignore[no-untyped-call]
                for one, other in zip(image, made, strict=True)
            ]
            for image, made in zip(images, others, strict=True)
        ],
        dtype=np.float64,
    ).reshape(images.shape[:2])
    errors = ((images.astype(np.float64) - others) ** 2).mean(axis=(2, 3))
    return Fidelity(ssim, _decibels(errors), _decibels(errors.mean(axis=1)))


def joined(parts: Sequence[Fidelity]) -> Fidelity:
    """Parts of the images, one after another."""
    return Fidelity(
        np.concatenate([each.ssim for each in parts]),
        np.concatenate([each.psnr for each in parts]),
        np.concatenate([each.psnr_together for each in parts]),
    )


def mean_and_interval(
    values: Doubles, wells: Sequence[str], draws: int, random: np.random.Generator
) -> dict[str, object]:
    """The mean of values (n,), and its 95 % interval by a bootstrap over wells.

    Cells of a well share more than chance, so the well is the unit; one well has no interval.
    """
    codes, known = pd.factorize(np.asarray(wells, dtype=object))
    found: dict[str, object] = {"value": float(values.mean())}
    if len(known) < 2:
        return found
    sums, counts = np.bincount(codes, weights=values), np.bincount(codes)
    drawn = random.integers(0, len(known), (draws, len(known)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, (_TAIL, 1 - _TAIL))
    return {**found, "low": float(low), "high": float(high), "wells": len(known)}


def _decibels(errors: Doubles) -> Doubles:
    found: Doubles = 10 * np.log10(RANGE**2 / np.maximum(errors, _LEAST_ERROR))
    return found
