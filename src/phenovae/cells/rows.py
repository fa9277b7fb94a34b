"""The store's rows of a block of crops: who they are, where they lie, what their pixels say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.cells.measures import intensity, intensity_names
from phenovae.cells.quality import QualityOptions, quality
from phenovae.cells.table import CELL_METADATA

POSITIONS = ("Position_Row", "Position_Column")
MEASURE = "Measure_"


def store_rows(
    crops: npt.NDArray[np.generic],
    table: pd.DataFrame,
    channels: tuple[str, ...],
    options: QualityOptions,
    *,
    shard: int,
    offset: int,
) -> pd.DataFrame:
    """Rows of `CELLS` for raw crops (n, channel, height, width) that begin at `offset` of a shard.

    `table` has their `CELL_COLUMNS`, and where known their positions in pixels of the field and
    measures.
    """
    block = table[list(CELL_METADATA)].reset_index(drop=True)
    block["Store_Shard"] = shard
    block["Store_Offset"] = np.arange(offset, offset + len(crops))
    for name in POSITIONS:
        block[name] = table[name].to_numpy(float) if name in table else np.nan
    measured = quality(crops, options)
    block["Quality_Noise"] = measured.noise
    block["Quality_Signal"] = measured.signal
    block["Quality_Flag"] = measured.flag
    statistics = pd.DataFrame(intensity(crops), columns=intensity_names(channels))
    given = [name for name in table.columns if str(name).startswith(MEASURE)]
    return pd.concat([block, statistics, table[given].reset_index(drop=True)], axis=1)
