"""Which nuclei of a field become crops, and why the others do not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.cells.nuclei import Fate
from phenovae.cells.options import CropOptions


def fates(
    nuclei: pd.DataFrame,
    field: tuple[int, int],
    crop: int,
    usual: float,
    options: CropOptions,
    pixel_size_um: float | None = None,
) -> pd.DataFrame:
    """Columns Fate and Why of the nuclei of one field of (height, width) [px], in order.

    `nuclei` has Position_Row, Position_Column, Diameter [px] and Touching (cut by the border);
    `crop` is the side of a crop and `usual` the usual diameter of a nucleus [px].
    """
    diameter = nuclei["Diameter"].to_numpy(float)
    least, most = _limits(usual, options, pixel_size_um)
    fate = np.full(len(nuclei), str(Fate.KEPT), dtype=object)
    why = np.full(len(nuclei), "", dtype=object)
    outside = ~fits(nuclei, field, crop)
    _set(fate, why, outside, Fate.BORDER, f"a crop of {crop} px would cross the border")
    if options.touching == "drop":
        cut = nuclei["Touching"].to_numpy(bool)
        _set(fate, why, cut, Fate.BORDER, "the border cuts through the nucleus")
    for wrong, name, limit in (
        (diameter < least, Fate.SMALL, least),
        (diameter > most, Fate.LARGE, most),
    ):
        side = "below" if name == Fate.SMALL else "above"
        _set(fate, why, wrong, name, f"the nucleus's diameter is {side} {limit:.1f} px")
    return pd.DataFrame({"Fate": fate, "Why": why})


def fits(nuclei: pd.DataFrame, field: tuple[int, int], crop: int) -> npt.NDArray[np.bool_]:
    """Which squares of `crop` px around positions lie within a field of (height, width)."""
    inside = np.ones(len(nuclei), bool)
    for name, side in zip(("Position_Row", "Position_Column"), field, strict=True):
        first = first_pixel(nuclei[name].to_numpy(float), crop)
        inside &= (first >= 0) & (first + crop <= side)
    return inside


def first_pixel(position: npt.NDArray[np.float64], crop: int) -> npt.NDArray[np.int64]:
    """First row or column of a crop of `crop` px around a position."""
    return np.rint(position).astype(np.int64) - crop // 2


def _limits(usual: float, options: CropOptions, pixel_size_um: float | None) -> tuple[float, float]:
    least, most = options.small * usual, options.large * usual
    if pixel_size_um:
        least = max(least, options.small_um / pixel_size_um)
        if options.large_um:
            most = min(most, options.large_um / pixel_size_um)
    return least, most


def _set(
    fate: npt.NDArray[np.object_],
    why: npt.NDArray[np.object_],
    where: npt.NDArray[np.bool_],
    name: Fate,
    reason: str,
) -> None:
    """Give these nuclei a fate, unless an earlier rule has."""
    mine = where & (fate == str(Fate.KEPT))
    fate[mine], why[mine] = str(name), reason
