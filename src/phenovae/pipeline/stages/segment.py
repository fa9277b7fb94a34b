"""Stage `segment`: what is in every field: nuclei, cells, their measures, and what is wrong."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from phenovae.base.errors import InputError, UsageError
from phenovae.base.files import replace_folder
from phenovae.base.tables import TableWriter, read_table, write_table
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.pipeline.parts import by_plate, parts_of, unfinished_folder
from phenovae.pipeline.screens import channels_of_run, images_of_run, nucleus_channel, pixel_size
from phenovae.pipeline.stage import Outcome, Stage, Work
from phenovae.pipeline.workers import map_parts
from phenovae.screen.sites import SITES, Role

if TYPE_CHECKING:
    from phenovae.cells.field_parts import FieldPart, FieldSettings

logger = logging.getLogger(__name__)


def field_settings(work: Work, out: Path) -> FieldSettings:
    """What work on the fields of a run depends on; label images are below `out`."""
    from phenovae.cells.field_parts import FieldSettings

    config = work.config
    channels = channels_of_run(config, work.run)
    light = work.run / paths.ILLUMINATION
    return FieldSettings(
        images=images_of_run(config, work.run),
        channels=channels,
        nuclei=nucleus_channel(config, channels),
        pixel_size_um=pixel_size(config),
        crop=config.input.crop_size,
        segmentation=config.segmentation,
        cells=config.cells,
        illumination=light if config.illumination.method != "none" else None,
        labels=config.input.labels,
        positions=config.input.positions,
        out=out,
        fail_fast=config.workers.fail_fast,
    )


def _segment(work: Work) -> Outcome:
    from phenovae.cells.field_parts import FieldPart, process_part
    from phenovae.images.segmentation.external import prepare

    config = work.config
    if config.cells.layout == "positions" and config.input.positions is None:
        raise UsageError(
            "cells.layout is positions, and input.positions is not set",
            mend="--set input.positions=TABLE",
        )
    if config.input.labels is None and config.cells.layout == "nuclei":
        # What is wrong with a model is told here, and its weights are fetched by one process.
        prepare(config.segmentation)
    sites = read_table(work.run / paths.SITES, SITES)
    final = work.run / paths.SEGMENTATION
    unfinished = unfinished_folder(
        final, resume=work.resume, depends_on=[work.fingerprint, config.workers.fields]
    )
    told = field_settings(work, unfinished)
    cuts = parts_of(sites, config.workers.fields)
    parts = [FieldPart(key, chunk, told) for key, _, chunk in cuts]
    map_parts(process_part, parts, config.workers, work.progress, "segmenting fields")
    facts, unread = _together(work, parts)
    shutil.rmtree(unfinished / "parts", ignore_errors=True)
    replace_folder(unfinished, final)
    return Outcome(facts, unread)


def _together(work: Work, parts: Sequence[FieldPart]) -> tuple[dict[str, object], int]:
    """The tables of all parts as three tables of the run, plate by plate; facts, and the unread.

    Raises InputError where not one field could be read.
    """
    from phenovae.cells.field_parts import read_part
    from phenovae.cells.nuclei import FIELDS, NUCLEI, Fate
    from phenovae.cells.refusals import ERRORS

    errors: list[pd.DataFrame] = []
    flags: Counter[str] = Counter()
    fates: Counter[str] = Counter()
    read = 0
    with (
        TableWriter(work.run / paths.FIELDS, FIELDS) as fields_out,
        TableWriter(work.run / paths.NUCLEI, NUCLEI) as nuclei_out,
    ):
        for plate, mine in by_plate(parts).items():
            errors += [found for part in mine if (found := read_part(part, "errors")) is not None]
            tables = [found for part in mine if (found := read_part(part, "fields")) is not None]
            if not tables:
                continue
            told = pd.concat(tables, ignore_index=True)
            fields = _flagged(told, work.config, mine[0].settings.nuclei)
            fields_out.add(fields)
            read += len(fields)
            flags.update(fields.loc[fields["Field_Flag"] != "", "Field_Flag"])
            for part in mine:
                nuclei = read_part(part, "nuclei")
                if nuclei is None or not len(nuclei):
                    continue
                nuclei = _of_flagged_fields(nuclei, fields, work.config)
                nuclei_out.add(nuclei)
                fates.update(nuclei["Fate"])
            logger.info("%s: %d fields read", plate, len(fields))
    refused = pd.concat(errors, ignore_index=True)
    write_table(refused, work.run / paths.ERRORS, ERRORS)
    if not read:
        first = f": {refused['File'].iloc[0]}: {refused['Reason'].iloc[0]}" if len(refused) else ""
        raise InputError(
            f"not one of {len(refused)} fields could be read{first}",
            where=work.run / paths.ERRORS,
            mend="the table there has the reason of each",
        )
    facts: dict[str, object] = {
        "fields": read,
        "unread_fields": len(refused),
        "flagged_fields": dict(flags),
        "nuclei": int(sum(fates.values())),
        "fates": {str(fate): fates[str(fate)] for fate in Fate if fates[str(fate)]},
    }
    return facts, len(refused)


def _flagged(fields: pd.DataFrame, config: Config, nuclei: str) -> pd.DataFrame:
    """The fields of one plate with the flags that quality control gives them."""
    from phenovae.images.quality import flag_fields

    reference = (fields["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)).to_numpy()
    counted = config.cells.layout == "nuclei"
    table = fields if counted else fields.drop(columns="Count_Nuclei")
    flags = flag_fields(table, config.field_quality, reference, nuclei)
    return fields.assign(Field_Flag=flags["Field_Flag"], Field_Reason=flags["Field_Reason"])


def _of_flagged_fields(nuclei: pd.DataFrame, fields: pd.DataFrame, config: Config) -> pd.DataFrame:
    """Nuclei with the fate `field` where their field is flagged and was not to be kept."""
    from phenovae.cells.nuclei import Fate

    if config.cells.flagged_fields == "keep":
        return nuclei
    bad = fields.loc[fields["Field_Flag"] != ""].set_index("Metadata_Field")["Field_Reason"]
    lost = nuclei["Metadata_Field"].isin(bad.index) & (nuclei["Fate"] == str(Fate.KEPT))
    nuclei.loc[lost, "Why"] = nuclei.loc[lost, "Metadata_Field"].map(bad)
    nuclei.loc[lost, "Fate"] = str(Fate.FIELD)
    return nuclei


def _segmentation_options(config: Config) -> Mapping[str, object]:
    groups = {"illumination", "segmentation", "field_quality", "cells"}
    told = config.model_dump(mode="json", include=groups)
    for key in ("download_weights", "device"):  # how, not what
        del told["segmentation"][key]
    named = {"channels", "nuclei", "pixel_size_um", "crop_size"}
    return {"input": config.input.model_dump(mode="json", include=named), **told}


def _named(config: Config) -> Mapping[str, Path]:
    told = {"labels": config.input.labels, "positions": config.input.positions}
    return {name: path for name, path in told.items() if path is not None}


SEGMENT = Stage(
    name="segment",
    version=2,
    needs=("sites", "illuminate"),
    outputs=(paths.SEGMENTATION, paths.FIELDS, paths.NUCLEI, paths.ERRORS),
    options=_segmentation_options,
    perform=_segment,
    can_do_without=("illuminate",),
    inputs=_named,
    says="finding nuclei and cells in every field",
    verb="segment",
)
