"""Which batches a treatment is of, as protocols count them: a set, or one of its stand-ins.

Only the set is sound. The others are how published evaluations did it, kept so that their figures
can be reproduced: each lets some treatments of one batch be each other's neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from phenovae.base.errors import InputError

BatchKey = Literal["sets", "joined", "median_code", "plates"]

_DIGITS = re.compile(r"(\d+)")


def batch_sets(treatments: pd.DataFrame, rows: pd.DataFrame, how: BatchKey) -> list[frozenset[str]]:
    """The batches of every treatment (with Batches, Plates), as `how` counts them.

    `rows` are those that the profiles were made of, with Metadata_Plate and Metadata_Batch.

    - `sets`: all of its batches.
    - `joined`: their names joined to one, which is that of treatments of just the same batches
      alone (Caicedo et al. 2018, published notebook).
    - `median_code`: batches are numbered, and the median over its plates stands for all
      (Cross-Zamirski et al. 2022, published code).
    - `plates`: the names of its plates joined, so that only treatments on just the same plates are
      kept apart.
    """
    batches: Sequence[frozenset[str]] = treatments["Batches"].tolist()
    if how == "sets":
        return list(batches)
    if how == "joined":
        return [frozenset({",".join(sorted(each))}) for each in batches]
    if "Plates" not in treatments or (how == "median_code" and "Metadata_Plate" not in rows):
        raise InputError(
            f"the batches of this protocol ({how}) follow from plates, and the features name none",
            mend="give features of wells",
        )
    plates: Sequence[frozenset[str]] = treatments["Plates"].tolist()
    if how == "plates":
        return [frozenset({",".join(sorted(each))}) for each in plates]
    code = _code_of_plate(rows)
    return [frozenset({_median_code([code[plate] for plate in each])}) for each in plates]


def single_plates(rows: pd.DataFrame) -> bool:
    """Whether every batch is one plate, though there are several: plates stand in for batches.

    Rows that are averages over plates tell it by their Plates and Batches; rows that name no plates
    do not.
    """
    if "Metadata_Plate" not in rows or "Metadata_Batch" not in rows:
        if not {"Plates", "Batches"} <= {*rows.columns}:
            return False
        plates, batches = (frozenset().union(*rows[name]) for name in ("Plates", "Batches"))
        return 1 < len(plates) == len(batches)
    pairs = rows[["Metadata_Plate", "Metadata_Batch"]].drop_duplicates()
    return len(pairs) > 1 and not pairs["Metadata_Batch"].duplicated().any()


def _code_of_plate(rows: pd.DataFrame) -> Mapping[str, int]:
    pairs = rows[["Metadata_Plate", "Metadata_Batch"]].astype(str).drop_duplicates()
    codes = {
        name: code for code, name in enumerate(sorted(set(pairs["Metadata_Batch"]), key=_natural))
    }
    return {
        plate: codes[batch]
        for plate, batch in zip(pairs["Metadata_Plate"], pairs["Metadata_Batch"], strict=True)
    }


def _median_code(codes: Sequence[int]) -> str:
    # Of an even number the lower of the middle two: a code between two batches would be none.
    return str(int(np.sort(np.asarray(codes))[(len(codes) - 1) // 2]))


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _DIGITS.split(name)]
