"""Crops as the page takes them: grey planes of the channels, one below the other, 8 bits.

The page paints them itself, so that another palette or a single channel asks for nothing new.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import PIL.Image

from phenovae.base.seeds import generator
from phenovae.explore.levels import Points
from phenovae.explore.opening import OpenedRun
from phenovae.figures.colours import bright
from phenovae.figures.crops import GAMMA

Images = npt.NDArray[np.float32]
Planes = npt.NDArray[np.uint8]

_SAMPLED = 256


class Pictures:
    """Cells of a run as the model sees them, read from the store when they are asked for.

    All are shown with the same limits, those of a sample of cells, so that brightness compares.
    """

    def __init__(self, opened: OpenedRun, points: Points) -> None:
        self._opened = opened
        self._points = points
        self._limits: npt.NDArray[np.float64] | None = None
        self._lock = threading.Lock()

    @property
    def side(self) -> int:
        """Height and width of a picture [px]."""
        return self._opened.view.options.size

    @property
    def limits(self) -> npt.NDArray[np.float64]:
        """The value of each channel that is shown at full brightness."""
        with self._lock:
            if self._limits is None:
                rows = self._points.cells.rows[self._points.cells.usable]
                random = generator(self._opened.config.seed, "explore", "brightness")
                some = random.choice(rows, size=min(_SAMPLED, len(rows)), replace=False)
                self._limits = np.maximum(bright(self.images(np.sort(some))), 1e-6)
            return self._limits

    def images(self, rows: npt.ArrayLike) -> Images:
        """Cells (n, channel, side, side), float32 in [0, 1], by their rows in the store."""
        wanted = np.asarray(rows, dtype=np.int64)
        plates = self._points.plates[wanted].astype(object).tolist()
        return self._opened.view.apply(self._opened.store.read(wanted), plates)

    def planes(self, image: npt.NDArray[np.floating]) -> Planes:
        """An image (channel, height, width) as 8 bits a value, dim structures lifted."""
        shown = np.clip(image / self.limits[:, None, None], 0.0, 1.0) ** GAMMA
        return np.round(255 * shown).astype(np.uint8)

    def png(self, row: int) -> bytes:
        """One cell as PNG: its channels one below the other. Raises StoreError for no such row."""
        return png_of(self.planes(self.images([row])[0]))


def png_of(planes: Planes) -> bytes:
    """Planes (channel, height, width) as a grey PNG, one below the other."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(stacked(planes)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def stacked(planes: Planes) -> Planes:
    """Planes (channel, height, width) one below the other: (channel · height, width)."""
    return np.ascontiguousarray(planes.reshape(-1, planes.shape[-1]))


def sheet_of(planes: Sequence[Planes], columns: int) -> Planes:
    """Stacks of many cells side by side, `columns` a row: a sprite sheet."""
    tiles = [stacked(each) for each in planes]
    height, width = tiles[0].shape
    rows = -(-len(tiles) // columns)
    sheet = np.zeros((rows * height, columns * width), np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * height, number % columns * width
        sheet[top : top + height, left : left + width] = tile
    return sheet
