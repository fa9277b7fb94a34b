"""Whether crops are such as a model was trained on, and by which scale they are shown to it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from phenovae.base.errors import InputError
from phenovae.cells.scales import Crops, Scale, pooled_scale
from phenovae.cells.view import View
from phenovae.vae.model_files import Card
from phenovae.vae.options import ForeignScale

logger = logging.getLogger("phenovae.vae")

_SAME = 0.05
"""Sizes in µm that differ by a smaller share are the same."""
_FAR = 3.0
"""Ranges that differ by a larger factor are told of."""


def check_channels(card: Card, channels: Sequence[str]) -> None:
    """Raise InputError unless these are the channels that the model was trained on, in order."""
    if tuple(channels) != card.channels:
        raise InputError(
            f"the crops' channels are {', '.join(channels)}; the model was trained on "
            f"{', '.join(card.channels)}",
            mend="embed crops of the same channels in the same order",
        )


def check_pixels(
    card: Card,
    crop_size: tuple[int, int],
    dtype: str,
    pixel_size_um: float | None,
    *,
    other_size: bool = False,
) -> None:
    """Raise InputError where crops are of another bit depth or size than those of the training.

    `crop_size` is height and width [px]. With `other_size` they may be of another size. Crops of
    other pixels that are as many µm wide pass where the view resizes them. What a model's card does
    not say is not asked for.
    """
    origin = card.origin
    if origin.dtype and dtype != origin.dtype:
        raise InputError(
            f"the crops are {dtype}; the model was trained on {origin.dtype}",
            mend="write the camera's own grey levels, not stretched or scaled",
        )
    if other_size or origin.crop_size is None:
        return
    mine, theirs = _micrometres(crop_size, pixel_size_um), _micrometres(
        origin.crop_size, origin.pixel_size_um
    )  # fmt: skip
    if mine is not None and theirs is not None and abs(mine / theirs - 1) > _SAME:
        raise InputError(
            f"the crops are {mine:.1f} µm high ({_sides(crop_size)} of {pixel_size_um:g} µm); "
            f"those of the training are {theirs:.1f} µm ({_sides(origin.crop_size)} of "
            f"{origin.pixel_size_um:g} µm)",
            mend="cut crops that show as much of the field, or say --other-size",
        )
    if crop_size == origin.crop_size or (mine is not None and theirs is not None and resizes(card)):
        return
    raise InputError(
        f"the crops are {_sides(crop_size)}; the model was trained on crops of "
        f"{_sides(origin.crop_size)}",
        mend="cut crops of that size; or, where they are as many µm wide, say --other-size, or how "
        "large a pixel is: --set input.pixel_size_um=…",
    )


def resizes(card: Card) -> bool:
    """Whether the model's view shows whole crops, resized; else it cuts their centre out."""
    return View.from_json(card.origin.view).options.fit == "resize"


def _micrometres(crop_size: tuple[int, int], pixel_size_um: float | None) -> float | None:
    return None if pixel_size_um is None else crop_size[0] * pixel_size_um


def _sides(crop_size: tuple[int, int]) -> str:
    return f"{crop_size[0]} × {crop_size[1]} px"


def view_of(
    card: Card, crops: Crops, scale: ForeignScale, *, plates_known: bool
) -> tuple[View, str]:
    """The model's view for these crops, and in words how they are scaled.

    Plates that the model was trained on keep their scales. Others have one fitted on their own
    cells, or all crops together where no plates are known; with `scale` "model" they have that in
    the middle of the training screen's plates.
    """
    fitted = View.from_json(card.origin.view)
    how = fitted.options.normalise
    if how != "plate":
        said = "by the range of their dtype" if how == "none" else f"each by itself ({how})"
        return fitted, f"crops are scaled {said}, as in training"
    plates = sorted(set(crops.table["Metadata_Plate"]))
    new = [plate for plate in plates if plate not in fitted.scales]
    if not new:
        return fitted, "every plate has the scale that it had in training"
    rest = f"; {len(plates) - len(new)} known plates keep theirs" if len(new) < len(plates) else ""
    if scale == "model":
        lent = fitted.screen_scale()
        _warn_of_range(fitted, crops, lent, card.seed)
        view = fitted.with_scale(new, lent)
        return view, f"crops are scaled as the training screen was ({lent.source}){rest}"
    if plates_known:
        kinds = "its own controls, or cells"
        return fitted.extended(crops, card.seed), (
            f"each of {len(new)} plates that training did not see is scaled by {kinds}{rest}"
        )
    rows = np.arange(len(crops.table))
    own = pooled_scale(crops, rows, fitted.options.percentiles, card.seed)
    if len(rows) < fitted.options.controls:
        logger.warning(
            "only %d crops tell the scale, and each is embedded by the company it is in; --scale "
            "model takes the training screen's",
            len(rows),
        )
    said = f"crops are scaled by the grey levels of all {len(rows):,} of them together"
    return fitted.with_scale(new, own), said


def _warn_of_range(fitted: View, crops: Crops, lent: Scale, seed: int) -> None:
    """Tell where crops are far brighter or dimmer than what the model was trained on."""
    own = pooled_scale(crops, np.arange(len(crops.table)), fitted.options.percentiles, seed)
    spans = [np.subtract(each.high, each.low) for each in (own, lent)]
    for name, factor in zip(fitted.channels, spans[0] / spans[1], strict=True):
        if factor > _FAR or factor < 1 / _FAR:
            word = f"{factor:.3g} times" if factor > 1 else f"1/{1 / factor:.3g} of"
            logger.warning(
                "%s: the range of these crops is %s that of the training screen; --scale crops "
                "fits the scale to them",
                name,
                word,
            )
