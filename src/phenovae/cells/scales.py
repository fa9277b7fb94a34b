"""Grey levels that become 0 and 1 on each plate, from its negative controls.

Few controls say little about a plate, so its scale is drawn towards that of its batch, and the
batch's towards that of the whole screen, the more the fewer there are.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base import seeds
from phenovae.base.errors import InputError
from phenovae.screen.sites import Role

logger = logging.getLogger(__name__)

_SAMPLED = 400


class Crops(Protocol):
    """What a view needs of a store."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""

    @property
    def crop_size(self) -> tuple[int, int]:
        """Height and width of a crop, in pixels."""

    @property
    def table(self) -> pd.DataFrame:
        """One row a crop."""

    def read(self, rows: npt.ArrayLike) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
        """Raw crops (n, channel, height, width) of these rows."""


@dataclass(frozen=True)
class Scale:
    """Grey levels that become 0 and 1, one pair a channel, and whose pixels they come from."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    source: str


@dataclass(frozen=True)
class Percentiles:
    """How scales are fitted: percentiles of the controls' pixels that become 0 and the unit, how
    many units fit below 1, and how many cells the level above counts as.
    """

    low: float
    high: float
    headroom: float
    controls: int


def fit_scales(
    store: Crops, rows: npt.NDArray[np.int64], plates: list[str], options: Percentiles, seed: int
) -> dict[str, Scale]:
    """A scale for each of these plates, from the control cells among these rows of a store.

    A plate with few controls leans on those of its batch, and the batch on all controls. Where the
    screen has none, all cells of a plate stand for them. Raises InputError where there is no cell
    at all.
    """
    table = store.table.iloc[rows]
    control = (table["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)).to_numpy()
    kind = "controls"
    if not control.any():
        control, kind = np.ones(len(table), bool), "cells, of any treatment,"
        logger.warning("there are no negative controls; plates are scaled by all of their cells")
    plate, batch = table["Metadata_Plate"].to_numpy(), table["Metadata_Batch"].to_numpy()
    batch_of = dict(
        store.table.drop_duplicates("Metadata_Plate")[["Metadata_Plate", "Metadata_Batch"]]
        .itertuples(index=False, name=None)
    )  # fmt: skip
    some = control if control.sum() >= max(options.controls, 1) else np.ones(len(table), bool)
    everywhere = _scale(store, rows[some], options, seed, "all")
    kinds = "controls" if some is control else "cells"
    of_batch: dict[str, Scale] = {}
    scales: dict[str, Scale] = {}
    own = {name: control & (plate == name) for name in plates}
    for name in plates:
        home = batch_of[name]
        near = control & (batch == home)
        if home not in of_batch:
            of_batch[home] = _leaning(store, rows[near], everywhere, options, seed, home)
        source = (
            f"{own[name].sum()} {kind} of the plate, {near.sum()} of {home}, "
            f"{some.sum()} {kinds} in all"
        )
        scale = _leaning(store, rows[own[name]], of_batch[home], options, seed, name)
        scales[name] = Scale(scale.low, scale.high, source)
    few = sum(int(mask.sum()) < options.controls for mask in own.values())
    if few:
        logger.warning(
            "%d of %d plates have fewer than %d control cells; their scales lean on the controls "
            "of their batch and of the whole screen%s",
            few,
            len(plates),
            options.controls,
            "" if some is control else ", where there are so few that all cells were taken",
        )
    return scales


def pooled_scale(
    store: Crops, rows: npt.NDArray[np.int64], options: Percentiles, seed: int
) -> Scale:
    """One scale from all of these rows, whatever they were treated with.

    Raises InputError where there is none.
    """
    scale = _scale(store, rows, options, seed, "all")
    return Scale(scale.low, scale.high, f"{len(rows)} crops together")


def mean_scale(scales: Collection[Scale]) -> Scale:
    """The scale in the middle of some: ranges are averaged as logarithms, for a gain multiplies.

    Raises InputError where there is none.
    """
    if not scales:
        raise InputError("there is no scale to take the mean of")
    lows = np.array([scale.low for scale in scales])
    spans = np.array([np.subtract(scale.high, scale.low) for scale in scales])
    low = lows.mean(axis=0)
    high = low + np.exp(np.log(spans).mean(axis=0))
    source = f"the mean of {len(scales)} plates"
    return Scale(tuple(low.tolist()), tuple(high.tolist()), source)


def _leaning(
    store: Crops,
    rows: npt.NDArray[np.int64],
    above: Scale,
    options: Percentiles,
    seed: int,
    source: str,
) -> Scale:
    """The scale of these cells, drawn towards the one above as if that were `controls` cells.

    Ranges are averaged as logarithms: a gain multiplies.
    """
    if not len(rows):
        return above
    own = _scale(store, rows, options, seed, source)
    weight = len(rows) / (len(rows) + options.controls)
    low = weight * np.array(own.low) + (1 - weight) * np.array(above.low)
    spans = [np.subtract(scale.high, scale.low) for scale in (own, above)]
    high = low + np.exp(weight * np.log(spans[0]) + (1 - weight) * np.log(spans[1]))
    return Scale(tuple(low.tolist()), tuple(high.tolist()), source)


def _scale(
    store: Crops, rows: npt.NDArray[np.int64], options: Percentiles, seed: int, source: str
) -> Scale:
    if len(rows) == 0:
        raise InputError("there is no cell to fit the view on", mend="check the splits")
    if len(rows) > _SAMPLED:
        rows = np.sort(seeds.generator(seed, "view", source).choice(rows, _SAMPLED, replace=False))
    pixels = store.read(rows).swapaxes(0, 1).reshape(len(store.channels), -1)
    wanted = (options.low, options.high)
    low, unit = np.percentile(pixels, wanted, axis=1)
    high = low + np.maximum(unit - low, 1.0) * options.headroom
    return Scale(
        tuple(float(value) for value in low), tuple(float(value) for value in high), source
    )
