"""Uneven light, told from the fields of a plate and taken out of them.

One function for each channel of each plate, retrospective: from the fields themselves (Singh,
Bray, Jones and Carpenter, Journal of Microscopy 256, 2014). Unlike the mean of all fields, which a
few dozen fields of cells leave rough, it is fitted to what cells and ground have in common; see
`illumination_fit`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import ndimage

from phenovae.base.errors import InputError
from phenovae.base.options import Options
from phenovae.images.illumination_fit import DEGREES, Evidence, Reading, read_light
from phenovae.images.illumination_statistics import (
    BLOCKS,
    SAMPLE,
    IlluminationStatistics,
    Sample,
)
from phenovae.images.smoothing import Floats, Pixels, Surface, expand, surfaces

_DARKEST = 0.1
_DARK_LEVELS = 300
_ALIKE = 0.05
_TRUST = 0.9
_CAP = 0.98
_SMOOTH = 0.1


class IlluminationOptions(Options):
    """How the light of a plate is told from its fields."""

    fields: int = Field(
        8,
        ge=4,
        description="fewest fields of a channel and plate from which a function is made; with "
        "fewer the light counts as flat [fields]",
    )
    sample: int = Field(
        SAMPLE, ge=8, description="fields of a channel and plate that are looked at [fields]"
    )
    blocks: int = Field(
        BLOCKS, ge=16, le=256, description="blocks along the longer side of a field [blocks]"
    )
    degrees: tuple[int, ...] = Field(
        DEGREES,
        min_length=1,
        description="degrees of the polynomial among which fields that were held out choose",
    )
    dark_level: float | None = Field(
        None,
        ge=0,
        description="what the camera gives without light, where it is known; told from the fields "
        "otherwise [grey levels]",
    )

    def statistics(self) -> IlluminationStatistics:
        """Statistics without a field yet, as these options want them."""
        return IlluminationStatistics(self.sample, self.blocks)


@dataclass(frozen=True)
class Illumination:
    """The light over a field: one function for a channel of a plate.

    `field` float32 (height, width) of blocks of `side` px, relative, with mean 1 over the field;
    `shape` the field's pixels; `dark_level` [grey levels] is taken off before light is divided
    out and put back after. Flatness is (95th - 5th percentile) / mean of the smoothed mean of
    fields: `flatness_before` correction and `flatness_after`, by a function of the other half of
    the fields; `flatness_chance` is what the lie of the cells alone makes of it. `error` is the
    root mean square by which the function is expected to miss the light. All three are shares of
    1, NaN where the light counts as flat, for the reason given in `fallback` (else empty).
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

    @cached_property
    def full(self) -> Surface:
        """The function at all pixels, float32 (height, width), mean 1."""
        full = np.maximum(expand(self.field, self.side, self.shape), np.float32(_DARKEST))
        return full / full.mean(dtype=np.float64).astype(np.float32)

    @cached_property
    def _gain(self) -> Surface:
        return np.reciprocal(self.full)

    def __getstate__(self) -> dict[str, object]:
        """What another process is sent: without the functions at all pixels, made there anew."""
        return {key: value for key, value in vars(self).items() if key not in ("full", "_gain")}


def estimate(
    statistics: IlluminationStatistics, options: IlluminationOptions | None = None
) -> Illumination:
    """The light of one channel by itself; see `estimate_plate`."""
    return estimate_plate({"": statistics}, options)[""]


def estimate_plate(
    channels: Mapping[str, IlluminationStatistics], options: IlluminationOptions | None = None
) -> dict[str, Illumination]:
    """The light of every channel of a plate.

    Channels help each other: what one tells about the camera's dark level counts for the others
    too, as far as they do not contradict it. A function leans to flat where fields are few and
    disagree. Where they are too few, or show nothing brighter than the ground, the light counts
    as flat and `fallback` says why. Raises InputError where a channel has no field at all.
    """
    options = options or IlluminationOptions()
    samples = {name: statistics.reduced() for name, statistics in channels.items()}
    evidence: dict[str, Evidence] = {}
    reasons: dict[str, str] = {}
    for name, sample in samples.items():
        if len(sample.values) < options.fields:
            reasons[name] = f"{sample.fields} fields, and {options.fields} are needed"
            continue
        found = read_light(sample.values, options.degrees)
        if found is None:
            reasons[name] = "the fields hold nothing brighter than their ground"
        else:
            evidence[name] = found
    levels = _dark_levels(evidence, options.dark_level)
    lights = {}
    for name, sample in samples.items():
        if name in evidence:
            lights[name] = _light(sample, evidence[name], levels[name])
        else:
            lights[name] = _flat(sample, reasons[name])
    return lights


def flat(shape: tuple[int, int], reason: str, fields: int = 0) -> Illumination:
    """Even light over fields of `shape`, for a reason."""
    nothing = float("nan")
    return Illumination(
        field=np.ones((1, 1), dtype=np.float32),
        shape=shape,
        side=min(shape),
        dark_level=0.0,
        fields=fields,
        degree=0,
        error=nothing,
        flatness_before=nothing,
        flatness_after=nothing,
        flatness_chance=nothing,
        fallback=reason,
    )
