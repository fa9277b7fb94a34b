"""Uneven light, told from the fields of a plate and taken out of them.

One function for each channel of each plate, retrospective: from the fields themselves (Singh,
Bray, Jones and Carpenter, Journal of Microscopy 256, 2014). Unlike the mean of all fields, which a
few dozen fields of cells leave rough, it is fitted to what cells and ground have in common; see
`illumination_fit`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from phenovae.base.errors import InputError
from phenovae.images.flatness import flatness
from phenovae.images.illumination_dark import DarkLevels, dark_levels, joint_light
from phenovae.images.illumination_fit import Evidence, read_light
from phenovae.images.illumination_statistics import BLOCKS, IlluminationStatistics, Sample
from phenovae.images.options import IlluminationOptions as IlluminationOptions
from phenovae.images.smoothing import Pixels, Surface, block_side, expand, surfaces

_DARKEST = 0.1


@dataclass(frozen=True)
class Illumination:
    """The light over a field: one function for a channel of a plate.

    `field` float32 (height, width) of blocks of `side` px, relative, with mean 1 over the field;
    `shape` the field's pixels; `dark_level` [grey levels] is taken off before light is divided
    out and put back after. Flatness is (95th - 5th percentile) / mean of the smoothed mean of
    fields: `flatness_before` correction and `flatness_after`, by a function of the other half of
    the fields; `flatness_chance` is what the lie of the cells alone makes of it. `error` is the
    root mean square by which the function is expected to miss the light. All three are shares of
    1, NaN where the light counts as flat, for the reason given in `fallback` (else empty). Where
    the plate itself could not tell, `lent` says why the light is that of its batch (else empty);
    then fields and figures are the batch's.
    """

    field: Surface
    shape: tuple[int, int]
    side: int
    dark_level: float
    fields: int
    degree: int
    error: float
    flatness_before: float
    flatness_after: float
    flatness_chance: float
    fallback: str = ""
    lent: str = ""

    @cached_property
    def full(self) -> Surface:
        """The function at all pixels, float32 (height, width), mean 1."""
        full = np.maximum(expand(self.field, self.side, self.shape), np.float32(_DARKEST))
        return np.asarray(full / full.mean(dtype=np.float64), dtype=np.float32)

    @cached_property
    def gain(self) -> Surface:
        """What levels above the dark level are multiplied by, float32 (height, width)."""
        return np.reciprocal(self.full)

    def __getstate__(self) -> dict[str, object]:
        """What another process is sent: without the functions at all pixels, made there anew."""
        return {key: value for key, value in vars(self).items() if key not in ("full", "gain")}


def estimate(
    statistics: IlluminationStatistics, options: IlluminationOptions | None = None
) -> Illumination:
    """The light of one channel by itself; see `estimate_plate`."""
    return estimate_plate({"": statistics}, options)[""]


def estimate_plate(
    channels: Mapping[str, IlluminationStatistics],
    options: IlluminationOptions | None = None,
    batch: Mapping[str, IlluminationStatistics] | None = None,
) -> dict[str, Illumination]:
    """The light of every channel of a plate.

    Channels help each other: what one tells about the camera's dark level counts for the others
    too, as far as they do not contradict it. A function leans to flat where fields are few and
    disagree. Where they are too few, the light is that of all fields of the plate's batch, if those
    are given and enough, since plates that were imaged together were lit alike. Else, or where
    fields show nothing brighter than the ground, it counts as flat and `fallback` says why. Raises
    InputError where a channel has no field at all.
    """
    options = options or IlluminationOptions()
    samples = {name: statistics.reduced() for name, statistics in channels.items()}
    evidence: dict[str, Evidence] = {}
    reasons: dict[str, str] = {}
    lent: dict[str, str] = {}
    for name, own in samples.items():
        sample = own
        if not enough(channels[name], options):
            reason = (
                f"{own.fields} field{'s' if own.fields != 1 else ''}, and "
                f"{options.fields} are needed"
            )
            others = (batch or {}).get(name)
            if others is None or not enough(others, options):
                reasons[name] = reason
                continue
            lent[name] = reason
            sample = samples[name] = others.reduced()
        found = read_light(sample.values, options.degrees)
        if found is None:
            reasons[name] = "nothing in the fields is brighter than their ground"
        else:
            evidence[name] = found
    levels = dark_levels(evidence, options.dark_level)
    lights = {}
    for name, sample in samples.items():
        if name in evidence:
            light = _light(sample, evidence[name], levels[name])
            lights[name] = light if light.fallback else replace(light, lent=lent.get(name, ""))
        else:
            lights[name] = _flat(sample, reasons[name])
    return lights


def enough(statistics: IlluminationStatistics, options: IlluminationOptions) -> bool:
    """Whether a function can be made from these fields."""
    return min(statistics.fields, options.sample) >= options.fields


def flat(shape: tuple[int, int], reason: str, fields: int = 0) -> Illumination:
    """Even light over fields of `shape` (height, width), for a reason."""
    side = block_side(shape, BLOCKS)
    nothing = float("nan")
    return Illumination(
        field=np.ones((shape[0] // side, shape[1] // side), dtype=np.float32),
        shape=shape,
        side=side,
        dark_level=0.0,
        fields=fields,
        degree=0,
        error=nothing,
        flatness_before=nothing,
        flatness_after=nothing,
        flatness_chance=nothing,
        fallback=reason,
    )


@dataclass(frozen=True)
class Corrected:
    """A field with even light, of the dtype it had, and how many of its pixels were cut off.

    Pixels that would lie below 0 or above what the dtype holds are set to that bound.
    """

    image: Pixels
    clipped: int


def correct(image: Pixels, illumination: Illumination) -> Corrected:
    """Take uneven light out of a field (height, width), uint8 or uint16.

    What is above the dark level is divided by the light, so that the mean keeps. Raises InputError
    where the field is not of the size that the function was made for.
    """
    if image.shape != illumination.shape or image.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"a field of {image.dtype}, {image.shape}, cannot be corrected by the light over "
            f"fields of {illumination.shape}",
            mend="give the fields of every size a plate of their own",
        )
    if illumination.fallback:
        return Corrected(image.copy(), 0)
    dark = np.float32(illumination.dark_level)
    level = image.astype(np.float32)
    level -= dark
    level *= illumination.gain
    level += dark
    np.rint(level, out=level)
    top = np.float32(np.iinfo(image.dtype).max)
    clipped = 0
    if level.min() < 0 or level.max() > top:
        clipped = int(np.count_nonzero(level < 0) + np.count_nonzero(level > top))
        np.clip(level, 0, top, out=level)
    even = level.astype(np.uint8) if image.dtype == np.uint8 else level.astype(np.uint16)
    return Corrected(even, clipped)


def _light(sample: Sample, evidence: Evidence, dark: DarkLevels) -> Illumination:
    found = [joint_light(evidence.all_fields, evidence, level) for level in dark.levels]
    each = np.stack([joint for joint, _ in found])
    mean = dark.weights @ each
    doubt = float(dark.weights @ ((each - mean) ** 2).sum(axis=1))
    noise = float(dark.weights @ [mean.size / precision for _, precision in found])
    error = float(np.sqrt(doubt + noise))
    level = float(dark.weights @ dark.levels)
    # As far as the function could be chance, it leans to flat (James and Stein). The error is
    # itself uncertain, and a lean that goes too far costs more than one that does not go all the
    # way: half of it counts.
    lean = max(0.0, 1 - (error / 2) ** 2 / max(float((mean**2).sum()), 1e-12))
    grid = (sample.values.shape[1], sample.values.shape[2])
    terms = surfaces(grid, evidence.degree)[:, 1:]
    function = (1 + terms @ (lean * mean)).reshape(grid)
    if function.min() < _DARKEST:
        return _flat(sample, "the function found would be dark or negative somewhere")
    halves = [
        (1 + terms @ (lean * joint_light(half, evidence, level)[0])).reshape(grid)
        for half in evidence.halves
    ]
    even = flatness(sample.values - level, halves)
    return Illumination(
        field=function.astype(np.float32),
        shape=sample.shape,
        side=sample.side,
        dark_level=level,
        fields=sample.fields,
        degree=evidence.degree,
        error=error,
        flatness_before=even.before,
        flatness_after=even.after,
        flatness_chance=even.chance,
    )


def _flat(sample: Sample, reason: str) -> Illumination:
    return flat(sample.shape, reason, sample.fields)
