"""Stage `diagnose`: the trained model put to the test on cells that taught it nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phenovae.base.files import write_json
from phenovae.pipeline import paths
from phenovae.pipeline.stage import Outcome, Stage, Work

_FEWEST = 2


def _rows(work: Work, cells: int) -> tuple[npt.NDArray[np.int64], bool]:
    """Validation cells, or those of the training where there are too few; and which they are."""
    from phenovae.cells.splits import TRAIN, VALIDATION, read_splits

    side = read_splits(work.run / paths.SPLITS, cells)["Split"].to_numpy(dtype=object)
    held_out = np.flatnonzero(side == VALIDATION)
    if len(held_out) >= _FEWEST:
        return held_out, True
    return np.flatnonzero(side == TRAIN), False


def _why_not(work: Work) -> str | None:
    """Why there is nothing to ask: latents of a single cell have nothing to lie beside."""
    from phenovae.cells.store import CellStore

    if work.config.model.codes.count:
        return "the questions are about a Gaussian latent space, and this one has codes"
    rows, _ = _rows(work, len(CellStore.open(work.run / paths.CELLS)))
    if len(rows) >= _FEWEST:
        return None
    return f"a model is diagnosed with {_FEWEST} cells at least, and there is {len(rows)}"


def _diagnose(work: Work) -> Outcome:
    from phenovae.cells.store import CellStore
    from phenovae.cells.view import View
    from phenovae.vae.data import StoreImages
    from phenovae.vae.diagnosis import examine
    from phenovae.vae.model_files import read_card

    model = work.run / paths.MODEL
    store = CellStore.open(work.run / paths.CELLS)
    card = read_card(model)
    view = View.from_json(card.origin.view).extended(store, card.seed)
    rows, held_out = _rows(work, len(store))
    told = examine(
        model,
        StoreImages(store, view),
        rows,
        work.config.diagnose,
        held_out=held_out,
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
    why_not=_why_not,
    says="putting the model to the test",
    verb="diagnose",
)
