"""Transforms that shift and stretch each feature by itself: z-score, robust z, percentiles."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from phenovae.base.errors import InputError
from phenovae.base.options import Options
from phenovae.profiles.features import Mask, Matrix
from phenovae.profiles.places import By, Groups, Places

logger = logging.getLogger(__name__)

Constant = Literal["drop", "keep", "error"]

_CONSTANT = 1e-12
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


ScalingOptions = ZScoreOptions | RobustZOptions | PercentileOptions


@dataclass(frozen=True)
class Scaling:
    """(x[kept] - centre) × factor, with a centre and a factor for each group (groups, kept)."""

    groups: Groups
    centre: Matrix
    factor: Matrix
    kept: Mask

    def apply(self, values: Matrix, places: Places) -> Matrix:
        """Transform rows of features. Raises InputError for a row of a group that is not known."""
        inside = values if self.kept.all() else values[:, self.kept]
        if len(self.groups.names) == 1 and self.groups.by == "all":
            scaled: Matrix = (inside - self.centre[0]) * self.factor[0]
            return scaled
        codes = self.groups.codes(places)
        by_group: Matrix = (inside - self.centre[codes]) * self.factor[codes]
        return by_group


def fit_scaling(options: ScalingOptions, seen: Matrix, places: Places) -> Scaling:
    """Fit a scaling on control rows.

    Raises InputError where no feature varies among them, or one does not and that is an error.
    """
    groups = Groups.of(places, options.by)
    codes = groups.codes(places)
    fits = [_location_and_spread(options, seen[codes == code]) for code in range(len(groups.names))]
    centre = np.stack([location for location, _ in fits])
    spread = np.stack([width for _, width in fits])
    largest = np.maximum(np.abs(seen).max(axis=0), 1.0)
    constant = spread <= _CONSTANT * largest
    kept = _kept(options, constant, groups)
    factor = 1 / np.where(constant, 1.0, spread)
    return Scaling(groups, centre[:, kept], factor[:, kept], kept)


def _kept(options: ScalingOptions, constant: npt.NDArray[np.bool_], groups: Groups) -> Mask:
    somewhere: Mask = np.logical_or.reduce(constant, axis=0)
    if not somewhere.any():
        return ~somewhere
    where = "" if groups.by == "all" else f" of some {groups.by}"
    said = f"{int(somewhere.sum())} of {len(somewhere)} features do not vary among the controls"
    if options.constant == "error":
        raise InputError(
            f"{said}{where}", mend=f"remove them, or set constant of the {options.name} to drop"
        )
    if options.constant == "keep":
        logger.warning("%s%s and are only centred there", said, where)
        return np.ones_like(somewhere)
    if somewhere.all():
        raise InputError(f"no feature varies among the controls{where}")
    logger.warning("%s%s and are dropped", said, where)
    return ~somewhere


def _location_and_spread(
    options: ScalingOptions, seen: Matrix
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    if isinstance(options, ZScoreOptions):
        if len(seen) <= options.ddof:
            return seen.mean(axis=0), np.zeros(seen.shape[1])
        return seen.mean(axis=0), seen.std(axis=0, ddof=options.ddof)
    if isinstance(options, RobustZOptions):
        middle = np.median(seen, axis=0)
        return middle, _MAD_TO_SIGMA * np.median(np.abs(seen - middle), axis=0)
    low, high = np.percentile(seen, (options.low, options.high), axis=0)
    return low, high - low
