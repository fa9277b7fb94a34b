"""Cells of a store to their embedding, by the model of a folder."""

from __future__ import annotations

from pathlib import Path

from phenovae.base.errors import InputError
from phenovae.base.progress import SILENT, Progress
from phenovae.cells.store import CellStore
from phenovae.cells.view import View
from phenovae.vae.blocks import embed_images
from phenovae.vae.data import StoreImages
from phenovae.vae.model_files import load_model
from phenovae.vae.options import EmbedOptions


def embed(
    model: Path,
    store: CellStore,
    out: Path,
    options: EmbedOptions,
    progress: Progress = SILENT,
) -> None:
    """Write the posterior mean of every cell of a store, flagged or not, with its metadata.

    Table EMBEDDINGS: `Metadata_*`, then `z_000 …` float32, averaged over the views asked for, in
    the order of the store. Finished blocks wait in `<out>.parts` until the table is whole, so
    that a killed run goes on; memory does not grow with the store. On the CPU equal input gives
    equal bytes. Plates that the model's view was not fitted on are fitted from their own cells.

    Raises InputError where the model cannot be loaded, its channels are not the store's, or the
    store is empty.
    """
    trained = load_model(model, options.device)
    if tuple(store.channels) != trained.card.channels:
        raise InputError(
            f"the store's channels are {', '.join(store.channels)}; the model was trained on "
            f"{', '.join(trained.card.channels)}",
            where=model,
            mend="embed a store of the same channels in the same order",
        )
    fitted = View.from_json(trained.card.origin.view)
    images = StoreImages(store, fitted.extended(store, trained.card.seed))
    embed_images(trained, images, store.table, out, options, store.fingerprint(), progress)
