"""The order of the stages, for each source of cells."""

from __future__ import annotations

from phenovae.pipeline.config import Config
from phenovae.pipeline.stage import Stage
from phenovae.pipeline.stages.cells import CROP, IMPORT
from phenovae.pipeline.stages.embed import EMBED
from phenovae.pipeline.stages.evaluate import EVALUATE, PROFILE
from phenovae.pipeline.stages.report import REPORT
from phenovae.pipeline.stages.sites import SITES_OF_CROPS, SITES_OF_TWIN
from phenovae.pipeline.stages.train import SPLIT, TRAIN
from phenovae.pipeline.stages.twin import TWIN

_AFTER_CELLS = (SPLIT, TRAIN, EMBED, PROFILE, EVALUATE, REPORT)


def stages_of(config: Config) -> tuple[Stage, ...]:
    """The stages of a run, in order; each needs only earlier ones."""
    if config.input.source == "twin":
        return (TWIN, SITES_OF_TWIN, CROP, *_AFTER_CELLS)
    return (IMPORT, SITES_OF_CROPS, *_AFTER_CELLS)
