"""Transforms in order, each fitted on controls alone, or on what stands in for them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Annotated, Protocol

from pydantic import BeforeValidator, Field

from phenovae.base.errors import InputError
from phenovae.profiles.control_rows import FEW, ControlRows
from phenovae.profiles.coral import CoralOptions, fit_coral
from phenovae.profiles.factors import FactorOptions, fit_factors
from phenovae.profiles.features import Mask, Matrix
from phenovae.profiles.harmony import HarmonyOptions
from phenovae.profiles.places import By, Groups, Places
from phenovae.profiles.scaling import (
    PercentileOptions,
    RobustZOptions,
    ZScoreOptions,
    fit_scaling,
)
from phenovae.profiles.sphering import SphereOptions, fit_sphering

logger = logging.getLogger(__name__)


def _current_name(given: object) -> object:
    # Protocols written before the other forms of sphering had `whiten` for its PCA form.
    if isinstance(given, dict) and given.get("name") == "whiten":
        return {**given, "name": "sphere"}
    return given


ControlTransform = (
    ZScoreOptions
    | RobustZOptions
    | PercentileOptions
    | SphereOptions
    | CoralOptions
    | FactorOptions
)
"""Transforms that are fitted on controls. Harmony alone is fitted on all rows."""

TransformOptions = Annotated[
    Annotated[ControlTransform | HarmonyOptions, Field(discriminator="name")],
    BeforeValidator(_current_name),
]


class Fitted(Protocol):
    """A transform that is fitted: rows in, rows out."""

    @property
    def kept(self) -> Mask:
        """Features that the transform uses (features in,)."""

    @property
    def mixes(self) -> bool:
        """Whether what comes out are no longer the kept features, but mixtures of them."""

    @property
    def outputs(self) -> int:
        """How many features come out."""

    def apply(self, values: Matrix, places: Places) -> Matrix:
        """Transform rows (rows, features in) of these places."""


def fit(options: ControlTransform, seen: ControlRows) -> Fitted:
    """Fit one transform on control rows; no other row is looked at.

    Raises InputError where there are fewer than two, or they do not vary.
    """
    if len(seen) < 2:
        raise InputError(
            f"{len(seen)} control rows cannot fit a transform",
            mend="the screen needs negative controls, or a protocol without transforms",
        )
    if isinstance(options, CoralOptions):
        return fit_coral(options, seen)
    if isinstance(options, SphereOptions):
        _tell_few(options.name, "all", seen.places)
        return fit_sphering(options, seen)
    if isinstance(options, FactorOptions):
        _tell_few(options.name, "all", seen.places)
        return fit_factors(options, seen)
    _tell_few(options.name, options.by, seen.places)
    return fit_scaling(options, seen)


def transformed(seen: ControlRows, name: str, by: Fitted) -> ControlRows:
    """Control rows as a transform leaves them, a block at a time."""

    def read() -> Iterator[Matrix]:
        for places, values in seen.blocks():
            yield by.apply(values, places)

    return ControlRows(read, seen.places, names_after(seen.names, name, by))


def names_after(names: tuple[str, ...], name: str, by: Fitted) -> tuple[str, ...]:
    """Names of the features that come out of a transform."""
    if by.mixes:
        return tuple(f"{name} {number}" for number in range(by.outputs))
    return tuple(each for each, kept in zip(names, by.kept, strict=True) if kept)


def apply_in_order(fitted: Sequence[Fitted], values: Matrix, places: Places) -> Matrix:
    """Transform rows by all transforms in their order."""
    for each in fitted:
        values = each.apply(values, places)
    return values


def _tell_few(name: str, by: By, places: Places) -> None:
    groups = Groups.of(places, by)
    sizes = groups.sizes(places)
    few = int((sizes < FEW).sum())
    if not few:
        return
    smallest = int(sizes.argmin())
    of = "" if by == "all" else f" of {by} {groups.names[smallest]}"
    more = f", and fewer than {FEW} in {few - 1} more" if few > 1 else ""
    logger.warning("only %d controls%s fit the %s%s", sizes[smallest], of, name, more)
