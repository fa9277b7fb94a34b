"""The camera's dark level, as far as the light in its channels tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from phenovae.images.illumination_fit import Evidence, Reading
from phenovae.images.smoothing import Floats

_COUNT = 300
_ALIKE = 0.05
_TRUST = 0.9
_NO_GROUND = 1e-6


@dataclass(frozen=True)
class DarkLevels:
    """Dark levels that a channel may have, and how likely each is; they add up to 1."""

    levels: Floats
    weights: Floats


def dark_levels(evidence: Mapping[str, Evidence], known: float | None) -> dict[str, DarkLevels]:
    """The dark levels that each channel of a plate may have.

    What one channel tells counts for the others too, since the camera is the same, unless they
    contradict it. `known` is the level where the user gives it.
    """
    if known is not None:
        return {
            name: _certain(min(known, 0.99 * one.all_fields.ground))
            for name, one in evidence.items()
        }
    lit = {name: one for name, one in evidence.items() if one.all_fields.ground > _NO_GROUND}
    together = {name: _certain(0.0) for name in evidence}
    if not lit:
        return together
    alone = {name: _alone(one) for name, one in lit.items()}
    common = np.unique(np.concatenate([one.levels for one in alone.values()]))
    spread = _ALIKE * min(one.all_fields.ground for one in lit.values())
    views = {name: _near(common, one.levels, spread) @ one.weights for name, one in alone.items()}
    for name, one in alone.items():
        others = [view for other, view in views.items() if other != name]
        agreed = np.prod([np.ones(len(common)), *others], axis=0)
        prior = _near(one.levels, common, spread) @ (agreed * _widths(common))
        usual = float(prior @ _widths(one.levels)) / float(np.ptp(one.levels))
        believed = _TRUST * prior / usual + 1 - _TRUST if usual > 0 else np.ones(len(prior))
        weights = one.weights * believed
        together[name] = DarkLevels(one.levels, weights / weights.sum())
    return together


def _certain(level: float) -> DarkLevels:
    return DarkLevels(np.array([level]), np.ones(1))


def _near(there: Floats, here: Floats, spread: float) -> Floats:
    """How near levels lie to levels, (there, here), as a normal of this spread falls off."""
    near: Floats = np.exp(-0.5 * ((there[:, None] - here[None, :]) / spread) ** 2)
    return near


def _widths(levels: Floats) -> Floats:
    return np.asarray(np.gradient(levels))


def _alone(evidence: Evidence) -> DarkLevels:
    """How likely each dark level is by the channel itself, all being as likely before."""
    ground = evidence.all_fields.ground
    # dense near the ground, where a small step means the most
    levels = ground - np.geomspace(ground, 1e-4 * ground, _COUNT)
    support = np.array([_support(evidence, level) for level in levels])
    weights = np.exp(support - support.max()) * _widths(levels)
    return DarkLevels(levels, weights / weights.sum())


def _precision(evidence: Evidence, level: float) -> tuple[float, float, float]:
    """What a unit of light does to the dark end, and the weights of both readings of it."""
    lift = evidence.all_fields.ground - level
    return lift, lift / evidence.shape_variance, 1 / evidence.relative_variance


def joint_light(reading: Reading, evidence: Evidence, level: float) -> tuple[Floats, float]:
    """Coefficients of the light by both readings, given the dark level, and their precision."""
    lift, of_shape, of_relative = _precision(evidence, level)
    precision = lift * of_shape + of_relative
    relative = reading.relative if reading.relative is not None else np.zeros(len(reading.shape))
    return (reading.shape * of_shape + relative * of_relative) / precision, precision


def _support(evidence: Evidence, level: float) -> float:
    """Log likelihood of a dark level, up to a constant: how well both readings go together."""
    joint, precision = joint_light(evidence.all_fields, evidence, level)
    return float((joint**2).sum() * precision / 2)
