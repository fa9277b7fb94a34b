"""Cells side by side as one small image, and how many of them a file can bear."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image

from phenovae.report.compound_content import Painted

BUDGET = 8_000_000
"""Bytes of all strips together, as text: the whole report is to stay below 15 MB."""

_QUALITY = 82
_GAP, _SHADE = 2, 64
_SHOWN = 84  # px of a cell on the page, about


@dataclass(frozen=True)
class Strip:
    """Some cells as one image, with its size on the page [px]."""

    address: str
    count: int
    width: int
    height: int


def strip(crops: Painted) -> Strip:
    """Crops (n, height, width, 3), at least one, side by side as a JPEG."""
    count, height, width = crops.shape[:3]
    sheet = np.full((height, count * (width + _GAP) - _GAP, 3), _SHADE, np.uint8)
    for number, crop in enumerate(crops):
        left = number * (width + _GAP)
        sheet[:, left : left + width] = crop
    with io.BytesIO() as buffer:
        # colours at full resolution: stains are told apart by nothing else
        PIL.Image.fromarray(sheet).save(
            buffer, "JPEG", quality=_QUALITY, subsampling=0, optimize=True
        )
        data = base64.b64encode(buffer.getvalue()).decode("ascii")
    scale = max(1.0, _SHOWN / max(height, width))
    return Strip(
        f"data:image/jpeg;base64,{data}",
        count,
        round(sheet.shape[1] * scale),
        round(sheet.shape[0] * scale),
    )


def strips_within(rows: Sequence[Painted], budget: int = BUDGET) -> tuple[list[Strip | None], int]:
    """A strip for each row of crops, and how many crops each has at most.

    As many crops as together stay within `budget` bytes; with one each they may not, and then only
    the first rows that do have a strip. A row without a crop has none.
    """
    most = max((len(row) for row in rows), default=0)
    count = most
    while count > 1 and _estimate(rows, count) > budget:
        count -= 1
    while True:
        found = [strip(row[:count]) if len(row) and count else None for row in rows]
        if sum(len(each.address) for each in found if each) <= budget or count <= 1:
            break
        count -= 1
    used, kept = 0, []
    for each in found:
        used += len(each.address) if each else 0
        kept.append(each if used <= budget else None)
    return kept, count


def _estimate(rows: Sequence[Painted], count: int) -> float:
    """Bytes of all strips, from those of a few of them."""
    filled = [row for row in rows if len(row)]
    sample = filled[:: max(1, len(filled) // 12)]
    sizes = [len(strip(row[:count]).address) for row in sample]
    return len(filled) * sum(sizes) / max(len(sizes), 1)
