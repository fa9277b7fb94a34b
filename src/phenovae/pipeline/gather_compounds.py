"""A few cells of every dose of every compound, painted beside those of negative controls."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.cells.store import CellStore
from phenovae.figures.colours import composite, in_order
from phenovae.figures.crops import GAMMA
from phenovae.report.compound_content import (
    CompoundContent,
    CompoundsContent,
    DoseContent,
    Painted,
)
from phenovae.screen.sites import Role, concentration_key

_LEVELS = (1.0, 99.8)
_FOR_LEVELS = 48
_LARGEST = 96  # px: larger crops are shown as means of blocks
_SCALED = (
    f"Each channel runs from the {_LEVELS[0]:g}st to the {_LEVELS[1]:g}th percentile of {{what}}, "
    f"so that a treatment is as bright beside {{beside}} as it was on the plate; gamma {GAMMA:g}"
)

Rows = npt.NDArray[np.int64]


def gather_compounds(store: CellStore, shown: int) -> CompoundsContent:
    """Every compound of a store with at most `shown` unflagged cells of each dose.

    The cells are spread evenly over those of the dose in the store, which lie well by well: nobody
    chose them.
    """
    table = store.table
    good = table.loc[table["Quality_Flag"] == ""]
    treated = good.loc[good["Metadata_Role"] != str(Role.NEGATIVE_CONTROL)]
    controls = good.loc[good["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)]
    painter = _Painter(store, controls if len(controls) else good)
    found = [
        _compound(painter, str(name), group, controls, shown)
        for name, group in _by_compound(treated)
    ]
    what = "the negative controls of its plate" if len(controls) else "all cells of its plate"
    beside = "the controls" if len(controls) else "others"
    return CompoundsContent(found, store.channels, _SCALED.format(what=what, beside=beside))


def _by_compound(treated: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    groups = {str(name): group for name, group in treated.groupby("Metadata_Compound", sort=False)}
    for name in sorted(in_order(list(groups)), key=str.casefold):
        if name:
            yield name, groups[name]


def _compound(
    painter: _Painter, name: str, group: pd.DataFrame, controls: pd.DataFrame, shown: int
) -> CompoundContent:
    doses = group["Metadata_Concentration"].map(concentration_key)
    found = []
    for dose in sorted(set(doses)):
        here = group.loc[doses == dose]
        wells = len(here[["Metadata_Plate", "Metadata_Well"]].drop_duplicates())
        found.append(DoseContent(dose, wells, len(here), painter.paint(here, shown)))
    known = group["Metadata_MoA"].dropna()
    # The plate with most of its cells, the first by name where several have as many.
    counts = group["Metadata_Plate"].value_counts()
    ranked = sorted(counts.items(), key=lambda each: (-int(each[1]), str(each[0])))
    plate = next((str(p) for p, _ in ranked if (controls["Metadata_Plate"] == p).any()), "")
    beside = controls.loc[controls["Metadata_Plate"] == plate]
    return CompoundContent(
        compound=name,
        mechanism=str(known.iloc[0]) if len(known) else "",
        batches=tuple(in_order([str(each) for each in group["Metadata_Batch"]])),
        plates=int(group["Metadata_Plate"].nunique()),
        doses=found,
        controls=painter.paint(beside, shown),
        control=str(beside["Metadata_Compound"].iloc[0]) if len(beside) else "",
        beside=plate,
    )


class _Painter:
    """Paints crops of a store, each as bright as its plate asks for."""

    def __init__(self, store: CellStore, reference: pd.DataFrame) -> None:
        self._store = store
        self._reference = reference
        self._limits: dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]] = {}

    def paint(self, rows: pd.DataFrame, count: int) -> Painted:
        """At most `count` of these rows, spread evenly: (n, height, width, 3)."""
        chosen = rows.iloc[spread(len(rows), count)]
        crops = _small(self._store.read(chosen.index.to_numpy(dtype=np.int64)))
        painted = np.zeros((*crops.shape[:1], *crops.shape[2:], 3), np.uint8)
        for number, plate in enumerate(chosen["Metadata_Plate"]):
            low, high = self._levels(str(plate))
            scaled = (crops[number] - low[:, None, None]) / (high - low)[:, None, None]
            colours = composite(
                np.clip(scaled, 0, 1)[None], self._store.channels, np.ones(len(low)), GAMMA
            )
            painted[number] = np.round(255 * colours[0])
        return painted

    def _levels(self, plate: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The grey levels of each channel shown as black and at full brightness."""
        if plate not in self._limits:
            of_plate = self._reference.loc[self._reference["Metadata_Plate"] == plate]
            rows = of_plate if len(of_plate) else self._reference
            chosen = rows.iloc[spread(len(rows), _FOR_LEVELS)].index.to_numpy(dtype=np.int64)
            values = np.moveaxis(self._store.read(chosen).astype(np.float64), 1, 0)
            flat = values.reshape(values.shape[0], -1)
            low, high = np.percentile(flat, _LEVELS, axis=1)
            self._limits[plate] = low, np.maximum(high, low + 1.0)
        return self._limits[plate]


def spread(count: int, wanted: int) -> Rows:
    """At most `wanted` of so many places, evenly from first to last."""
    places: Rows = np.linspace(0, count - 1, min(wanted, count)).round().astype(np.int64)
    return places


def _small(crops: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """Crops no larger than a report bears."""
    values: npt.NDArray[np.float64] = crops.astype(np.float64)
    height, width = values.shape[-2:]
    block = -(-max(height, width) // _LARGEST)
    if block == 1:
        return values
    cut = values[..., : height // block * block, : width // block * block]
    means: npt.NDArray[np.float64] = cut.reshape(
        *values.shape[:2], height // block, block, width // block, block
    ).mean(axis=(3, 5))
    return means
