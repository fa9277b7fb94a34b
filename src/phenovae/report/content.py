"""What a report is made of: plain data, gathered by the pipeline; anything may be absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.report.compound_content import CompoundsContent
from phenovae.report.field_content import FieldContent
from phenovae.screen.published import Published

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
    """Some of the crops (n, channel, height, width) that were left out, raw, each with its reason.

    `total` counts all of them, `by_reason` all of them by reason.
    """

    crops: npt.NDArray[np.generic]
    reasons: tuple[str, ...]
    total: int
    by_reason: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportContent:
    """Everything a report may show.

    `options` is the run's configuration as a tree, `checksums` SHA-256 sums by what they are of,
    `crop_um` the side of a raw crop in µm where it is known, `picture_um` that of what the model
    sees of it, `training` how many cells taught and chose, `flagged_total` how many crops were
    flagged, whether or not some are shown, `skipped` stages that had nothing to do and why,
    `fields` what was found in whole fields, where the run began with them, `diagnosis` what came of
    the model's test on cells that taught it nothing, `generation` how good the images are that it
    makes, `compounds` every compound with a few cells, `wells` a row a well as
    `plate_maps.WELL_COLUMNS` has it, `unannotated` what treatments of no known mechanism are most
    like, as `evaluate.unannotated` has it.
    """

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
    options: Mapping[str, object] = field(default_factory=dict)
    training: Mapping[str, object] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    crop_um: float | None = None
    picture_um: float | None = None
    flagged_total: int = 0
    skipped: Mapping[str, str] = field(default_factory=dict)
    fields: FieldContent | None = None
    diagnosis: Mapping[str, object] = field(default_factory=dict)
    generation: Mapping[str, object] = field(default_factory=dict)
    compounds: CompoundsContent = field(default_factory=CompoundsContent)
    wells: pd.DataFrame = field(default_factory=pd.DataFrame)
    unannotated: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def unit(self) -> str:
        """What a crop shows: a cell, or a tile of a field."""
        return "tile" if self.fields is not None and self.fields.tiles else "cell"
