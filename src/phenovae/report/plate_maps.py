"""Maps of plates: how many cells every well has, and how much of it was left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.figures.colours import in_order
from phenovae.figures.plates import plate_format
from phenovae.report.content import ReportContent
from phenovae.report.facts import percent, plural
from phenovae.report.tables import Table
from phenovae.screen.sites import Role
from phenovae.screen.wells import row_and_column, well_name

WELL_COLUMNS = (
    "Metadata_Plate", "Metadata_Well", "Batch", "Treatment", "Role", "Cells", "Cells_Flagged",
    "Noise", "Fields", "Fields_Flagged",
)  # fmt: skip
"""What is known of a well; Noise may be NaN, and fields are missing where none were looked at."""

SHADES = 9
_SIDES = {8: 15, 16: 8, 32: 5}  # px of a well, by the most rows of plates drawn so
_LABELS = 14
_LEAST_TOP = 0.05  # of a share: below, the darkest shade would make much of little
_OPEN = 8
_USUAL, _FAR = 0.95, 3.0


@dataclass(frozen=True)
class WellPlace:
    """A well on its map: where [px], its shade by number (None: nothing is known), and words."""

    x: int
    y: int
    shade: int | None
    control: bool
    title: str


@dataclass(frozen=True)
class PlateMap:
    """One plate by one measure: its wells, and their range in words."""

    plate: str
    alt: str
    wells: Sequence[WellPlace]
    rows: Sequence[tuple[int, str]]
    columns: Sequence[tuple[int, str]]
    side: int
    width: int
    height: int


@dataclass(frozen=True)
class Measured:
    """All plates by one measure, with what the lightest and the darkest shade stand for."""

    name: str
    caption: str
    least: str
    most: str
    plates: Sequence[PlateMap]
    more: Sequence[PlateMap]


@dataclass(frozen=True)
class PlatePart:
    """The section on plates: maps by measure, the plates in numbers, what has no place."""

    measures: Sequence[Measured]
    table: Table
    missing: Sequence[str]


@dataclass(frozen=True)
class _Measure:
    name: str
    caption: str
    values: pd.Series
    low: float
    high: float
    text: Callable[[float], str]


def plate_part(content: ReportContent) -> PlatePart | None:
    """Maps of all plates; None where nothing is known of wells."""
    wells = content.wells
    if not len(wells):
        return None
    places = [_place(str(well)) for well in wells["Metadata_Well"]]
    lost = sorted(
        {str(w) for w, at in zip(wells["Metadata_Well"], places, strict=True) if at is None}
    )
    missing = (
        [f"Wells of such names have no place on a map: {', '.join(lost[:5])}."] if lost else []
    )
    known = wells.assign(
        Row=[at[0] if at else -1 for at in places], Column=[at[1] if at else -1 for at in places]
    )
    known = known.loc[known["Row"] >= 0]
    measures = [_map(each, known) for each in _measures(known, content)] if len(known) else []
    return PlatePart(measures, _table(wells, content), missing)


def _place(well: str) -> tuple[int, int] | None:
    try:
        return row_and_column(well)
    except InputError:
        return None


def _measures(wells: pd.DataFrame, content: ReportContent) -> list[_Measure]:
    unit = content.unit
    cells = wells["Cells"].astype(float)
    total = plural(int(cells.sum()), unit)
    found = [
        _Measure(
            f"{unit.capitalize()}s a well",
            f"{total} that were kept, by well.",
            cells,
            0.0,
            _top(cells),
            lambda value: plural(int(value), unit),
        )
    ]
    if wells["Fields"].notna().any():
        share = wells["Fields_Flagged"].astype(float) / wells["Fields"].astype(float)
        kept = content.fields is not None and content.fields.flagged_kept
        what = f"fields {'flagged' if kept else 'thrown out'}"
        of = plural(int(wells["Fields"].sum()), "field")
        gone = int(wells["Fields_Flagged"].sum())
    else:
        all_cells = cells + wells["Cells_Flagged"].astype(float)
        share = wells["Cells_Flagged"].astype(float) / all_cells.where(all_cells > 0)
        what = "crops flagged and left out"
        of, gone = plural(int(all_cells.sum()), "crop"), int(wells["Cells_Flagged"].sum())
    if gone:
        found.append(
            _Measure(
                f"{what.capitalize()}",
                f"The share of a well’s {what}: {gone:,} of {of} in all.",
                share,
                0.0,
                max(float(share.max()), _LEAST_TOP),
                lambda value: percent(value, 0),
            )
        )
    noise = wells["Noise"].astype(float)
    if noise.notna().any():
        low, high = float(noise.min()), float(noise.max())
        found.append(
            _Measure(
                "Noise of crops",
                f"The share of noise in the variance of a crop’s clearest channel, the median of a "
                f"well’s {unit}s; {total}.",
                noise,
                low,
                max(high, low + 1e-6),
                lambda value: percent(value),
            )
        )
    return found


def _top(values: pd.Series) -> float:
    """What the darkest shade stands for: the most, unless a few wells lie far above the others."""
    most, usual = float(values.max()), float(values.quantile(_USUAL))
    return max(most if most <= _FAR * usual or not usual else float(np.ceil(usual)), 1.0)


def _map(measure: _Measure, wells: pd.DataFrame) -> Measured:
    told = wells.assign(Value=measure.values)
    groups = {str(plate): group for plate, group in told.groupby("Metadata_Plate", sort=False)}
    rows, columns = plate_format([str(well) for well in told["Metadata_Well"]])
    side = next(px for most, px in _SIDES.items() if rows <= most)
    size = (rows, columns, side)
    drawn = [_plate(name, groups[name], measure, size) for name in in_order(list(groups))]
    return Measured(
        measure.name,
        measure.caption,
        measure.text(measure.low),
        measure.text(measure.high) + (" or more" if told["Value"].max() > measure.high else ""),
        drawn[:_OPEN],
        drawn[_OPEN:],
    )


def _plate(
    name: str, wells: pd.DataFrame, measure: _Measure, size: tuple[int, int, int]
) -> PlateMap:
    rows, columns, side = size
    every = 1 if side > 10 else 4
    places = []
    for well in wells.sort_values(["Row", "Column"]).to_dict("records"):
        value = float(well["Value"])
        known = np.isfinite(value)
        words = measure.text(value) if known else "not known"
        places.append(
            WellPlace(
                _LABELS + int(well["Column"]) * side,
                _LABELS + int(well["Row"]) * side,
                _shade(value, measure) if known else None,
                well["Role"] == str(Role.NEGATIVE_CONTROL),
                f"{well['Metadata_Well']}: {well['Treatment']}; {words}",
            )
        )
    values = wells["Value"].astype(float).dropna()
    span = (
        f"from {measure.text(float(values.min()))} to {measure.text(float(values.max()))}, "
        f"median {measure.text(float(values.median()))}"
        if len(values)
        else "nothing is known"
    )
    return PlateMap(
        name,
        f"{measure.name}, plate {name}, {plural(len(wells), 'well')}: {span}",
        places,
        [
            (_LABELS + row * side + side // 2, well_name(row, 0)[:-2])
            for row in range(0, rows, every)
        ],
        [
            (_LABELS + column * side + side // 2, f"{column + 1}")
            for column in range(0, columns, every if every > 1 else 2)
        ],
        side,
        _LABELS + columns * side,
        _LABELS + rows * side,
    )


def _shade(value: float, measure: _Measure) -> int:
    share = (value - measure.low) / (measure.high - measure.low)
    return int(np.clip(np.floor(share * SHADES), 0, SHADES - 1))


def _table(wells: pd.DataFrame, content: ReportContent) -> Table:
    """The plates in numbers, for who cannot see the maps."""
    fields = bool(wells["Fields"].notna().any())
    groups = {str(plate): group for plate, group in wells.groupby("Metadata_Plate", sort=False)}
    rows = []
    for name in in_order(list(groups)):
        here = groups[name]
        cells = here["Cells"].astype(int)
        row = [
            name,
            ", ".join(in_order([str(each) for each in here["Batch"]])),
            f"{len(here):,}",
            f"{int(cells.sum()):,}",
            f"{int(cells.min()):,} to {int(cells.max()):,}",
            f"{cells.median():,.0f}",
            f"{int(here['Cells_Flagged'].sum()):,}",
        ]
        if fields:
            row.append(f"{int(here['Fields_Flagged'].sum()):,} of {int(here['Fields'].sum()):,}")
        rows.append(tuple(row))
    unit = content.unit
    columns = [
        "plate", "batch", "wells", f"{unit}s", f"{unit}s a well", "median", "crops flagged",
    ]  # fmt: skip
    if fields:
        columns.append("fields flagged")
    return Table(
        f"{plural(len(rows), 'plate')}, with {plural(len(wells), 'well')}, in numbers",
        tuple(columns),
        rows,
        frozenset(range(2, len(columns))),
    )
