"""The order of the stages, for each source of cells."""

from __future__ import annotations

from phenovae.pipeline.config import Config
from phenovae.pipeline.stage import Stage
from phenovae.pipeline.stages.backbone import BACKBONE
from phenovae.pipeline.stages.cells import IMPORT
from phenovae.pipeline.stages.crop import CROP
from phenovae.pipeline.stages.diagnose import DIAGNOSE
from phenovae.pipeline.stages.embed import EMBED
from phenovae.pipeline.stages.evaluate import (
    EVALUATE,
    EVALUATE_BACKBONE_ALONE,
    EVALUATE_BESIDE_BACKBONE,
    PROFILE,
)
from phenovae.pipeline.stages.generation import GENERATION
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
_MODEL = (TRAIN, DIAGNOSE, GENERATION, EMBED)
_AFTER_CELLS = (SPLIT, *_MODEL, PROFILE, EVALUATE, REPORT)
# The backbone comes first, so that weights that do not fit are told before hours of training.
_WITH_BACKBONE = (SPLIT, BACKBONE, *_MODEL, PROFILE, EVALUATE_BESIDE_BACKBONE, REPORT)
_BACKBONE_ALONE = (SPLIT, BACKBONE, EVALUATE_BACKBONE_ALONE)


def stages_of(config: Config) -> tuple[Stage, ...]:
    """The stages of a run, in order; each needs only earlier ones.

    The official tables describe sites without any cell, so there the sites come first; a
    single-cell table tells of sites only through the cells that were imported by it. Raises
    InputError where the table that is named cannot be read.
    """
    after = _after_cells(config)
    if config.input.source == "twin":
        return (TWIN, SITES_OF_TWIN, *_FIELDS, *after)
    if config.input.source == "raw":
        return (SITES_OF_IMAGES, *_FIELDS, *after)
    if has_official_table(config):
        return (SITES_OF_TABLES, IMPORT, *after)
    return (IMPORT, SITES_OF_CELLS, *after)


def _after_cells(config: Config) -> tuple[Stage, ...]:
    if config.backbone.weights is None:
        return _AFTER_CELLS
    return _BACKBONE_ALONE if config.backbone.alone else _WITH_BACKBONE
