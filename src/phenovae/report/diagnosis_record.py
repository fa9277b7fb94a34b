"""Numbers out of the record of a model's test, which may lack any of them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from phenovae.report.facts import listed

Told = Mapping[str, object]


def all_of(part: Told, *keys: str) -> tuple[float, ...] | None:
    """The numbers of these keys; None where one is missing."""
    found = [part.get(key) for key in keys]
    known = tuple(float(value) for value in found if isinstance(value, int | float))
    return known if len(known) == len(keys) else None


def numbers(part: Told, key: str) -> list[float]:
    """A list of numbers; empty where one of them is none."""
    values = listed(part.get(key))
    known = [float(value) for value in values if isinstance(value, int | float)]
    return known if len(known) == len(values) else []


def level_at(levels: list[float], wanted: float) -> int | None:
    """Where in the levels the wanted one stands."""
    return next((n for n, level in enumerate(levels) if math.isclose(level, wanted)), None)
