"""Which treatments may be each other's neighbours, and which have a possible right one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.screen.sites import Role, concentration_key

Rule = Literal["other-compound", "other-compound-and-batch"]
RULES: tuple[Rule, ...] = ("other-compound", "other-compound-and-batch")


def treatments(table: pd.DataFrame) -> pd.DataFrame:
    """Annotated treatments of a table of sites or cells, one row each, sorted by name and dose.

    Columns: Metadata_Compound, Metadata_Concentration (µM), Metadata_MoA, Batches and Plates
    (frozensets), Positions (frozenset of wells) and Wells (how many). Controls are no treatments.
    """
    here = (table["Metadata_Role"] == str(Role.TREATMENT)) & table["Metadata_MoA"].notna()
    rows = table.loc[here].copy()
    rows["Metadata_Concentration"] = rows["Metadata_Concentration"].map(concentration_key)
    found = [
        {
            "Metadata_Compound": compound,
            "Metadata_Concentration": concentration,
            "Metadata_MoA": group["Metadata_MoA"].iloc[0],
            "Batches": frozenset(group["Metadata_Batch"]),
            "Plates": frozenset(group["Metadata_Plate"]),
            "Positions": frozenset(group["Metadata_Well"]),
            "Wells": len(group[["Metadata_Plate", "Metadata_Well"]].drop_duplicates()),
        }
        for (compound, concentration), group in rows.groupby(
            ["Metadata_Compound", "Metadata_Concentration"], sort=True
        )
    ]
    columns = [
        "Metadata_Compound", "Metadata_Concentration", "Metadata_MoA", "Batches", "Plates",
        "Positions", "Wells",
    ]  # fmt: skip
    return pd.DataFrame(found, columns=columns)


def eligible(
    compounds: Sequence[str], batches: Sequence[frozenset[str]], rule: Rule
) -> npt.NDArray[np.bool_]:
    """Whether row i may take row j as its neighbour: bool (n, n), symmetric, diagonal False.

    Batches are sets: two treatments clash when they share any.
    """
    names = np.asarray(compounds, dtype=object)
    mask: npt.NDArray[np.bool_] = names[:, None] != names[None, :]
    if rule == "other-compound-and-batch":
        known = sorted(frozenset().union(*batches))
        member = np.array([[batch in each for batch in known] for each in batches], dtype=np.int64)
        member = member.reshape(len(names), len(known))
        mask = mask & (member @ member.T == 0)
    return mask.astype(np.bool_)


def scorable(mask: npt.NDArray[np.bool_], mechanisms: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Whether each row has an allowed neighbour of its own mechanism: bool (n,)."""
    names = np.asarray(mechanisms, dtype=object)
    same = names[:, None] == names[None, :]
    found: npt.NDArray[np.bool_] = (mask & same).any(axis=1)
    return found
