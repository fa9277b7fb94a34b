"""Where rows come from: the plate and the batch of each, by which transforms may be fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError

By = Literal["all", "plate", "batch"]
Names = npt.NDArray[np.object_]

_SHOWN = 6


@dataclass(frozen=True)
class Places:
    """Plate and batch of every row, as arrays of names (rows,)."""

    plates: Names
    batches: Names

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Places:
        """Those of a frame with Metadata_Plate and Metadata_Batch; None where it lacks one."""
        nothing = pd.Series([None] * len(rows), dtype=object)
        return cls(
            rows.get("Metadata_Plate", nothing).to_numpy(dtype=object),
            rows.get("Metadata_Batch", nothing).to_numpy(dtype=object),
        )

    def __len__(self) -> int:
        return len(self.plates)

    def take(self, rows: npt.NDArray[np.bool_] | slice) -> Places:
        """Those of some of the rows."""
        return Places(self.plates[rows], self.batches[rows])

    def groups(self, by: By) -> Names:
        """What group each row is of: its plate, its batch, or one group for all."""
        if by == "plate":
            return self.plates
        if by == "batch":
            return self.batches
        return np.full(len(self), "", dtype=object)


@dataclass(frozen=True)
class Groups:
    """The groups that a transform was fitted by, in order, for looking rows up."""

    by: By
    names: tuple[str, ...]

    @classmethod
    def of(cls, places: Places, by: By) -> Groups:
        """The groups of the rows that fit the transform.

        Raises InputError where a row is of no plate or batch, as rows of whole treatments are.
        """
        if any(name is None for name in places.groups(by)):
            raise InputError(
                f"a transform is fitted by {by}, and these features are of no single {by}",
                mend="give features of wells, or leave the transform out: --normalize none",
            )
        return cls(by, tuple(sorted({str(name) for name in places.groups(by)})))

    def codes(self, places: Places) -> npt.NDArray[np.int64]:
        """The number of each row's group (rows,).

        Raises InputError where a group of these rows has nothing that the transform is fitted on.
        """
        number = {name: code for code, name in enumerate(self.names)}
        found, known = pd.factorize(places.groups(self.by))
        missing = sorted(str(name) for name in known if str(name) not in number)
        if missing:
            shown = ", ".join(missing[:_SHOWN])
            more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
            raise InputError(
                f"a transform is fitted by {self.by}, and nothing to fit it on is in "
                f"{len(missing)} of them: {shown}{more}",
                mend="fit by a larger group, or leave these rows out",
            )
        table = np.array([number[str(name)] for name in known], dtype=np.int64)
        return table[found]
