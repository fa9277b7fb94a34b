"""The store's rows of a block of crops: who they are, where they lie, what their pixels say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.cells.measures import intensity, intensity_names
from phenovae.cells.quality import QualityOptions, quality, sorted_pixels
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
    count = len(crops)
    places = {name: table[name].to_numpy(float) for name in POSITIONS if name in table}
    ordered = sorted_pixels(crops)
    measured = quality(crops, options, ordered)
    of_store = {
        "Store_Shard": np.full(count, shard),
        "Store_Offset": np.arange(offset, offset + count),
        **{name: places.get(name, np.full(count, np.nan)) for name in POSITIONS},
        "Quality_Noise": measured.noise,
        "Quality_Signal": measured.signal,
        "Quality_Flag": measured.flag,
    }
    statistics = pd.DataFrame(intensity(crops, ordered), columns=intensity_names(channels))
    given = [name for name in table.columns if str(name).startswith(MEASURE)]
    told = table.reset_index(drop=True)
    return pd.concat(
        [told[list(CELL_METADATA)], pd.DataFrame(of_store), statistics, told[given]], axis=1
    )
