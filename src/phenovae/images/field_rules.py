"""The rules by which a field of a plate counts as failed, one for each flag.

A rule gives the row of each field that it finds, the flag and a sentence that says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.images.field_measures import measure_name
from phenovae.images.options import FieldQualityOptions

NOISE = "noise"
OUT_OF_FOCUS = "out_of_focus"
SATURATED = "saturated"
EMPTY = "empty"
DEBRIS = "debris"
CELL_COUNT = "cell_count"
FLAGS = (NOISE, OUT_OF_FOCUS, SATURATED, EMPTY, DEBRIS, CELL_COUNT)

_DEVIATIONS = 1.4826
_LEAST_SPREAD = 0.03
_CLEARER = 5.0
_BLURRED_TOO = 0.9
_OUTSTANDING = 2.0
_SHARP = 10.0

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


Finding = tuple[int, str, str]


@dataclass(frozen=True)
class _Usual:
    """What is usual of a measure: `median`, and how many robust deviations each field lies off."""

    median: float
    deviations: Values
    words: str

    def ratio(self, values: Values) -> Values:
        """Values as parts of the median."""
        return values / self.median if self.median > 0 else np.full(len(values), np.nan)


@dataclass(frozen=True)
class Plate:
    """Measures of the fields of a plate: one row a field.

    `counts` are numbers of nuclei, NaN where unknown; `reference` says which fields are of
    negative controls.
    """

    table: pd.DataFrame
    channels: Sequence[str]
    counts: Values
    reference: Mask
    options: FieldQualityOptions

    def values(self, measure: str, channel: str) -> Values:
        """A measure of a channel, (field,)."""
        return self.table[measure_name(measure, channel)].to_numpy(np.float64, na_value=np.nan)

    def usual(self, values: Values) -> _Usual | None:
        """What is usual among these positive values, by their logarithms; None where too few."""
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(values)
        logs[~np.isfinite(logs)] = np.nan
        for mask, whose in ((self.reference, "negative controls"), (None, "fields")):
            chosen = logs if mask is None else logs[mask]
            chosen = chosen[np.isfinite(chosen)]
            if len(chosen) >= self.options.fields:
                middle = float(np.median(chosen))
                spread = _DEVIATIONS * float(np.median(np.abs(chosen - middle)))
                off = (logs - middle) / max(spread, _LEAST_SPREAD)
                words = f"the plate's median of {len(chosen)} {whose}"
                return _Usual(float(np.exp(middle)), off, words)
        return None


def _noise(plate: Plate, _nuclei: str | None) -> list[Finding]:
    options = plate.options
    found: list[Finding] = []
    for channel in plate.channels:
        levels, shares = plate.values("Noise", channel), plate.values("NoiseShare", channel)
        usual, usual_share = plate.usual(levels), plate.usual(shares)
        if usual is None or usual_share is None:
            continue
        ratio = usual.ratio(levels)
        loud = (ratio > options.noise) & (usual.deviations > options.deviations)
        loud &= usual_share.ratio(shares) > max(options.noise, _CLEARER)
        found += [
            (int(row), NOISE, f"noise in {channel} is {ratio[row]:.1f} times {usual.words}")
            for row in np.flatnonzero(loud)
        ]
    clearest = _across(plate, "NoiseShare", np.fmin)
    taken = {row for row, _, _ in found}
    return found + [
        (
            int(row),
            NOISE,
            f"noise makes up {clearest[row]:.0%} of the variance even in the clearest channel",
        )
        for row in np.flatnonzero((clearest > options.noise_share) & ~_nothing_seen(plate))
        if row not in taken
    ]


def _across(plate: Plate, measure: str, choose: np.ufunc) -> Values:
    """The least or greatest of a measure over the channels that a field has; NaN without any."""
    result = np.full(len(plate.table), np.nan)
    for channel in plate.channels:
        result = choose(result, plate.values(measure, channel))
    return result


def _focus(plate: Plate, nuclei: str | None) -> list[Finding]:
    options = plate.options
    ratios: dict[str, Values] = {}
    low: dict[str, Mask] = {}
    reasons: dict[str, list[str]] = {}
    for channel in plate.channels:
        focus = plate.values("Focus", channel)
        usual = plate.usual(focus)
        if usual is None:
            continue
        ratios[channel] = usual.ratio(focus)
        low[channel] = (usual.deviations < -options.deviations) & (ratios[channel] < options.focus)
        reasons[channel] = [
            f"focus of {channel} is {value:.1f}, {-off:.1f} deviations below {usual.words}, "
            f"{usual.median:.1f}"
            for value, off in zip(focus, usual.deviations, strict=True)
        ]
    found: list[Finding] = []
    for row in np.flatnonzero(~_nothing_seen(plate)).tolist():
        there = {name: float(ratio[row]) for name, ratio in ratios.items() if ratio[row] > 0}
        blurred = [name for name in there if low[name][row]]
        leading = [nuclei] if nuclei is not None and nuclei in there else list(there)
        others = [ratio for name, ratio in there.items() if name not in leading]
        # out of focus is the whole field; one stain alone may look different for a treatment
        alike = not others or float(np.median(others)) < _BLURRED_TOO
        if leading and set(leading) <= set(blurred) and alike:
            found.append((row, OUT_OF_FOCUS, reasons[leading[0]][row]))
        elif nuclei is not None and _unsharp(plate, nuclei, row) and not _sharp(plate, nuclei, row):
            value = plate.values("Focus", nuclei)[row]
            found.append(
                (
                    row,
                    OUT_OF_FOCUS,
                    f"focus of {nuclei} is {value:.2f}, below the {options.focus_of_nuclei:g} that "
                    "sharp nuclei have",
                )
            )
    return found


def _sharp(plate: Plate, nuclei: str, row: int) -> bool:
    """Whether another stain has edges that no field out of focus has, whatever is usual."""
    others = [name for name in plate.channels if name != nuclei]
    return any(plate.values("Focus", name)[row] > _SHARP for name in others)


def _unsharp(plate: Plate, nuclei: str, row: int) -> bool:
    """Whether nuclei of this field are below the bound that holds for any plate."""
    options = plate.options
    large = plate.values("Size", nuclei)[row] > options.size_of_nuclei
    seen = plate.values("Contrast", nuclei)[row] > options.contrast
    return bool(large and seen and plate.values("Focus", nuclei)[row] < options.focus_of_nuclei)


def _saturated(plate: Plate, _nuclei: str | None) -> list[Finding]:
    found: list[Finding] = []
    for channel in plate.channels:
        share = plate.values("Saturated", channel)
        found += [
            (int(row), SATURATED, f"{share[row]:.1%} of the pixels of {channel} are saturated")
            for row in np.flatnonzero(share > plate.options.saturated)
        ]
    return found


def _nothing_seen(plate: Plate) -> Mask:
    return np.asarray(_across(plate, "Contrast", np.fmax) < plate.options.contrast)


def _empty(plate: Plate, _nuclei: str | None) -> list[Finding]:
    clearest = _across(plate, "Contrast", np.fmax)
    return [
        (
            int(row),
            EMPTY,
            f"nothing stands further above the median than {clearest[row]:.1f} standard "
            "deviations of the noise, in any channel",
        )
        for row in np.flatnonzero(_nothing_seen(plate))
    ]


def _debris(plate: Plate, _nuclei: str | None) -> list[Finding]:
    found: list[Finding] = []
    for channel in plate.channels:
        size = _diameters(plate, channel)
        reasons: dict[int, str] = {}
        for measure, unit, bound, words in (
            ("DebrisLength", size, plate.options.debris_length, "times as long as its structures"),
            ("DebrisArea", size**2, plate.options.debris_area, "times as large as its structures"),
        ):
            values = plate.values(measure, channel) / unit
            usual = plate.usual(values)
            # where every field has such regions, they are no debris
            high = np.ones(len(values), bool)
            if usual is not None:
                high = usual.ratio(values) > _OUTSTANDING
            for row in np.flatnonzero((values > bound) & high).tolist():
                reasons.setdefault(
                    row,
                    f"in {channel} something far brighter than cells is {values[row]:.0f} {words}",
                )
        found += [(row, DEBRIS, reason) for row, reason in reasons.items()]
    return found


def _diameters(plate: Plate, channel: str) -> Values:
    """Diameter of a channel's structures [px], (field,): the usual one, which debris cannot change.

    Where too few fields say what is usual, each field's own.
    """
    sizes = plate.values("Size", channel)
    usual = plate.usual(sizes)
    return 2 * (sizes if usual is None else np.full(len(sizes), usual.median))


def _cell_count(plate: Plate, _nuclei: str | None) -> list[Finding]:
    counts = plate.counts
    usual = plate.usual(counts)
    found: list[Finding] = [
        (int(row), CELL_COUNT, "no nucleus was found") for row in np.flatnonzero(counts == 0)
    ]
    if usual is None:
        return found
    options = plate.options
    ratio = usual.ratio(counts)
    many = (usual.deviations > options.deviations) & (ratio > options.many_cells)
    few = (usual.deviations < -options.deviations) & (ratio < options.few_cells) & plate.reference
    return found + [
        (
            int(row),
            CELL_COUNT,
            f"{counts[row]:.0f} nuclei, {ratio[row]:.2g} times {usual.words}, {usual.median:.0f}",
        )
        for row in np.flatnonzero((many | few) & (counts > 0))
    ]


RULES: tuple[Callable[[Plate, str | None], list[Finding]], ...] = (
    _noise,
    _focus,
    _saturated,
    _empty,
    _debris,
    _cell_count,
)
