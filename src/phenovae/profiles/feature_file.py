"""Features of anybody's table: metadata in memory, values read from it block by block."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.profiles.choosing import FeatureChoice, listed
from phenovae.profiles.features import Mask, Matrix
from phenovae.profiles.levels import Level
from phenovae.profiles.sources import Source

logger = logging.getLogger(__name__)

_LABELS = {
    "Metadata_Compound": "Compound",
    "Metadata_MoA": "MoA",
    "Metadata_Concentration": "Concentration",
}
_FEWEST = 3
"""Labels that a feature must tell apart before it is taken for a code of them."""


@dataclass(frozen=True)
class FeatureFile:
    """Features of some rows of a source; see `features.Features`.

    `rows` marks those rows of the source; `metadata` has just them, in its order.
    """

    name: str
    source: Source
    metadata: pd.DataFrame
    columns: tuple[str, ...]
    level: Level
    rows: Mask

    def __len__(self) -> int:
        return len(self.metadata)

    def blocks(self) -> Iterator[tuple[int, Matrix]]:
        """Values of all rows, a block of rows at a time."""
        seen = 0
        for start, values in self.source.blocks(self.columns, self.rows):
            here = self.rows[start : start + len(values)]
            block = values if here.all() else values[here]
            if len(block):
                yield seen, block
                seen += len(block)

    def take(self, rows: Mask) -> Matrix:
        """Values of the rows that a mask marks."""
        wanted = self.rows.copy()
        wanted[self.rows] = rows
        found = np.empty((int(rows.sum()), len(self.columns)))
        filled = 0
        for start, values in self.source.blocks(self.columns, wanted):
            here = wanted[start : start + len(values)]
            count = int(here.sum())
            found[filled : filled + count] = values[here]
            filled += count
        return found


def checked(features: FeatureFile, choice: FeatureChoice) -> FeatureFile:
    """The features without what the choice leaves out of them by their values, in one pass.

    Raises InputError where a value is no finite number (naming well and feature) and the choice
    refuses that, or a feature is a code of what is to be predicted.
    """
    seen = _Seen.of(features, hashing=choice.drop_copies)
    for start, values in features.blocks():
        seen.look(start, values)
    columns, metadata, rows = features.columns, features.metadata, features.rows
    bad = seen.nonfinite > 0
    keep = np.ones(len(columns), bool)
    if bad.any() and choice.nonfinite == "refuse":
        raise seen.complaint(features)
    if bad.any() and choice.nonfinite == "features":
        names = [columns[place] for place in np.flatnonzero(bad)]
        logger.warning(
            "%d features hold NaN or infinity and are left out: %s", len(names), listed(names)
        )
        keep &= ~bad
    if bad.any() and choice.nonfinite == "rows":
        lost = seen.bad_rows
        logger.warning("%d of %d rows hold NaN or infinity and are left out", lost.sum(), len(lost))
        rows = rows.copy()
        rows[features.rows] = ~lost
        metadata = metadata.loc[~lost].reset_index(drop=True)
    if choice.drop_copies:
        copies = seen.copies() & keep
        names = [columns[place] for place in np.flatnonzero(copies)]
        logger.info("%d features are exact copies of others: %s", len(names), listed(names))
        keep &= ~copies
    if not keep.any() or not len(metadata):
        raise InputError("no row or feature is left", where=features.source.path)
    seen.check_labels(columns, keep)
    left = tuple(name for name, kept in zip(columns, keep, strict=True) if kept)
    return FeatureFile(features.name, features.source, metadata, left, features.level, rows)


@dataclass
class _Seen:
    """What one pass over the values tells of each feature."""

    labels: npt.NDArray[np.int64]
    known: pd.DataFrame
    lowest: Matrix
    highest: Matrix
    nonfinite: npt.NDArray[np.int64]
    bad_rows: Mask
    first: tuple[int, int, float] | None = None
    digests: list[blake2b] = field(default_factory=list)

    @classmethod
    def of(cls, features: FeatureFile, *, hashing: bool) -> _Seen:
        rows = features.metadata
        keys = [name for name in _LABELS if name in rows]
        groups = rows.groupby(keys, observed=True, sort=False, dropna=False)
        labels = groups.ngroup().to_numpy().astype(np.int64)
        known = rows[keys].drop_duplicates().reset_index(drop=True)
        known["Rows"] = np.bincount(labels, minlength=len(known))
        shape = (len(known), len(features.columns))
        return cls(
            labels,
            known,
            np.full(shape, np.inf),
            np.full(shape, -np.inf),
            np.zeros(shape[1], np.int64),
            np.zeros(len(rows), bool),
            None,
            [blake2b() for _ in features.columns] if hashing else [],
        )

    def look(self, start: int, values: Matrix) -> None:
        if not np.isfinite(values.sum()):
            bad = ~np.isfinite(values)
            self.nonfinite += bad.sum(axis=0)
            self.bad_rows[start : start + len(values)] = bad.any(axis=1)
            if self.first is None and bad.any():
                row, column = np.argwhere(bad)[0]
                self.first = (start + int(row), int(column), float(values[row, column]))
            values = np.where(bad, np.nan, values)
        labels = self.labels[start : start + len(values)]
        if (labels[1:] < labels[:-1]).any():
            order = np.argsort(labels, kind="stable")
            labels, ordered = labels[order], values[order]
        else:
            ordered = values  # cells mostly come well by well
        present, first = np.unique(labels, return_index=True)
        # One label after another: `reduceat` takes many times as long along the rows.
        for label, start, stop in zip(present, first, [*first[1:], len(labels)], strict=True):
            own = ordered[start:stop]
            lowest, highest = self.lowest[label], self.highest[label]
            np.fmin(lowest, np.fmin.reduce(own, axis=0), out=lowest)
            np.fmax(highest, np.fmax.reduce(own, axis=0), out=highest)
        for digest, column in zip(self.digests, values.T, strict=False):
            digest.update((column + 0.0).tobytes())  # so that -0 is 0

    def complaint(self, features: FeatureFile) -> InputError:
        row, column, value = self.first or (0, 0, float("nan"))
        told = features.metadata.iloc[row]
        names = ("Metadata_Plate", "Metadata_Well", "Metadata_Field")
        if "Metadata_Well" not in told:
            names = ("Metadata_Plate", "Metadata_Compound", "Metadata_Concentration")
        place = ", ".join(
            f"{name.removeprefix('Metadata_').lower()} {told[name]}"
            for name in names
            if name in told
        )
        return InputError(
            f"feature {features.columns[column]} of {place} is {value}; {self.nonfinite.sum()} "
            f"values of {int((self.nonfinite > 0).sum())} features in {int(self.bad_rows.sum())} "
            "rows are no finite numbers",
            where=features.source.path,
            mend="leave them out: --drop-nonfinite features, or --drop-nonfinite rows",
        )

    def copies(self) -> Mask:
        known: set[bytes] = set()
        found = np.zeros(len(self.digests), bool)
        for place, digest in enumerate(self.digests):
            found[place] = digest.digest() in known
            known.add(digest.digest())
        return found

    def check_labels(self, columns: Sequence[str], keep: Mask) -> None:
        """Raise InputError where a feature is a code of the compound, its dose or mechanism."""
        kinds = [[name] for name in _LABELS if name in self.known]
        kinds.append([name for name in ("Metadata_Compound", "Metadata_Concentration")
                      if name in self.known])  # fmt: skip
        for names in kinds:
            labelled = self.known.dropna(subset=names)
            groups = labelled.groupby(names, observed=True, sort=False).ngroup().to_numpy()
            count = int(groups.max()) + 1 if len(groups) else 0
            rows = np.bincount(groups, weights=labelled["Rows"].to_numpy(float), minlength=count)
            if count < _FEWEST or (rows > 1).sum() < _FEWEST:
                continue
            here = labelled.index.to_numpy()
            low = np.full((count, len(columns)), np.inf)
            high = np.full((count, len(columns)), -np.inf)
            np.fmin.at(low, groups, self.lowest[here])
            np.fmax.at(high, groups, self.highest[here])
            same = (low == high).all(axis=0) & keep
            for place in np.flatnonzero(same).tolist():
                if len(np.unique(low[:, place])) == count:
                    what = " and ".join(_LABELS[name] for name in names)
                    raise InputError(
                        f"the feature {columns[place]} is a code of {what}: each of {count} "
                        "has one value of its own",
                        mend=f"leave it out: --drop-features '^{columns[place]}$'",
                    )
