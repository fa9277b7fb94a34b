"""What the fields of one channel say about its light.

A pixel's level is `dark + light * (ground + signal)`: the camera's dark level knows nothing of
light, while the ground (medium, haze) and the cells do. Two things are therefore looked at. The
dark end of the levels at each place, over all fields, is `dark + light * ground`; it is known to a
fraction of a grey level and shows the *shape* of the light, but not how much of it is dark level.
What stands above it is `light * signal`, free of the dark level, but cells differ. That both must
tell of the same light gives the dark level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phenovae.images.smoothing import Floats, surfaces, tiles

DEGREES = (2, 4, 6)

_DARK_END = 0.02
_TILES = (8, 10)
_ROUNDS = 4
_GROUPS = 6

# Of the logarithm of what stands above the ground: about half the spread of a cell's brightness
# among cells of a field, and the bisquare's usual distance in such spreads.
_SPREAD = 0.3
_BISQUARE = 4.685
_STEPS = 12
_DIM_FIELD = 4.0
_NOTHING = 1e-3  # grey levels; a mean of whole numbers is no closer to another


@dataclass(frozen=True)
class Reading:
    """Light as read off some fields, by coefficients of `smoothing.surfaces` beyond the first.

    `ground` is the mean level of the dark end, `shape` its coefficients [grey levels]; `relative`
    are those of the light itself, with mean 1, by what stands above; None where nothing does.
    """

    ground: float
    shape: Floats
    relative: Floats | None


@dataclass(frozen=True)
class Evidence:
    """A channel's light as all its fields tell it, with how far groups of fields disagree.

    Variances are those of one coefficient over all fields.
    """

    degree: int
    all_fields: Reading
    halves: tuple[Reading, Reading]
    shape_variance: float
    relative_variance: float


def read_light(values: Floats, degrees: Sequence[int] = DEGREES) -> Evidence | None:
    """Read the light off fields of blocks (field, height, width) [grey levels], four at least.

    Of `degrees` the lowest is taken that foretells fields which were held out as well as a higher
    one does. None where the fields are too small for any, or hold nothing brighter than their
    ground.
    """
    count = _GROUPS if len(values) >= 2 * _GROUPS else 2
    groups = [values[number::count] for number in range(count)]
    degree = _choose_degree(groups, degrees)
    if degree is None:
        return None
    terms = surfaces((values.shape[1], values.shape[2]), degree)
    whole = _read(values, terms)
    halves = (_read(values[0::2], terms), _read(values[1::2], terms))
    # Readings of all but a group stay close to that of all fields; a group by itself has too few
    # fields for its dark end, and would make it look less certain than it is.
    parts = [
        _read(np.concatenate([*groups[:number], *groups[number + 1 :]]), terms)
        for number in range(count)
    ]
    relative = [one.relative for one in (whole, *halves, *parts) if one.relative is not None]
    if len(relative) < 3 + count:
        return None
    return Evidence(
        degree=degree,
        all_fields=whole,
        halves=halves,
        shape_variance=_jackknife([part.shape for part in parts]),
        relative_variance=_jackknife(relative[3:]),
    )


def dark_quantile(values: Floats) -> float:
    """The level below which a fiftieth of values lies, as `numpy.quantile` tells it, to the bit.

    Its checks would take four times as long as all else that is done to tell the light of a plate.
    """
    place = _DARK_END * (values.size - 1)
    low = int(place)
    high = min(low + 1, values.size - 1)
    ordered = np.partition(values, (low, high), axis=None)
    below, above = float(ordered[low]), float(ordered[high])
    share = place - low
    if share >= 0.5:
        return above - (above - below) * (1 - share)
    return below + (above - below) * share


def _jackknife(parts: Sequence[Floats]) -> float:
    """Variance over all fields of readings that lack one group each, alike for all coefficients."""
    scatter = np.var(np.stack(parts), axis=0)
    return max(float(scatter.mean()) * (len(parts) - 1), 1e-12)


def _read(values: Floats, terms: Floats) -> Reading:
    coefficients = _dark_end(values, terms)
    above = values.reshape(len(values), -1) - terms @ coefficients
    return Reading(
        float(coefficients[0]), coefficients[1:], _light_of_what_stands_above(above, terms[:, 1:])
    )


def _dark_end(values: Floats, terms: Floats) -> Floats:
    """Coefficients of the smooth surface below which a small, fixed share of blocks lies.

    Quantiles of tiles are taken of what the surface leaves, so that the slope within a tile does
    not count as darkness.
    """
    shape = (values.shape[1], values.shape[2])
    places = tiles(shape, *_TILES)
    means = _of_tiles(terms, shape, places)
    coefficients = np.zeros(terms.shape[1])
    for _ in range(_ROUNDS):
        left = _tile_quantiles(values - (terms @ coefficients).reshape(shape), places)
        coefficients = coefficients + np.linalg.lstsq(means, left, rcond=None)[0]
    return coefficients


def _of_tiles(
    terms: Floats, shape: tuple[int, int], places: Sequence[tuple[slice, slice]]
) -> Floats:
    grid = terms.reshape(*shape, -1)
    return np.stack([grid[place].mean(axis=(0, 1)) for place in places])


def _tile_quantiles(values: Floats, places: Sequence[tuple[slice, slice]]) -> Floats:
    return np.array([dark_quantile(values[:, down, across]) for down, across in places])


def _light_of_what_stands_above(above: Floats, terms: Floats) -> Floats | None:
    """Coefficients of the light in what stands above the ground, (field, place).

    The logarithm of the cells' brightness, less a typical one for each field, is fitted by
    surfaces; Tukey's bisquare leaves out ground, half-covered blocks and debris, and a number of
    cells that is greater here than there does not count.
    """
    bright = _brightness(above)
    usable = bright > max(float(np.median(bright)) / _DIM_FIELD, _NOTHING)
    if not usable.any():
        return None
    above, bright = above[usable], bright[usable]
    with np.errstate(divide="ignore"):
        levels = np.log(np.maximum(above, 0.0))
    typical = np.log(bright)
    fitted = np.zeros(terms.shape[1])
    for _ in range(_STEPS):
        left = levels - typical[:, None] - terms @ fitted
        distance = left / (_BISQUARE * _SPREAD)
        weight = np.where(np.abs(distance) < 1, (1 - np.minimum(distance**2, 1)) ** 2, 0.0)
        left = np.where(weight > 0, left, 0.0)
        step = _weighted_step(left, weight, terms)
        if step is None:
            return None
        fitted = fitted + step[0]
        typical = typical + step[1]
    light = np.exp(terms @ fitted)
    relative: Floats = terms.T @ (light / light.mean()) / len(terms)
    return relative


def _brightness(above: Floats) -> Floats:
    """How bright the cells of each field are: the level at which half of all squares is reached.

    Squares let a few cells count for more than much faint ground.
    """
    ordered = np.sort(np.maximum(above, 0.0), axis=1)
    carried = np.cumsum(ordered**2, axis=1)
    middle = (carried < carried[:, -1:] / 2).sum(axis=1)
    return np.asarray(ordered[np.arange(len(above)), middle])


def _weighted_step(left: Floats, weight: Floats, terms: Floats) -> tuple[Floats, Floats] | None:
    """Weighted least squares of surfaces with an own level for each field; both steps."""
    total = np.maximum(weight.sum(axis=1), 1e-9)
    of_terms = weight @ terms
    of_left = (weight * left).sum(axis=1)
    normal = (terms * weight.sum(axis=0)[:, None]).T @ terms
    normal -= of_terms.T @ (of_terms / total[:, None])
    wanted = (weight * left).sum(axis=0) @ terms - of_terms.T @ (of_left / total)
    try:
        fitted = np.linalg.solve(normal, wanted)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(fitted).all():
        return None
    return fitted, (of_left - of_terms @ fitted) / total


def _choose_degree(groups: Sequence[Floats], degrees: Sequence[int]) -> int | None:
    """The lowest degree that a higher one does not beat on groups that were held out."""
    shape = (groups[0].shape[1], groups[0].shape[2])
    places = tiles(shape, *_TILES)
    possible = [degree for degree in sorted(degrees) if (degree + 1) * (degree + 2) < len(places)]
    chosen = possible[0] if possible else None
    best: npt.NDArray[np.float64] | None = None
    for degree in possible:
        terms = surfaces(shape, degree)
        found = [_dark_end(group, terms) for group in groups]
        errors = []
        for number, group in enumerate(groups):
            others = np.mean([one for n, one in enumerate(found) if n != number], axis=0)
            left = _tile_quantiles(group - (terms @ others).reshape(shape), places)
            errors.append((left - left.mean()) ** 2)
        error = np.concatenate(errors)
        if best is None:
            best = error
            continue
        gain = best - error
        if gain.mean() > 2 * gain.std() / np.sqrt(len(gain)):
            chosen, best = degree, error
    return chosen
