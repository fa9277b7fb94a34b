"""Measures that tell a field worth having from one that went wrong: noise, focus, and the rest.

Taken of raw pixels, a channel at a time. All of them are relative to what is in the field itself
(its noise, the size of its structures, the brightness of its cells), so that they mean the same
for any microscope, magnification and depth of grey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage, special

from phenovae.base.errors import InputError
from phenovae.images.noise import noise_level
from phenovae.images.smoothing import Pixels, block_side, block_sums

Numbers = npt.NDArray[np.float64]

MEASURES: dict[str, str] = {
    "Noise": "standard deviation of pixel noise [grey levels]",
    "NoiseShare": "share of noise in the variance of the pixels",
    "Contrast": "brightest blocks above the median [standard deviations of noise]",
    "Size": "distance over which structures change by half [px]",
    "Focus": "squared size times squared slope over variance; 2.8 where nothing is sharp",
    "Saturated": "share of pixels at the highest value that the camera gives",
    "DebrisLength": "length of the longest region far brighter than cells [px]",
    "DebrisArea": "area of the largest one [px²]",
    "Level05": "5th percentile: the ground [grey levels]",
    "Level50": "50th percentile [grey levels]",
    "Level95": "95th percentile [grey levels]",
    "Level999": "99.9th percentile [grey levels]",
}

_LONGEST = 640  # blocks of the longer side in the image that focus is measured on
_WINDOW = 256
_COARSEST = 2  # waves in a window; longer ones are uneven light and crowding
_STRIPS = 4
_STRIP = 40
_STRIDE = 4
_BLOCKS = 320
_BRIGHTEST = 0.9995
_TOO_BRIGHT = 3.0
_HAZE = 6.0
_CAP = 2.0
_PILE = 1e-4
_TAIL = 4.0
_DEPTHS = (8, 10, 11, 12, 14, 16)


def measure_field(channels: Mapping[str, Pixels]) -> dict[str, float]:
    """Measure one field: `Field_<measure>_<channel>` for every measure of `MEASURES`.

    Channels are raw images (height, width), uint8 or uint16, of any size. A measure that a field
    has not got (the focus of an empty one) is NaN. Raises InputError where an image is none.
    """
    row: dict[str, float] = {}
    for channel, image in channels.items():
        if image.ndim != 2 or image.size == 0 or image.dtype not in (np.uint8, np.uint16):
            raise InputError(
                f"a channel of a field is one grey image of 8 or 16 bits, not {image.dtype} of "
                f"shape {image.shape}",
                where=channel,
            )
        measured = _measure(image)
        row |= {measure_name(name, channel): value for name, value in measured.items()}
    return row


def measure_name(measure: str, channel: str) -> str:
    """The column of a measure of a channel."""
    return f"Field_{measure}_{channel}"


def _measure(image: Pixels) -> dict[str, float]:
    strips = _strips(image)
    noise = float(np.sqrt(np.mean(noise_level(strips) ** 2)))
    few = image[::_STRIDE, ::_STRIDE]
    variance = float(few.var(dtype=np.float64))
    levels = _quantiles(np.sort(few, axis=None), (0.05, 0.5, 0.95, 0.999))
    sharpness = _sharpness(image)
    side = block_side((image.shape[0], image.shape[1]), _BLOCKS)
    blocks = block_sums(image, side).astype(np.float32) / np.float32(side * side)
    rising = np.sort(blocks, axis=None)
    length, area = _debris(blocks, rising, np.float32(levels[0]), noise, side)
    middle, brightest = _quantiles(rising, (0.5, _BRIGHTEST))
    top = brightest - middle
    return {
        "Noise": noise,
        "NoiseShare": min(noise**2 / variance, 1.0) if variance > 0 else 1.0,
        "Contrast": min(top / noise, 1e6) if noise > 0 else (1e6 if top > 0 else 0.0),
        "Size": sharpness.size,
        "Focus": sharpness.focus,
        "Saturated": saturated_share(image),
        "DebrisLength": length,
        "DebrisArea": area,
        "Level05": levels[0],
        "Level50": levels[1],
        "Level95": levels[2],
        "Level999": levels[3],
    }


def _quantiles(rising: npt.NDArray[np.number], shares: Sequence[float]) -> list[float]:
    """Quantiles of sorted values, linear between them: sorting is faster than partitioning."""
    values = []
    for share in shares:
        place = share * (len(rising) - 1)
        below = int(place)
        low, high = float(rising[below]), float(rising[min(below + 1, len(rising) - 1)])
        values.append(low + (high - low) * (place - below))
    return values


def _strips(image: Pixels) -> npt.NDArray[np.float32]:
    """A few strips of rows from all over the image, (strip, row, column): enough for the noise."""
    height = image.shape[0]
    if height <= _STRIPS * _STRIP:
        return image[None].astype(np.float32)
    starts = np.linspace(0, height - _STRIP, _STRIPS).astype(int)
    return np.stack([image[start : start + _STRIP].astype(np.float32) for start in starts])


def saturated_share(image: Pixels) -> float:
    """Share of pixels at the highest value that the camera gives, as far as the image shows it.

    That value is known where the brightest pixels have it: all ones in 8 to 16 bits, shifted up by
    as many bits as no pixel uses (4095 · 16 for 12 bits in 16). A pile of pixels at any other
    brightest value counts too, as an offset taken off before leaves it.
    """
    top = int(image.max())
    if top == 0:
        return 0.0
    share = float(np.count_nonzero(image == top)) / image.size
    used = int(np.bitwise_or.reduce(image, axis=None))
    unit = used & -used
    if top // unit in {2**depth - 1 for depth in _DEPTHS}:
        return share
    # whole numbers are compared with whole numbers, several at a time
    near = float(np.count_nonzero(image > image.dtype.type(0.9 * top))) / image.size - share
    return share if share > max(_PILE, _TAIL * near) and top > image.min() else 0.0


@dataclass(frozen=True)
class _Sharpness:
    """`size` [px] at which structures have changed by half, and how steep they are for it."""

    size: float
    focus: float


def _sharpness(image: Pixels) -> _Sharpness:
    """Size and focus from the radial power spectrum, less the noise that it ends in.

    Of an image without an edge, such as any blurred by much more than its finest structures, the
    autocorrelation is a normal and focus is 4 ln 2; edges of width w between structures of size s
    bring it near s / w.
    """
    nothing = _Sharpness(float("nan"), float("nan"))
    bins = max(1, -(-max(image.shape) // _LONGEST))
    windows = _windows(image, bins)
    if windows is None:
        return nothing
    power, waves, frequency = _radial_power(windows)
    noise = float(np.median(power[-max(len(power) // 8, 1) :]))
    above = np.arange(1, len(power) + 1) >= _COARSEST
    drowned = np.flatnonzero(above & (power <= 2 * noise))
    last = int(drowned[0]) if len(drowned) else len(power)
    used = above & (np.arange(len(power)) < last)
    if np.count_nonzero(used) < 2:
        return nothing
    weight = ((power - noise) * waves)[used]
    angular = 2 * np.pi * frequency[used]
    total = float(weight.sum())
    lags = np.arange(windows.shape[-1] / 2)
    alike = special.j0(angular[None, :] * lags[:, None]) @ weight / total
    below = np.flatnonzero(alike < 0.5)
    if not len(below):
        return nothing
    lag = int(below[0])
    size = lag - 1 + (alike[lag - 1] - 0.5) / (alike[lag - 1] - alike[lag])
    slope = float((angular**2 * weight).sum()) / total
    return _Sharpness(float(size * bins), float(size**2 * slope))


def _windows(image: Pixels, bins: int) -> npt.NDArray[np.float32] | None:
    """Square windows from all over the image, binned, without mean, faded out to their edges."""
    side = min(_WINDOW, *(length // bins for length in image.shape))
    if side < 16:
        return None
    starts = [
        np.linspace(0, length - side * bins, -(-length // (side * bins))).astype(int)
        for length in image.shape
    ]
    found = np.stack(
        [
            block_sums(image[y : y + side * bins, x : x + side * bins], bins)
            for y in starts[0]
            for x in starts[1]
        ]
    ).astype(np.float32)
    found -= found.mean(axis=(1, 2), keepdims=True)
    fade = np.hanning(side).astype(np.float32)
    return found * (fade[:, None] * fade[None, :])


def _radial_power(windows: npt.NDArray[np.float32]) -> tuple[Numbers, Numbers, Numbers]:
    """Mean power, number of waves and frequency [1/px] of rings of frequency, without the mean."""
    side = windows.shape[-1]
    spectrum = fft.rfft2(windows)
    power: Numbers = (spectrum.real**2 + spectrum.imag**2).mean(axis=0, dtype=np.float64)
    y, x = fft.fftfreq(side)[:, None], fft.rfftfreq(side)[None, :]
    ring = np.rint(np.hypot(y, x) * side).astype(np.int64).ravel()
    both = np.full(power.shape, 2.0)
    both[:, 0] = 1.0
    if side % 2 == 0:
        both[:, -1] = 1.0
    rings = side // 2 + 1
    inside = ring < rings
    waves = _sums(ring[inside], both.ravel()[inside], rings)
    summed = _sums(ring[inside], (both * power).ravel()[inside], rings)
    frequency: Numbers = np.arange(1.0, rings) / side
    return summed / waves, waves, frequency


def _sums(ring: npt.NDArray[np.int64], weights: Numbers, rings: int) -> Numbers:
    return np.asarray(np.bincount(ring, weights, rings)[1:], dtype=np.float64)


def _debris(
    blocks: npt.NDArray[np.float32],
    rising: npt.NDArray[np.float32],
    ground: np.float32,
    noise: float,
    side: int,
) -> tuple[float, float]:
    """Length [px] and area [px²] of the largest regions of blocks far brighter than cells.

    Cells are as bright as the blocks that carry the middle of the light above the ground, faint
    haze left out where there is anything else. `rising` are the sorted `blocks`.
    """
    ordered = rising - ground
    faint = np.searchsorted(ordered, np.float32(_HAZE * noise), side="right")
    if faint == len(ordered):
        faint = np.searchsorted(ordered, np.float32(0), side="right")
    ordered = ordered[faint:]
    # capped, so that debris that outshines all cells is not taken for them
    top = _CAP * ordered[len(ordered) // 2] if len(ordered) else np.float32(0)
    carried = np.cumsum(np.minimum(ordered, top), dtype=np.float64)
    cells = float(ordered[np.searchsorted(carried, carried[-1] / 2)]) if len(ordered) else 0.0
    too_bright = blocks - ground > _TOO_BRIGHT * cells
    if not too_bright.any():
        return 0.0, 0.0
    regions, _ = ndimage.label(too_bright)
    areas: Sequence[int] = np.bincount(regions.ravel())[1:].tolist()
    lengths = [
        float(np.hypot(down.stop - down.start, across.stop - across.start))
        for down, across in ndimage.find_objects(regions)
    ]
    return max(lengths) * side, float(max(areas)) * side**2
