"""Cells of a store, or of a folder of files, to their embedding by the model of a folder."""

from __future__ import annotations

from pathlib import Path

from phenovae.base.files import sha256_of
from phenovae.base.progress import SILENT, Progress
from phenovae.cells.crop_folder import CropFolder
from phenovae.cells.store import CellStore
from phenovae.vae.blocks import embed_images
from phenovae.vae.data import StoreImages
from phenovae.vae.intake import check_channels, check_pixels, view_of
from phenovae.vae.model_files import load_model
from phenovae.vae.options import EmbedOptions, ForeignScale


def embed(
    model: Path,
    store: CellStore,
    out: Path,
    options: EmbedOptions,
    progress: Progress = SILENT,
    *,
    scale: ForeignScale = "crops",
    other_size: bool = False,
) -> str:
    """Write the embedding of every cell of a store, flagged or not, with its metadata.

    Table EMBEDDINGS: `Metadata_*`, then `z_000 …` float32, as the model's readout has them, in
    the order of the store. Finished blocks wait in `<out>.parts` until the table is whole, so
    that a killed run goes on; memory does not grow with the store. On the CPU equal input gives
    equal bytes. Plates that the model's view was not fitted on are scaled by their own cells, or
    as the training screen was. Returns in words how crops are scaled.

    Raises InputError where the model cannot be loaded, its channels, bit depth or size of crops are
    not the store's, or the store is empty.
    """
    trained = load_model(model, options.device)
    check_channels(trained.card, store.channels)
    check_pixels(
        trained.card, store.crop_size, store.card.dtype, store.pixel_size_um, other_size=other_size
    )
    view, said = view_of(trained.card, store, scale, plates_known=True)
    images = StoreImages(store, view)
    mark = store.fingerprint() if scale == "crops" else sha256_of([store.fingerprint(), scale])
    embed_images(trained, images, store.table, out, options, mark, progress)
    return said


def embed_folder(
    model: Path,
    crops: CropFolder,
    out: Path,
    options: EmbedOptions,
    progress: Progress = SILENT,
    *,
    scale: ForeignScale = "crops",
    pixel_size_um: float | None = None,
    other_size: bool = False,
) -> str:
    """Write the embedding of every file of a folder: `Metadata_File`, what its table says, `z_…`.

    All else is as in `embed`.
    """
    trained = load_model(model, options.device)
    check_channels(trained.card, crops.channels)
    check_pixels(trained.card, crops.crop_size, crops.dtype, pixel_size_um, other_size=other_size)
    view, said = view_of(trained.card, crops, scale, plates_known=crops.knows_plates)
    images = StoreImages(crops, view)
    mark = sha256_of([crops.fingerprint(), scale])
    embed_images(trained, images, crops.table, out, options, mark, progress, crops.schema)
    return said
