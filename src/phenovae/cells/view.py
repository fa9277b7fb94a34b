"""A view of raw crops: size and normalisation, recorded, applied as crops are read.

Crops stay raw in the store. A view is fitted once, on training cells, and goes with the model.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from phenovae.base.errors import InputError, UsageError
from phenovae.base.options import Options
from phenovae.cells.resize import resize
from phenovae.cells.scales import Crops, Percentiles, Scale, fit_scales, mean_scale


class ViewOptions(Options):
    """How raw crops are shown to the model."""

    size: int = Field(64, ge=8, le=1024, description="side of the square that the model sees [px]")
    fit: Literal["resize", "crop"] = Field(
        "resize", description="resize: the whole crop, antialiased; crop: its centre, as it is"
    )
    normalise: Literal["plate", "cell-max", "cell-minmax", "none"] = Field(
        "plate",
        description="plate: one scale for each plate and channel, from its negative controls, "
        "which keeps how bright a cell is; cell-max and cell-minmax: each crop and channel by "
        "itself, as in the original; none: the dtype's range",
    )
    low_percentile: float = Field(
        0.5, ge=0, lt=50, description="plate: percentile of the controls' pixels that becomes 0"
    )
    high_percentile: float = Field(
        99.5,
        gt=50,
        le=100,
        description="plate: their percentile that is the unit",
    )
    headroom: float = Field(
        3.0,
        ge=1,
        description="plate: units that fit below 1, for cells brighter than controls; at 3, under "
        "1.3 % of the pixels of any mechanism of BBBC021 are cut off",
    )
    gamma: float = Field(
        1.0, gt=0, le=4, description="power applied at last; 0.5 shows dim structures better"
    )
    controls: int = Field(
        20,
        ge=0,
        description="plate: the scale of a plate's n controls counts n times, that of its batch "
        "this many times, and so on up to all controls; with fewer in all, all cells are taken",
    )

    @property
    def percentiles(self) -> Percentiles:
        """What the scales of plates are fitted by."""
        return Percentiles(self.low_percentile, self.high_percentile, self.headroom, self.controls)


@dataclass(frozen=True)
class View:
    """A fitted view: turns raw crops into float32 in [0, 1]."""

    options: ViewOptions
    channels: tuple[str, ...]
    scales: dict[str, Scale]

    def apply(
        self, crops: npt.NDArray[np.generic], plates: Sequence[str]
    ) -> npt.NDArray[np.float32]:
        """Raw crops (n, channel, height, width) as float32 (n, channel, size, size) in [0, 1].

        `plates` has the plate of each crop. Raises InputError for a plate that the view was not
        fitted on and for crops of other channels, UsageError for crops too small to cut from.
        """
        if len(crops) != len(plates):
            raise InputError(f"{len(crops)} crops came with {len(plates)} plates")
        if crops.shape[1] != len(self.channels):
            raise InputError(
                f"crops have {crops.shape[1]} channels, the view {len(self.channels)}: "
                f"{', '.join(self.channels)}"
            )
        _check_size(self.options, crops.shape[-2:])
        images = self._fitted(crops)
        low, span = self._range(crops, plates)
        images -= low
        images /= span
        np.clip(images, 0.0, 1.0, out=images)
        if self.options.gamma != 1.0:
            np.power(images, np.float32(self.options.gamma), out=images)
        return images

    def extended(self, store: Crops, seed: int) -> View:
        """The same view with scales for the plates of another store that it does not know."""
        if self.options.normalise != "plate":
            return self
        table = store.table
        new = sorted(set(table["Metadata_Plate"]) - set(self.scales))
        if not new:
            return self
        if store.channels != self.channels:
            raise InputError(
                f"the store has channels {', '.join(store.channels)}, the view "
                f"{', '.join(self.channels)}"
            )
        rows = np.flatnonzero((table["Quality_Flag"] == "").to_numpy())
        fresh = fit_scales(store, rows, new, self.options.percentiles, seed)
        return View(self.options, self.channels, {**self.scales, **fresh})

    def screen_scale(self) -> Scale:
        """The scale in the middle of all plates that the view was fitted on.

        Raises InputError where it was fitted on none.
        """
        return mean_scale(self.scales.values())

    def with_scale(self, plates: Collection[str], scale: Scale) -> View:
        """The same view, in which those of these plates that it does not know have this scale."""
        new = {plate: scale for plate in plates if plate not in self.scales}
        return View(self.options, self.channels, {**self.scales, **new})

    def to_json(self) -> dict[str, object]:
        """The view as JSON."""
        return {
            "options": self.options.model_dump(mode="json"),
            "channels": list(self.channels),
            "scales": {
                plate: {"low": list(scale.low), "high": list(scale.high), "source": scale.source}
                for plate, scale in self.scales.items()
            },
        }

    @classmethod
    def from_json(cls, told: dict[str, object]) -> View:
        """A view from its JSON. Raises InputError where it is damaged."""
        scales, channels = told.get("scales"), told.get("channels")
        if not isinstance(scales, dict) or not isinstance(channels, list):
            raise InputError("the recorded view is damaged")
        try:
            return cls(
                ViewOptions.model_validate(told.get("options")),
                tuple(str(name) for name in channels),
                {str(plate): _scale_of(each, len(channels)) for plate, each in scales.items()},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"the recorded view is damaged: {error}") from error

    def _fitted(self, crops: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
        size = self.options.size
        if self.options.fit == "resize":
            if crops.shape[-2:] == (size, size):
                return crops.astype(np.float32)
            return resize(crops.astype(np.float32), size)
        height, width = crops.shape[-2:]
        top, left = (height - size) // 2, (width - size) // 2
        return crops[..., top : top + size, left : left + size].astype(np.float32)

    def _range(
        self, crops: npt.NDArray[np.generic], plates: Sequence[str]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        flat = crops.reshape(*crops.shape[:2], -1)
        how = self.options.normalise
        if how == "plate":
            missing = sorted(set(plates) - set(self.scales))
            if missing:
                raise InputError(
                    f"the view has no scale for plate {missing[0]}",
                    mend="fit the view on the new plates with View.extended",
                )
            found = [self.scales[plate] for plate in plates]
            low = np.array([scale.low for scale in found], np.float32)
            high = np.array([scale.high for scale in found], np.float32)
        elif how == "none":
            low = np.zeros(crops.shape[:2], np.float32)
            high = np.full(crops.shape[:2], np.iinfo(str(crops.dtype)).max, np.float32)
        else:
            high = flat.max(axis=-1).astype(np.float32)
            low = flat.min(axis=-1).astype(np.float32) if how == "cell-minmax" else 0 * high
        span = high - low
        span[span <= 0] = 1.0
        return low[:, :, None, None], span[:, :, None, None]


def _check_size(options: ViewOptions, crop_size: tuple[int, ...]) -> None:
    if options.fit == "crop" and options.size > min(crop_size):
        height, width = crop_size
        raise UsageError(
            f"a view of {options.size} px cannot be cut from crops of {height} × {width} px",
            mend="set view.size lower, or view.fit to resize",
        )


def _scale_of(told: dict[str, object], channels: int) -> Scale:
    low, high = told["low"], told["high"]
    if not (isinstance(low, list) and isinstance(high, list) and len(low) == len(high) == channels):
        raise ValueError("a scale needs a low and a high grey level for every channel")
    return Scale(
        tuple(float(value) for value in low),
        tuple(float(value) for value in high),
        str(told["source"]),
    )


def fit_view(store: Crops, rows: npt.ArrayLike, options: ViewOptions, seed: int) -> View:
    """Fit a view on the training rows of a store; the same rows and seed give the same view.

    Raises UsageError where the view is larger than the crops it should cut from.
    """
    _check_size(options, store.crop_size)
    if options.normalise != "plate":
        return View(options, store.channels, {})
    wanted = np.asarray(rows, dtype=np.int64)
    plates = sorted(set(store.table["Metadata_Plate"]))
    return View(
        options, store.channels, fit_scales(store, wanted, plates, options.percentiles, seed)
    )
