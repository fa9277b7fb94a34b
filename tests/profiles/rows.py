"""Rows of numbers and their places, for tests of transforms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenovae.profiles.control_rows import ControlRows
from phenovae.profiles.features import FeatureTable, Mask, Matrix
from phenovae.profiles.levels import Level
from phenovae.profiles.normalise import ControlTransform, fit
from phenovae.profiles.places import Places


def correlated(seed: int, rows: int, features: int) -> np.ndarray:
    """Rows whose features are correlated, with scales from a tenth to ten."""
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(random.normal(size=(features, features)))[0]
    scales = 10 ** random.uniform(-1, 1, features)
    found: np.ndarray = random.normal(size=(rows, features)) * scales @ turn + random.normal()
    return found


def places(plates: Sequence[str], batches: Sequence[str] | None = None) -> Places:
    """Places of rows; the batch of a plate is its first letter, unless it is given."""
    names = batches if batches is not None else [plate[0] for plate in plates]
    return Places.of(pd.DataFrame({"Metadata_Plate": plates, "Metadata_Batch": names}))


def transformed(
    options: ControlTransform, seen: Matrix, values: Matrix | None = None
) -> np.ndarray:
    """Rows by a transform that is fitted on rows of one plate; those rows, without others."""
    by = fit(options, ControlRows.of(seen, places(["P"] * len(seen))))
    given = seen if values is None else values
    return by.apply(given, places(["P"] * len(given)))


def covariance(values: np.ndarray, ddof: int = 0) -> np.ndarray:
    return np.atleast_2d(np.cov(values, rowvar=False, ddof=ddof))


@dataclass(frozen=True)
class InBlocks:
    """Features of a table that can only be read in blocks of these sizes."""

    table: FeatureTable
    sizes: tuple[int, ...]

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def metadata(self) -> pd.DataFrame:
        return self.table.metadata

    @property
    def columns(self) -> tuple[str, ...]:
        return self.table.columns

    @property
    def level(self) -> Level:
        return self.table.level

    def blocks(self) -> Iterator[tuple[int, Matrix]]:
        start = turn = 0
        while start < len(self.table):
            size = self.sizes[turn % len(self.sizes)]
            yield start, self.table.values[start : start + size].copy()
            start, turn = start + size, turn + 1

    def take(self, rows: Mask) -> Matrix:
        return self.table.values[rows]
