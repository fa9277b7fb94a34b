"""Stage `backbone`: what a frozen network of others makes of every cell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from phenovae.base.files import write_json
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.pipeline.stage import Outcome, Stage, Work


def _backbone(work: Work) -> Outcome:
    from phenovae.cells.splits import TRAIN, read_splits
    from phenovae.cells.store import CellStore
    from phenovae.cells.view import fit_view
    from phenovae.vae.backbone import load_backbone
    from phenovae.vae.blocks import embed_images
    from phenovae.vae.data import StoreImages

    config, run = work.config, work.run
    store = CellStore.open(run / paths.CELLS)
    side = read_splits(run / paths.SPLITS, len(store))["Split"].to_numpy(dtype=object)
    # The very view that the model has: what differs is the network alone.
    view = fit_view(store, np.flatnonzero(side == TRAIN), config.view, config.seed)
    backbone = load_backbone(config.backbone, view, config.embed.device)
    embed_images(
        backbone,
        StoreImages(store, view),
        store.table,
        run / paths.BACKBONE,
        config.embed,
        store.fingerprint(),
        work.progress,
    )
    write_json(run / paths.BACKBONE_CARD, backbone.facts.as_dict())
    return Outcome({"cells": len(store), **backbone.facts.as_dict()})


def _options(config: Config) -> Mapping[str, object]:
    # The weights count as an input, by what they hold: they may be moved.
    chosen = config.backbone.model_dump(mode="json", exclude={"weights", "alone"})
    return {"backbone": chosen, **config.model_dump(mode="json", include={"view", "embed"})}


def _weights(config: Config) -> Mapping[str, Path]:
    weights = config.backbone.weights
    return {} if weights is None else {"weights of the backbone": weights}


BACKBONE = Stage(
    name="backbone",
    version=1,
    needs=("cells", "split"),
    outputs=(paths.BACKBONE, paths.BACKBONE_CARD),
    options=_options,
    perform=_backbone,
    inputs=_weights,
    says="embedding every cell by the backbone",
    verb="embed",
)
