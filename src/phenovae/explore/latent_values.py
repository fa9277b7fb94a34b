"""Latents of points: posterior means of cells, computed when asked for, and their averages."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.explore.decoding import Decoder
from phenovae.explore.levels import TREATMENT, WELL, Floats, Level, Points
from phenovae.explore.waiting import Later


class LatentValues:
    """Posterior means of the shown cells.

    Where the embedding is made of them they are there already; else they are computed once, in the
    background. `wait` [s] is how long an answer may take before it comes later.
    """

    def __init__(
        self, points: Points, decoder: Decoder, *, embedded: bool, wait: float | None
    ) -> None:
        self._points = points
        self._decoder = decoder
        self._embedded = embedded
        self._wait = wait
        self._later: Later[Floats] = Later()

    def of(self, level: Level, text: str) -> Floats:
        """A latent, by its number as text, of the points of a level.

        Wells and treatments have the mean over their shown cells. Raises InputError for a latent
        that the model has not, StillWorkingError.
        """
        if not text.isascii() or not text.isdigit() or int(text) >= self._decoder.latent:
            raise InputError(f"the model has no latent {text!r}")
        values = self.all()[:, int(text)]
        return values if level.name == "cells" else self._averages(level, values)

    def all(self) -> Floats:
        """Posterior means (n, latent) of the shown cells. Raises StillWorkingError."""
        if self._embedded:
            return self._points.cells.values
        rows = self._points.cells.rows
        what = f"posterior means of {len(rows):,} cells"
        return self._later.get("all", what, lambda: self._decoder.encode(rows), wait=self._wait)

    def close(self) -> None:
        """Begin nothing more."""
        self._later.close()

    def _averages(self, level: Level, values: Floats) -> Floats:
        cells = self._points.cells
        keys = TREATMENT if level.name == "treatments" else WELL
        used = cells.table.loc[cells.usable, keys].assign(value=values[cells.usable])
        means = used.groupby(keys, observed=True)["value"].mean()
        found = means.reindex(pd.MultiIndex.from_frame(level.table[keys]))
        averages: npt.NDArray[np.float32] = found.to_numpy(dtype=np.float32)
        return averages
