"""Stage `diagnose`: the trained model put to the test on cells that taught it nothing."""

from __future__ import annotations

import numpy as np

from phenovae.base.files import write_json
from phenovae.pipeline import paths
from phenovae.pipeline.stage import Outcome, Stage, Work


def _diagnose(work: Work) -> Outcome:
    from phenovae.cells.splits import TRAIN, VALIDATION, read_splits
    from phenovae.cells.store import CellStore
    from phenovae.cells.view import View
    from phenovae.vae.data import StoreImages
    from phenovae.vae.diagnosis import examine
    from phenovae.vae.model_files import read_card

    model = work.run / paths.MODEL
    store = CellStore.open(work.run / paths.CELLS)
    card = read_card(model)
    view = View.from_json(card.origin.view).extended(store, card.seed)
    side = read_splits(work.run / paths.SPLITS, len(store))["Split"].to_numpy(dtype=object)
    held_out = np.flatnonzero(side == VALIDATION)
    told = examine(
        model,
        StoreImages(store, view),
        held_out if len(held_out) else np.flatnonzero(side == TRAIN),
        work.config.diagnose,
        held_out=bool(len(held_out)),
        progress=work.progress,
    )
    write_json(work.run / paths.DIAGNOSIS, told)
    return Outcome({"cells": told["cells"], "held_out": told["held_out"]})


DIAGNOSE = Stage(
    name="diagnose",
    version=1,
    needs=("cells", "split", "train"),
    outputs=(paths.DIAGNOSIS,),
    options=lambda config: {"diagnose": config.diagnose.model_dump(mode="json")},
    perform=_diagnose,
    says="putting the model to the test",
    verb="diagnose",
)
