"""What a report is made of: plain data, gathered by the pipeline; anything may be absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.screen.bbbc021.knowledge import Published

Record = Mapping[str, object]
Images = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Pictures:
    """Images (n, channel, height, width) in [0, 1] to judge the model by."""

    channels: tuple[str, ...]
    originals: Images
    reconstructions: Images
    samples: Images


@dataclass(frozen=True)
class Flagged:
    """Some of the crops that were left out, raw, with the reason of each."""

    crops: npt.NDArray[np.generic]
    reasons: tuple[str, ...]
    total: int


@dataclass(frozen=True)
class ReportContent:
    """Everything a report may show."""

    title: str
    synthetic: bool
    source: str
    channels: tuple[str, ...]
    design: Mapping[str, object]
    imported: Mapping[str, object]
    flagged: Flagged | None
    history: pd.DataFrame
    summary: Mapping[str, object]
    diagnostics: Mapping[str, object]
    pictures: Pictures | None
    records: Sequence[Record]
    neighbours: pd.DataFrame
    profiles: pd.DataFrame
    confusions: Mapping[str, Mapping[str, object]]
    splits: Mapping[str, object]
    config_text: str
    journal: Mapping[str, object]
    published: Sequence[Published] = field(default=())
    umap: bool = True
