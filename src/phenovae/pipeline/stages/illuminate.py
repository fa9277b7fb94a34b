"""Stage `illuminate`: how evenly each channel of each plate was lit."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping

import pandas as pd

from phenovae.base.files import replace_folder
from phenovae.base.tables import read_table
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.pipeline.parts import parts_of, unfinished_folder
from phenovae.pipeline.screens import channels_of_run, images_of_run
from phenovae.pipeline.stage import Outcome, Stage, Work
from phenovae.pipeline.workers import map_parts
from phenovae.screen.sites import SITES

logger = logging.getLogger(__name__)


def _illuminate(work: Work) -> Outcome:
    from phenovae.images.illumination_files import save_illumination, write_illumination_table
    from phenovae.images.illumination_parts import (
        IlluminationPart,
        gather_statistics,
        light_of_plate,
        parts_of_plates,
    )

    config = work.config
    sites = read_table(work.run / paths.SITES, SITES)
    channels, images = channels_of_run(config, work.run), images_of_run(config, work.run)
    final = work.run / paths.ILLUMINATION
    unfinished = unfinished_folder(
        final, resume=work.resume, depends_on=[work.fingerprint, config.workers.fields]
    )
    parts = [
        IlluminationPart(key, plate, chunk, images, channels, config.illumination, unfinished)
        for key, plate, chunk in parts_of(sites, config.workers.fields)
    ]
    map_parts(gather_statistics, parts, config.workers, work.progress, "looking at the light")
    of_plate = parts_of_plates(parts, _batches(sites))
    found = map_parts(
        light_of_plate, list(of_plate.values()), config.workers, work.progress, "telling the light"
    )
    lights = dict(zip(of_plate, found, strict=True))
    for plate, light in lights.items():
        save_illumination(unfinished, plate, light)
    write_illumination_table(unfinished, lights)
    each = [
        (f"{plate} {name}", light)
        for plate, channels_of_plate in lights.items()
        for name, light in channels_of_plate.items()
    ]
    lent = [f"{place}: {light.lent}" for place, light in each if light.lent]
    even = [f"{place}: {light.fallback}" for place, light in each if light.fallback]
    for what, places in (("is that of the whole batch", lent), ("counts as even", even)):
        if places:
            more = f", and {len(places) - 1} more" if len(places) > 1 else ""
            logger.warning("the light %s: %s%s", what, places[0], more)
    shutil.rmtree(unfinished / "parts", ignore_errors=True)
    replace_folder(unfinished, final)
    return Outcome({"functions": len(each) - len(even), "lent": lent, "even": even})


def _batches(sites: pd.DataFrame) -> dict[str, str]:
    """The batch of each plate that has one; a plate in several batches leans on none."""
    known = sites.loc[sites["Metadata_Batch"].notna() & (sites["Metadata_Batch"] != "")]
    pairs = known[["Metadata_Plate", "Metadata_Batch"]].drop_duplicates()
    alone = pairs.drop_duplicates("Metadata_Plate", keep=False)
    return dict(zip(alone["Metadata_Plate"], alone["Metadata_Batch"], strict=True))


def _why_not(work: Work) -> str | None:
    if work.config.illumination.method == "none":
        return "illumination.method is none: light is taken as even"
    return None


def _options(config: Config) -> Mapping[str, object]:
    return {
        "input": {"channels": list(config.input.channels)},
        "illumination": config.illumination.model_dump(mode="json"),
    }


ILLUMINATE = Stage(
    name="illuminate",
    version=2,
    needs=("sites",),
    outputs=(paths.ILLUMINATION,),
    options=_options,
    perform=_illuminate,
    why_not=_why_not,
    says="looking at how evenly plates were lit",
    verb="illuminate",
)
