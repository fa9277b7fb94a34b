"""The feature space `texture@1`: what an image is like, whichever way it is turned.

Levels of the pixels, the radial power spectrum, the amplitudes of isotropic wavelets of four
octaves with how sparse and how aligned they are (monogenic signal: Felsberg & Sommer 2001), and
those of the amplitudes once more (the second order of a scattering transform: Mallat 2012). No
weights, nothing fitted, nothing downloaded. What a name and a version stand for never changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt
from scipy import fft

Singles = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


_PERCENTILES = (5, 25, 50, 75, 95, 99)
# Octaves of cycles a pixel, a little off the frequencies of the usual sizes, so that none of these
# lies on an edge.
_RINGS = (-6.6, -5.6, -4.6, -3.6, -2.6, -1.6, -1.0)
_OCTAVES = (0.25, 0.125, 0.0625, 0.03125)
_WIDTH = 0.5  # octaves
_FAINT = 0.003  # of the view's range: what has less amplitude than this counts as even
_FAINT_POWER = 1e-5


def texture_names(channels: Sequence[str], size: int) -> list[str]:
    """Names of the features of images of these channels and this side [px], in their order."""
    rings, octaves = len(_ring_edges(size)), _octaves(size)
    found: list[str] = []
    for channel in channels:
        found += [f"{channel} mean", f"{channel} sd"]
        found += [f"{channel} p{each}" for each in _PERCENTILES]
        found += [f"{channel} power {number}" for number in range(rings)]
        found += [
            f"{channel} {what} {1 / octave:g} px"
            for what in ("amplitude", "sparseness", "alignment")
            for octave in octaves
        ]
        found += [
            f"{channel} amplitude {1 / fine:g} px by {1 / coarse:g} px"
            for fine, coarse in combinations(octaves, 2)
        ]
    return found + [f"{one} with {other}" for one, other in combinations(channels, 2)]


def texture(images: Singles) -> Doubles:
    """Features (n, feature) of square images (n, channel, size, size) in [0, 1].

    Their names are those of `texture_names`. The images' borders are joined. Levels are of the
    view's range, powers and amplitudes are logarithms to base 10, over a floor under which
    structure counts as none.
    """
    count, channels, size = images.shape[0], images.shape[1], images.shape[-1]
    parts = [_of_channel(images[:, channel], size) for channel in range(channels)]
    flat = images.reshape(count, channels, size**2).astype(np.float64)
    flat = flat - flat.mean(axis=2, keepdims=True)
    spread = np.sqrt((flat**2).mean(axis=2))
    parts += [
        (
            (flat[:, one] * flat[:, other]).mean(axis=1)
            / (spread[:, one] * spread[:, other] + _FAINT**2)
        )[:, None]
        for one, other in combinations(range(channels), 2)
    ]
    found: Doubles = np.concatenate(parts, axis=1)
    return found


def _of_channel(images: Singles, size: int) -> Doubles:
    """Features of one channel (n, feature)."""
    flat = images.reshape(len(images), size**2)
    levels = np.percentile(flat, _PERCENTILES, axis=1).T
    means = flat.mean(axis=1, dtype=np.float64)[:, None]
    deviations = flat.std(axis=1, dtype=np.float64)[:, None]
    spectrum = fft.fft2(images.astype(np.float32))
    across, down, radius = _frequencies(size)
    power = np.abs(spectrum).astype(np.float64) ** 2 / size**4
    rings = [
        np.log10(power[:, (radius >= low) & (radius < high)].sum(axis=1) + _FAINT_POWER)
        for low, high in _ring_edges(size)
    ]
    # Riesz: the two components of the wave's phase, one as the real, one as the imaginary part.
    quarter = ((down - 1j * across) / np.where(radius > 0, radius, 1.0)).astype(np.complex64)
    octaves = _octaves(size)
    bands = [_band(radius, octave) for octave in octaves]
    first: list[Doubles] = []
    sparse: list[Doubles] = []
    aligned: list[Doubles] = []
    second: list[Doubles] = []
    for number, band in enumerate(bands):
        seen = spectrum * band
        even = fft.ifft2(seen).real
        odd = fft.ifft2(seen * quarter)
        odd_power = odd.real**2 + odd.imag**2
        amplitude = np.sqrt(even**2 + odd_power)
        mean, square = _mean(amplitude), _mean(amplitude**2)
        first.append(np.log10(mean + _FAINT))
        sparse.append(np.log10((square + _FAINT**2) / (mean + _FAINT) ** 2))
        aligned.append(np.abs((odd**2).mean(axis=(1, 2))) / (_mean(odd_power) + _FAINT**2))
        if number + 1 < len(bands):
            again = fft.rfft2(amplitude)
            for coarser in bands[number + 1 :]:
                half = coarser[:, : size // 2 + 1]
                found = _mean(np.abs(fft.irfft2(again * half, s=(size, size))))
                second.append(np.log10((found + _FAINT) / (mean + _FAINT)))
    columns = [*rings, *first, *sparse, *aligned, *second]
    return np.concatenate([means, deviations, levels, np.stack(columns, axis=1)], axis=1)


def _mean(maps: Singles) -> Doubles:
    found: Doubles = maps.mean(axis=(1, 2), dtype=np.float64)
    return found


def _frequencies(size: int) -> tuple[Doubles, Doubles, Doubles]:
    """Frequencies across and down, and their length (size, size) [cycles a pixel]."""
    line = fft.fftfreq(size)
    across, down = np.meshgrid(line, line)
    return across, down, np.hypot(across, down)


def _ring_edges(size: int) -> list[tuple[float, float]]:
    """Rings of frequencies that an image of this side has some of [cycles a pixel]."""
    edges = [2.0**octave for octave in _RINGS]
    edges[-1] = 1.0  # what lies in the corners beyond half a cycle belongs to the last ring
    return [(low, high) for low, high in pairwise(edges) if high > 1 / size]


def _octaves(size: int) -> list[float]:
    """Centre frequencies of which an image has two waves at least [cycles a pixel]."""
    return [octave for octave in _OCTAVES if octave * size >= 2]


def _band(radius: Doubles, octave: float) -> Singles:
    """The spectrum of a wavelet: a Gaussian over octaves about its own, nothing at frequency 0."""
    away = np.log2(np.where(radius > 0, radius, 1.0) / octave) / _WIDTH
    found: Singles = np.where(radius > 0, np.exp(-0.5 * away**2), 0.0).astype(np.float32)
    return found
