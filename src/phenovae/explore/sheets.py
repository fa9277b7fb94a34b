"""Sprite sheets of grey planes as addresses that hold the picture themselves."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import PIL.Image

from phenovae.explore.pictures import Planes, sheet_of

COLUMNS = 10
QUALITY = 88


def sheet_address(planes: Sequence[Planes], columns: int = COLUMNS) -> str:
    """Many cells, `columns` a row, channels below each other, as the `data:` address of a JPEG.

    A picture with an address of its own would taint the canvas of a page that is opened from a
    folder, which could then not paint it.
    """
    buffer = io.BytesIO()
    PIL.Image.fromarray(sheet_of(planes, columns)).save(buffer, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
