"""Stage `crop`: the kept nuclei of every field as crops of the cell store."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping

from phenovae.base.errors import StoreError
from phenovae.base.files import write_json
from phenovae.base.tables import read_batches, read_table
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.pipeline.stage import Outcome, Stage, Work
from phenovae.pipeline.stages.segment import field_settings
from phenovae.pipeline.workers import map_parts
from phenovae.screen.sites import SITES

_LISTED = 500


def _crop(work: Work) -> Outcome:
    from phenovae.cells.crop_parts import CropPart, cut_plate
    from phenovae.cells.nuclei import FIELDS
    from phenovae.cells.plates import StoreShape, assemble, partial_store

    config, run = work.config, work.run
    store = run / paths.CELLS
    settings = field_settings(work, run / paths.SEGMENTATION)
    fields = read_table(run / paths.FIELDS, FIELDS)
    bits = int(fields["Bits"].max())
    shape = StoreShape(
        settings.channels,
        (settings.crop, settings.crop),
        "uint8" if bits == 8 else "uint16",
        settings.pixel_size_um,
        _source(config),
    )
    sites = read_table(run / paths.SITES, SITES)
    sites = sites.loc[sites["Metadata_Field"].isin(set(fields["Metadata_Field"]))]
    unfinished = partial_store(store)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    order = ["Metadata_Well", "Metadata_Site"]
    parts = [
        CropPart(
            number,
            str(plate),
            here.sort_values(order, ignore_index=True),
            run / paths.NUCLEI,
            settings,
            config.quality,
            shape,
            store,
        )
        for number, (plate, here) in enumerate(sites.groupby("Metadata_Plate", sort=True))
    ]
    shards = map_parts(cut_plate, parts, config.workers, work.progress, "cutting out cells")
    told = account(work)
    if not any(shards):
        raise StoreError(
            f"not one of {told['positions']} nuclei became a crop",
            where=run / paths.NUCLEI,
            mend="the table there has the reason of each; cells.* sets the limits",
        )
    cropped = assemble(store, [shard for shard in shards if shard is not None], shape)
    write_json(run / paths.IMPORT, {**told, "imported": cropped})
    return Outcome({"cropped": cropped})


def account(work: Work) -> dict[str, object]:
    """What became of every field and every nucleus of a run, counted from the tables' rows."""
    from phenovae.cells.nuclei import FIELDS, NUCLEI, Fate
    from phenovae.cells.refusals import ERRORS

    fates: Counter[str] = Counter()
    for batch in read_batches(work.run / paths.NUCLEI, NUCLEI, ["Fate"]):
        fates.update(batch["Fate"])
    fields = read_table(work.run / paths.FIELDS, FIELDS)
    refused = read_table(work.run / paths.ERRORS, ERRORS)
    flagged = fields.loc[fields["Field_Flag"] != ""]
    return {
        "fields": len(fields) + len(refused),
        "read_fields": len(fields),
        "flagged_fields": len(flagged),
        "field_flags": [
            {"file": field, "reason": why}
            for field, why in zip(flagged["Metadata_Field"], flagged["Field_Reason"], strict=True)
        ][:_LISTED],
        "positions": sum(fates.values()),
        "kept": fates[str(Fate.KEPT)],
        "at_border": fates[str(Fate.BORDER)],
        "small": fates[str(Fate.SMALL)],
        "large": fates[str(Fate.LARGE)],
        "in_flagged_fields": fates[str(Fate.FIELD)],
        "refused": len(refused),
        "refusals": [
            {"file": file, "reason": reason}
            for file, reason in zip(refused["File"], refused["Reason"], strict=True)
        ][:_LISTED],
    }


def _source(config: Config) -> str:
    what = {
        "grid": "tiles",
        "positions": "squares around given positions",
        "nuclei": "squares around nuclei",
    }
    return (
        f"{what[config.cells.layout]} of {config.input.crop_size} px, {config.cells.pixels} pixels"
    )


def _options(config: Config) -> Mapping[str, object]:
    return {
        "input": {"crop_size": config.input.crop_size},
        "cells": config.cells.model_dump(mode="json"),
        "quality": config.quality.model_dump(mode="json"),
    }


CROP = Stage(
    name="cells",
    version=2,
    needs=("sites", "illuminate", "segment"),
    outputs=(paths.CELLS, paths.IMPORT),
    options=_options,
    perform=_crop,
    can_do_without=("illuminate",),
    says="cutting cells out of fields",
    verb="crop",
)
