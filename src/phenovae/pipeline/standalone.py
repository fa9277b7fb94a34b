"""Embedding cells of no run: those of any store, or of single-cell files that no store has yet."""

from __future__ import annotations

import shutil
from pathlib import Path

from phenovae.base.progress import SILENT, Progress
from phenovae.cells.importing import ImportOptions, import_crops
from phenovae.cells.refusals import write_refusals
from phenovae.cells.store import CellStore
from phenovae.pipeline.config import Config
from phenovae.pipeline.screens import single_cell_screen


def embed_store(
    model: Path, cells: Path, out: Path, config: Config, progress: Progress = SILENT
) -> int:
    """Embed every cell of a store into the table `out`; return how many there are.

    Raises InputError where the model or the store cannot be read or do not fit.
    """
    from phenovae.vae.embedding import embed

    store = CellStore.open(cells)
    embed(model, store, out, config.embed, progress)
    return len(store)


def embed_crops(
    model: Path, crops: Path, table: Path, out: Path, config: Config, progress: Progress = SILENT
) -> tuple[int, Path | None]:
    """Embed single-cell files into the table `out`; return how many, and the list of errors if any.

    The files are read as the channels that the model was trained on, into a store beside `out`
    that is removed again. Files that cannot be used are listed in `<out>.errors.parquet` with their
    reasons. Raises InputError where the model or the table cannot be read, or no file can be used.
    """
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
    errors = out.with_name(f"{out.name}.errors.parquet")
    errors.unlink(missing_ok=True)
    try:
        report = import_crops(single_cell_screen(), options, store, progress)
        embed_store(model, store, out, config, progress)
    finally:
        shutil.rmtree(store, ignore_errors=True)
    if not report.refused:
        return report.imported, None
    write_refusals(report.refused, errors)
    return report.imported, errors
