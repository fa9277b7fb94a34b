"""Transforms that shift and stretch each feature by itself: z-score, robust z, percentiles."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from phenovae.base.errors import InputError
from phenovae.base.options import Options
from phenovae.profiles.control_rows import ControlRows
from phenovae.profiles.features import Mask, Matrix
from phenovae.profiles.moments import is_constant
from phenovae.profiles.places import By, Groups, Places, listed

logger = logging.getLogger(__name__)

Constant = Literal["drop", "keep", "error"]

_MAD_TO_SIGMA = 1.482602218505602  # 1 / Φ⁻¹(3/4): the MAD of a normal distribution is σ / 1.4826


class _Scaled(Options):
    by: By = Field(
        "all", description="rows that are fitted together: all, those of a plate, of a batch"
    )
    constant: Constant = Field(
        "drop",
        description="a feature that does not vary where it is fitted: drop it, keep it (only "
        "centred), or stop",
    )


class ZScoreOptions(_Scaled):
    """Centre on the controls' mean and divide by their standard deviation."""

    name: Literal["z-score"] = "z-score"
    ddof: Literal[0, 1] = Field(0, description="what is taken from n in the variance")


class RobustZOptions(_Scaled):
    """Centre on the controls' median and divide by 1.4826 times their median absolute deviation."""

    name: Literal["robust-z"] = "robust-z"


class PercentileOptions(_Scaled):
    """Map two percentiles of the controls to 0 and 1, linearly and without clipping."""

    name: Literal["percentile"] = "percentile"
    low: float = Field(1.0, ge=0, lt=100, description="percentile that becomes 0")
    high: float = Field(99.0, gt=0, le=100, description="percentile that becomes 1")
    by: By = Field("plate", description="rows that are fitted together")

    @model_validator(mode="after")
    def _rising(self) -> PercentileOptions:
        if self.low >= self.high:
            raise ValueError("low must be below high")
        return self


ScalingOptions = ZScoreOptions | RobustZOptions | PercentileOptions


@dataclass(frozen=True)
class Scaling:
    """(x[kept] - centre) × factor, with a centre and a factor for each group (groups, kept)."""

    groups: Groups
    centre: Matrix
    factor: Matrix
    kept: Mask
    mixes: bool = False

    @property
    def outputs(self) -> int:
        """How many features come out."""
        return int(self.centre.shape[1])

    def apply(self, values: Matrix, places: Places) -> Matrix:
        """Transform rows of features. Raises InputError for a row of a group that is not known."""
        inside = values if self.kept.all() else values[:, self.kept]
        one = self.groups.by == "all"
        codes = None if one else self.groups.codes(places)
        scaled: Matrix = inside - (self.centre[0] if codes is None else self.centre[codes])
        scaled *= self.factor[0] if codes is None else self.factor[codes]
        return scaled


def fit_scaling(options: ScalingOptions, seen: ControlRows) -> Scaling:
    """Fit a scaling on control rows.

    Raises InputError where a group has fewer than two of them, no feature varies among them, or one
    does not and that is an error.
    """
    groups = Groups.of(seen.places, options.by)
    sizes = groups.sizes(seen.places)
    alone = [name for name, size in zip(groups.names, sizes, strict=True) if size < 2]
    if alone:
        raise InputError(
            f"the {options.name} is fitted by {options.by}, and {len(alone)} of them have a single "
            f"control row: {listed(alone)}",
            mend="fit by a larger group",
        )
    if isinstance(options, ZScoreOptions):
        spread = seen.spread(groups)
        centre, largest = spread.mean, spread.largest
        width = np.sqrt(spread.squares / (spread.count - options.ddof)[:, None])
    else:
        values, codes = seen.collected(), groups.codes(seen.places)
        own = [values[codes == code] for code in range(len(groups))]
        fits = [_location_and_width(options, rows) for rows in own]
        centre = np.stack([location for location, _ in fits])
        width = np.stack([found for _, found in fits])
        largest = np.stack([np.abs(rows).max(axis=0) for rows in own])
    constant = is_constant(width, largest)
    kept = _kept(options, constant, groups, seen.names)
    factor = 1 / np.where(constant, 1.0, width)
    return Scaling(groups, centre[:, kept], factor[:, kept], kept)


def _kept(options: ScalingOptions, constant: Mask, groups: Groups, names: tuple[str, ...]) -> Mask:
    somewhere: Mask = np.logical_or.reduce(constant, axis=0)
    if not somewhere.any():
        return ~somewhere
    where = "" if groups.by == "all" else f" of some {groups.by}"
    told = listed([names[number] for number in np.flatnonzero(somewhere)])
    said = f"{int(somewhere.sum())} of {len(somewhere)} features {_flat(options)} the controls"
    if options.constant == "error":
        raise InputError(
            f"{said}{where}: {told}",
            mend=f"remove them, or set constant of the {options.name} to drop",
        )
    if options.constant == "keep":
        logger.warning("%s%s and are only centred there: %s", said, where, told)
        return np.ones_like(somewhere)
    if somewhere.all():
        raise InputError(f"no feature varies among the controls{where}")
    logger.warning("%s%s and are dropped: %s", said, where, told)
    return ~somewhere


def _flat(options: ScalingOptions) -> str:
    if isinstance(options, ZScoreOptions):
        return "do not vary among"
    what = "median absolute deviation" if isinstance(options, RobustZOptions) else "range"
    return f"have a {what} of 0 among"


def _location_and_width(
    options: RobustZOptions | PercentileOptions, seen: Matrix
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    if isinstance(options, RobustZOptions):
        middle = np.median(seen, axis=0)
        return middle, _MAD_TO_SIGMA * np.median(np.abs(seen - middle), axis=0)
    low, high = np.percentile(seen, (options.low, options.high), axis=0)
    return low, high - low
