"""Where training takes its images from, in which order, and how they are read ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from phenovae.base.errors import TrainingError
from phenovae.base.seeds import generator
from phenovae.cells.scales import Crops
from phenovae.cells.view import View

Shape: TypeAlias = tuple[int, int, int]
Rows: TypeAlias = npt.NDArray[np.int64]
Pixels: TypeAlias = npt.NDArray[np.float32]


class Images(Protocol):
    """Images of one shape, by row number; read by several threads at once."""

    @property
    def shape(self) -> Shape:
        """Channels, height and width."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""

    def images(self, rows: Rows) -> Pixels:
        """Images (n, channel, height, width), float32 in [0, 1], in the order of the rows."""

    def names(self, rows: Rows) -> list[str]:
        """What a person calls these images."""


class StoreImages:
    """Crops of a store seen through a view."""

    def __init__(self, store: Crops, view: View) -> None:
        self._store = store
        self._view = view
        self._plates = store.table["Metadata_Plate"].to_numpy(dtype=object)
        self._files = store.table["Metadata_File"].to_numpy(dtype=object)

    @property
    def shape(self) -> Shape:
        """Channels, height and width of the view."""
        size = self._view.options.size
        return (len(self.channels), size, size)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the store's channels."""
        return tuple(self._store.channels)

    def images(self, rows: Rows) -> Pixels:
        """Images (n, channel, size, size), float32 in [0, 1]."""
        return self._view.apply(self._store.read(rows), self._plates[rows].tolist())

    def names(self, rows: Rows) -> list[str]:
        """File names of the crops."""
        return [str(name) for name in self._files[rows]]


def epoch_batches(
    rows: Rows,
    weights: npt.NDArray[np.float64] | None,
    batch: int,
    seed: int,
    epoch: int,
    wells: Rows | None = None,
    together: int = 1,
    purpose: str = "order",
) -> list[Rows]:
    """The batches of an epoch, all full: the same for the same seed and epoch, whatever ran before.

    Without weights every row comes once, in random order, less a remainder that is another one
    each epoch. With weights (one a row, of any sum) rows are drawn with replacement. Fewer rows
    than a batch make one smaller batch. With `together` above 1, and `wells` that number the well
    of every image by row, wells are drawn by the weight of their cells, and so many cells of each.
    Another `purpose` draws other batches. Raises TrainingError where there is nothing to draw.
    """
    if not len(rows):
        raise TrainingError(
            "there is no cell to train on",
            mend="choose a split that leaves cells for training, or looser quality limits",
        )
    size = min(batch, len(rows))
    count = len(rows) // size
    random = generator(seed, "train", purpose, epoch)
    if wells is not None and together > 1 and size >= 2 * together:
        own = np.ones(len(rows)) if weights is None else weights
        known = _Wells(rows, own, wells[rows])
        return [known.draw(size, together, random) for _ in range(count)]
    if weights is None:
        order = random.permutation(rows)
    else:
        total = float(weights.sum())
        if weights.shape != rows.shape or not np.isfinite(total) or total <= 0 or weights.min() < 0:
            raise TrainingError(
                f"the sampling weights do not fit: {len(weights)} for {len(rows)} cells, "
                f"their sum is {total}"
            )
        order = random.choice(rows, size=count * size, p=weights / total)
    return [order[start * size : (start + 1) * size] for start in range(count)]


class _Wells:
    """Rows by their well, for batches of some cells of each of some wells."""

    def __init__(self, rows: Rows, weights: npt.NDArray[np.float64], wells: Rows) -> None:
        order = np.argsort(wells, kind="stable")
        starts = np.flatnonzero(np.diff(wells[order], prepend=-1))
        self._cells = np.split(rows[order], starts[1:])
        parts = np.split(weights[order], starts[1:])
        totals = np.array([part.sum() for part in parts])
        self._drawn = np.flatnonzero(totals)
        self._chance = totals[self._drawn] / totals.sum()
        self._shares = [
            part / total if total else part for part, total in zip(parts, totals, strict=True)
        ]

    def draw(self, size: int, together: int, random: np.random.Generator) -> Rows:
        """A batch of `together` cells a well; wells of fewer cells give some twice."""
        count = -(-size // together)
        twice = count > len(self._drawn)
        drawn = [
            random.choice(
                self._cells[well],
                together,
                replace=len(self._cells[well]) < together,
                p=self._shares[well],
            )
            for well in random.choice(self._drawn, size=count, replace=twice, p=self._chance)
        ]
        batch: Rows = np.concatenate(drawn)[:size]
        return batch


def read_ahead(
    images: Images, batches: Sequence[Rows], workers: int
) -> Iterator[tuple[Rows, Pixels]]:
    """The images of each batch in order, read by `workers` threads while others are in use."""
    with ThreadPoolExecutor(workers, thread_name_prefix="phenovae-read") as pool:
        waiting: deque[tuple[Rows, Future[Pixels]]] = deque()
        try:
            for rows in batches:
                waiting.append((rows, pool.submit(images.images, rows)))
                if len(waiting) > workers:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()
