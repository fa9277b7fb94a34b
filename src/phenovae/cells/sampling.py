"""How often each cell is drawn in training, so that controls do not drown the treatments."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from phenovae.base.options import Options
from phenovae.screen.sites import concentration_key


class SamplingOptions(Options):
    """Drawing of training cells."""

    balance: Literal["none", "role", "treatment"] = Field(
        "treatment", description="groups whose sizes are evened out; mechanisms are never used"
    )
    strength: float = Field(
        0.5,
        ge=0,
        le=1,
        description="0: every cell alike; 1: every group alike; 0.5: by the root of its size",
    )
    per_well: int = Field(
        1, ge=1, le=64, description="cells of one well that are drawn together; 1: cell by cell"
    )


def sampling_weights(
    table: pd.DataFrame, rows: npt.ArrayLike, options: SamplingOptions
) -> npt.NDArray[np.float64]:
    """The chance of each of these rows of a store's table to be drawn; they sum to 1.

    A cell of a group of n weighs n to the power of minus the strength.
    """
    here = table.iloc[np.asarray(rows, dtype=np.int64)]
    if options.balance == "none" or not len(here):
        return np.full(len(here), 1 / max(len(here), 1))
    keys = [here["Metadata_Role"]]
    if options.balance == "treatment":
        keys += [here["Metadata_Compound"], here["Metadata_Concentration"].map(concentration_key)]
    sizes = here.groupby(keys)["Metadata_Cell"].transform("size").to_numpy(dtype=np.float64)
    weights: npt.NDArray[np.float64] = sizes**-options.strength
    weights /= weights.sum()
    return weights
