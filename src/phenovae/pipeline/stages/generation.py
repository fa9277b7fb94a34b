"""Stage `generation`: how good the images are that the trained model makes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from phenovae.base.files import sha256_of_file, write_json
from phenovae.evaluate.generation.options import FEWEST
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.pipeline.stage import Outcome, Stage, Work

if TYPE_CHECKING:
    from phenovae.cells.view import View
    from phenovae.evaluate.generation.measuring import Space


def _sides(work: Work, cells: int) -> npt.NDArray[np.object_]:
    from phenovae.cells.splits import read_splits

    return read_splits(work.run / paths.SPLITS, cells)["Split"].to_numpy(dtype=object)


def _why_not(work: Work) -> str | None:
    from phenovae.cells.splits import LEFT_OUT
    from phenovae.cells.store import CellStore

    if work.config.generation.cells < FEWEST:
        return f"generation.cells asks for fewer than {FEWEST} cells"
    sides = _sides(work, len(CellStore.open(work.run / paths.CELLS)))
    usable = int((sides != LEFT_OUT).sum())
    if usable >= FEWEST:
        return None
    return f"images are judged by {FEWEST} cells at least, and there are {usable}"


def _generation(work: Work) -> Outcome:
    from phenovae.cells.store import CellStore
    from phenovae.cells.view import View
    from phenovae.evaluate.generation.choosing import choose_cells, treatments_of
    from phenovae.evaluate.generation.measuring import SPACES, measure
    from phenovae.evaluate.generation.record import make_record
    from phenovae.vae.data import StoreImages
    from phenovae.vae.model_files import load_model

    config, options = work.config, work.config.generation
    trained = load_model(work.run / paths.MODEL, options.device)
    store = CellStore.open(work.run / paths.CELLS)
    view = View.from_json(trained.card.origin.view).extended(store, trained.card.seed)
    chosen = choose_cells(store.table, _sides(work, len(store)), options, config.seed)
    network = _network(config, view)
    measured = measure(
        trained,
        StoreImages(store, view),
        chosen,
        treatments_of(store.table),
        options,
        SPACES if network is None else {**SPACES, network[0]: network[1]},
        work.progress,
    )
    told = make_record(measured, chosen, store.table, store.channels, options, config.seed)
    write_json(work.run / paths.GENERATION, {**told, "weights": trained.weights_hash})
    return Outcome({"cells": told["cells"], "held_out": told["held_out"]})


def _network(config: Config, view: View) -> tuple[str, Space] | None:
    """A network of others as a space, by its name and the hash of its weights, if one is given."""
    from phenovae.vae.backbone import load_backbone
    from phenovae.vae.options import BackboneOptions

    options = config.generation
    if options.weights is None:
        return None
    network = load_backbone(
        BackboneOptions(weights=options.weights, name=options.network, views=1),
        view,
        options.device,
    )
    return f"{options.network} {sha256_of_file(options.weights)[:12]}", network.embed


def _weights(config: Config) -> Mapping[str, Path]:
    weights = config.generation.weights
    return {} if weights is None else {"weights of the network that judges images": weights}


GENERATION = Stage(
    name="generation",
    version=1,
    needs=("cells", "split", "train"),
    outputs=(paths.GENERATION,),
    # The weights count as an input, by what they hold: they may be moved.
    options=lambda config: {
        "generation": config.generation.model_dump(mode="json", exclude={"weights"})
    },
    perform=_generation,
    inputs=_weights,
    why_not=_why_not,
    says="judging the images that the model makes",
    verb="generation",
)
