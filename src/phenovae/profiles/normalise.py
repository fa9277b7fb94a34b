"""Transforms in order, each fitted on controls alone, or on what stands in for them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Annotated, Protocol

import numpy as np
from pydantic import BeforeValidator, Field

from phenovae.base.errors import InputError
from phenovae.profiles.coral import CoralOptions, fit_coral
from phenovae.profiles.factors import FactorOptions, fit_factors
from phenovae.profiles.features import Mask, Matrix
from phenovae.profiles.places import Groups, Places
from phenovae.profiles.scaling import (
    PercentileOptions,
    RobustZOptions,
    ZScoreOptions,
    fit_scaling,
)
from phenovae.profiles.sphering import SphereOptions, fit_sphering

logger = logging.getLogger(__name__)

_FEW = 20


def _current_name(given: object) -> object:
    # Protocols written before the other forms of sphering had `whiten` for its PCA form.
    if isinstance(given, dict) and given.get("name") == "whiten":
        return {**given, "name": "sphere"}
    return given


TransformOptions = Annotated[
    Annotated[
        ZScoreOptions
        | RobustZOptions
        | PercentileOptions
        | SphereOptions
        | CoralOptions
        | FactorOptions,
        Field(discriminator="name"),
    ],
    BeforeValidator(_current_name),
]


class Fitted(Protocol):
    """A transform that is fitted: rows in, rows out. `kept` are the features that it uses."""

    @property
    def kept(self) -> Mask:
        """Features that the transform uses (features in,)."""

    def apply(self, values: Matrix, places: Places) -> Matrix:
        """Transform rows (rows, features in) of these places."""


def fit(options: TransformOptions, seen: Matrix, places: Places) -> Fitted:
    """Fit one transform on control rows; no other row is looked at.

    Raises InputError where there are fewer than two, or they do not vary.
    """
    if len(seen) < 2:
        raise InputError(
            f"{len(seen)} control rows cannot fit a transform",
            mend="the screen needs negative controls, or a protocol without transforms",
        )
    by = getattr(options, "by", "all")
    smallest = _fewest(places, by)
    if smallest < _FEW and not isinstance(options, CoralOptions):
        of = "" if by == "all" else f" of a {by}"
        logger.warning("only %d controls%s fit the %s", smallest, of, options.name)
    if isinstance(options, SphereOptions):
        return fit_sphering(options, seen)
    if isinstance(options, CoralOptions):
        return fit_coral(options, seen, places)
    if isinstance(options, FactorOptions):
        return fit_factors(options, seen)
    return fit_scaling(options, seen, places)


def fit_in_order(
    transforms: Sequence[TransformOptions], seen: Matrix, places: Places
) -> list[Fitted]:
    """Fit transforms one after the other, each on the controls as those before it left them."""
    fitted: list[Fitted] = []
    for options in transforms:
        fitted.append(fit(options, seen, places))
        seen = fitted[-1].apply(seen, places)
    return fitted


def apply_in_order(fitted: Sequence[Fitted], values: Matrix, places: Places) -> Matrix:
    """Transform rows by all transforms in their order."""
    for each in fitted:
        values = each.apply(values, places)
    return values


def _fewest(places: Places, by: str) -> int:
    if by == "all":
        return len(places)
    groups = Groups.of(places, "plate" if by == "plate" else "batch")
    return int(np.bincount(groups.codes(places)).min())
