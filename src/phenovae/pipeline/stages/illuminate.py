"""Stage `illuminate`: how evenly each channel of each plate was lit."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping

from phenovae.base.files import replace_folder
from phenovae.base.tables import read_table
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.pipeline.parts import by_plate, parts_of, unfinished_folder
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
    of_plate = by_plate(parts)
    found = map_parts(
        light_of_plate, list(of_plate.values()), config.workers, work.progress, "telling the light"
    )
    lights = dict(zip(of_plate, found, strict=True))
    for plate, light in lights.items():
        save_illumination(unfinished, plate, light)
    write_illumination_table(unfinished, lights)
    even = [
        f"{plate} {name}: {light.fallback}"
        for plate, channels_of_plate in lights.items()
        for name, light in channels_of_plate.items()
        if light.fallback
    ]
    if even:
        more = f", and {len(even) - 1} more" if len(even) > 1 else ""
        logger.warning("the light counts as even: %s%s", even[0], more)
    shutil.rmtree(unfinished / "parts", ignore_errors=True)
    replace_folder(unfinished, final)
    return Outcome({"functions": sum(map(len, lights.values())) - len(even), "even": even})


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
    version=1,
    needs=("sites",),
    outputs=(paths.ILLUMINATION,),
    options=_options,
    perform=_illuminate,
    why_not=_why_not,
    says="looking at how evenly plates were lit",
    verb="illuminate",
)
