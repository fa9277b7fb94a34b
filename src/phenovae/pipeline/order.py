"""The order of the stages, for each source of cells."""

from __future__ import annotations

from phenovae.pipeline.config import Config
from phenovae.pipeline.stage import Stage
from phenovae.pipeline.stages.cells import IMPORT
from phenovae.pipeline.stages.crop import CROP
from phenovae.pipeline.stages.diagnose import DIAGNOSE
from phenovae.pipeline.stages.embed import EMBED
from phenovae.pipeline.stages.evaluate import EVALUATE, PROFILE
from phenovae.pipeline.stages.illuminate import ILLUMINATE
from phenovae.pipeline.stages.report import REPORT
from phenovae.pipeline.stages.segment import SEGMENT
from phenovae.pipeline.stages.sites import (
    SITES_OF_CELLS,
    SITES_OF_IMAGES,
    SITES_OF_TABLES,
    SITES_OF_TWIN,
    has_official_table,
)
from phenovae.pipeline.stages.train import SPLIT, TRAIN
from phenovae.pipeline.stages.twin import TWIN

_FIELDS = (ILLUMINATE, SEGMENT, CROP)
_AFTER_CELLS = (SPLIT, TRAIN, DIAGNOSE, EMBED, PROFILE, EVALUATE, REPORT)


def stages_of(config: Config) -> tuple[Stage, ...]:
    """The stages of a run, in order; each needs only earlier ones.

    The official tables describe sites without any cell, so there the sites come first; a
    single-cell table tells of sites only through the cells that were imported by it. Raises
    InputError where the table that is named cannot be read.
    """
    if config.input.source == "twin":
        return (TWIN, SITES_OF_TWIN, *_FIELDS, *_AFTER_CELLS)
    if config.input.source == "raw":
        return (SITES_OF_IMAGES, *_FIELDS, *_AFTER_CELLS)
    if has_official_table(config):
        return (SITES_OF_TABLES, IMPORT, *_AFTER_CELLS)
    return (IMPORT, SITES_OF_CELLS, *_AFTER_CELLS)
