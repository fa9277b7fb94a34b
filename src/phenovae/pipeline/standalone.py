"""Embedding cells of no run: those of any store, or of single-cell files that no store has yet."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from phenovae.base.progress import SILENT, Progress
from phenovae.cells.crop_folder import WantedCrops, open_crop_folder
from phenovae.cells.importing import ImportOptions, import_crops
from phenovae.cells.own_table import is_own_table
from phenovae.cells.refusals import Refusal, write_refusals
from phenovae.cells.store import CellStore
from phenovae.pipeline.config import Config
from phenovae.pipeline.screens import single_cell_screen
from phenovae.vae.options import ForeignScale


@dataclass(frozen=True)
class Embedded:
    """How many cells are in a table, how they were scaled, and the list of errors if there is one.

    `scaling` is a sentence without its full stop.
    """

    cells: int
    scaling: str
    errors: Path | None = None


def embed_store(
    model: Path,
    cells: Path,
    out: Path,
    config: Config,
    progress: Progress = SILENT,
    *,
    scale: ForeignScale = "crops",
    other_size: bool = False,
) -> Embedded:
    """Embed every cell of a store into the table `out`.

    Raises InputError where the model or the store cannot be read or do not fit.
    """
    from phenovae.vae.embedding import embed

    store = CellStore.open(cells)
    said = embed(model, store, out, config.embed, progress, scale=scale, other_size=other_size)
    return Embedded(len(store), said)


def embed_crops(
    model: Path,
    crops: Path,
    table: Path | None,
    out: Path,
    config: Config,
    progress: Progress = SILENT,
    *,
    scale: ForeignScale = "crops",
    other_size: bool = False,
) -> Embedded:
    """Embed single-cell files into the table `out`.

    Without a table, or with one that has a column `Metadata_File`, files may have any name; other
    tables are those of a screen, and files are named as that screen has them. Files that cannot be
    used are listed in `<out>.errors.parquet` with their reasons. Raises InputError where the model
    or the table cannot be read, or no file can be used.
    """
    errors = out.with_name(f"{out.name}.errors.parquet")
    errors.unlink(missing_ok=True)
    if table is None or is_own_table(table):
        found, refused = _of_any_name(
            model, crops, table, out, config, progress, scale, other_size=other_size
        )
    else:
        found, refused = _of_a_screen(
            model, crops, table, out, config, progress, scale, other_size=other_size
        )
    if not refused:
        return found
    write_refusals(refused, errors)
    return replace(found, errors=errors)


def _of_any_name(
    model: Path,
    crops: Path,
    table: Path | None,
    out: Path,
    config: Config,
    progress: Progress,
    scale: ForeignScale,
    *,
    other_size: bool,
) -> tuple[Embedded, Sequence[Refusal]]:
    from phenovae.vae.embedding import embed_folder
    from phenovae.vae.model_files import read_card

    card, pixel = read_card(model), config.input.pixel_size_um
    # Crops of other pixels are looked at as a whole, by how many µm wide they are.
    any_size = other_size or pixel is not None
    wanted = WantedCrops(
        card.channels, None if any_size else card.origin.crop_size, card.origin.dtype
    )
    folder = open_crop_folder(crops, wanted, table, progress)
    said = embed_folder(
        model,
        folder,
        out,
        config.embed,
        progress,
        scale=scale,
        pixel_size_um=pixel,
        other_size=other_size,
    )
    return Embedded(len(folder), said), folder.refused


def _of_a_screen(
    model: Path,
    crops: Path,
    table: Path,
    out: Path,
    config: Config,
    progress: Progress,
    scale: ForeignScale,
    *,
    other_size: bool,
) -> tuple[Embedded, Sequence[Refusal]]:
    from phenovae.vae.model_files import read_card

    named = config.input
    options = ImportOptions(
        crops=crops,
        table=table,
        moa=named.moa,
        channels=read_card(model).channels,
        pixel_size_um=named.pixel_size_um,
        quality=config.quality,
    )
    store = out.with_name(f".{out.name}.cells")
    try:
        report = import_crops(single_cell_screen(), options, store, progress)
        found = embed_store(model, store, out, config, progress, scale=scale, other_size=other_size)
    finally:
        shutil.rmtree(store, ignore_errors=True)
    return found, report.refused
