"""Stage `embed`: every cell's place in the latent space."""

from __future__ import annotations

from phenovae.pipeline import paths
from phenovae.pipeline.stage import Outcome, Stage, Work


def _embed(work: Work) -> Outcome:
    from phenovae.cells.store import CellStore
    from phenovae.vae.embedding import embed

    store = CellStore.open(work.run / paths.CELLS)
    out = work.run / paths.EMBEDDINGS
    embed(work.run / paths.MODEL, store, out, work.config.embed, work.progress)
    return Outcome({"cells": len(store)})


EMBED = Stage(
    name="embed",
    version=1,
    needs=("cells", "train"),
    outputs=(paths.EMBEDDINGS,),
    options=lambda config: {"embed": config.embed.model_dump(mode="json")},
    perform=_embed,
    says="embedding every cell",
    verb="embed",
)
