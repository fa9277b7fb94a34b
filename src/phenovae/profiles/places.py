"""Where rows come from: the plate and the batch of each, by which transforms may be fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError

By = Literal["all", "plate", "batch"]
Codes = npt.NDArray[np.int64]

_SHOWN = 6


def listed(names: Sequence[str]) -> str:
    """The first few of many names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


@dataclass(frozen=True)
class Labels:
    """A name for every row, as a number (rows,) into `names`, which are sorted."""

    codes: Codes
    names: tuple[str, ...]

    @classmethod
    def of(cls, column: pd.Series, what: str) -> Labels:
        """Those of a column of names. Raises InputError where a row has none."""
        found, known = pd.factorize(column)
        if (found < 0).any():
            raise InputError(
                f"{int((found < 0).sum())} rows have no {what}", mend=f"name the {what} of each row"
            )
        texts = np.array([str(name) for name in known], dtype=object)
        names, places = np.unique(texts, return_inverse=True)
        return cls(places.reshape(-1)[found].astype(np.int64), tuple(names.tolist()))


@dataclass(frozen=True)
class Places:
    """Plate and batch of `count` rows, where they are known."""

    count: int
    plates: Labels | None = None
    batches: Labels | None = None

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Places:
        """Those of a frame by its Metadata_Plate and Metadata_Batch, where it has them."""
        return cls(
            len(rows),
            Labels.of(rows["Metadata_Plate"], "plate") if "Metadata_Plate" in rows else None,
            Labels.of(rows["Metadata_Batch"], "batch") if "Metadata_Batch" in rows else None,
        )

    def __len__(self) -> int:
        return self.count

    def take(self, rows: npt.NDArray[np.bool_] | slice) -> Places:
        """Those of some of the rows."""
        plates, batches = (
            each and Labels(each.codes[rows], each.names) for each in (self.plates, self.batches)
        )
        return Places(len(np.empty(self.count, np.bool_)[rows]), plates, batches)

    def groups(self, by: By) -> Labels:
        """The group of each row: its plate, its batch, or one group for all.

        Raises InputError where rows have no plate or batch, as averages over several have not.
        """
        if by == "all":
            return Labels(np.zeros(self.count, np.int64), ("",))
        labels = self.plates if by == "plate" else self.batches
        if labels is None:
            raise InputError(
                f"a transform is fitted by {by}, and these rows have no {by}",
                mend="fit it on all, give rows of wells, or leave it out (--normalize none)",
            )
        return labels


@dataclass(frozen=True)
class Groups:
    """The groups that a transform was fitted by, in order, for looking rows up."""

    by: By
    names: tuple[str, ...]

    @classmethod
    def of(cls, places: Places, by: By) -> Groups:
        """The groups of the rows that fit the transform."""
        labels = places.groups(by)
        return cls(by, tuple(labels.names[code] for code in np.unique(labels.codes)))

    def __len__(self) -> int:
        return len(self.names)

    def codes(self, places: Places) -> Codes:
        """The number of each row's group (rows,).

        Raises InputError where a group of these rows has nothing that the transform is fitted on.
        """
        labels = places.groups(self.by)
        number = {name: code for code, name in enumerate(self.names)}
        table = np.array([number.get(name, -1) for name in labels.names], dtype=np.int64)
        found: Codes = table[labels.codes]
        if (found < 0).any():
            missing = [labels.names[code] for code in np.unique(labels.codes[found < 0])]
            raise InputError(
                f"a transform is fitted by {self.by}, and nothing to fit it on is in "
                f"{len(missing)} of them: {listed(missing)}",
                mend="fit by a larger group, or leave these rows out",
            )
        return found

    def sizes(self, places: Places) -> Codes:
        """How many of these rows are of each group (groups,)."""
        return np.bincount(self.codes(places), minlength=len(self)).astype(np.int64)
