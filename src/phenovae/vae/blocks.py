"""Embedding in blocks: bounded memory, finished blocks kept, joined when all are there."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from phenovae.base.errors import InputError, PhenovaeError
from phenovae.base.files import read_json, sha256_of, write_json, writing
from phenovae.base.progress import SILENT, Bar, Progress
from phenovae.base.tables import Schema, write_table
from phenovae.cells.table import EMBEDDINGS
from phenovae.vae.data import Images, Pixels, Rows, Shape, read_ahead
from phenovae.vae.devices import deterministic
from phenovae.vae.memory import keeping_memory
from phenovae.vae.options import EmbedOptions

_LOG = logging.getLogger("phenovae.vae")
_BLOCK_CELLS = 8192
_FORMAT = 1


class Embedder(Protocol):
    """What turns images into an embedding, and what marks its unfinished blocks as its own."""

    @property
    def shape(self) -> Shape:
        """Channels, height and width of the images that it takes."""

    @property
    def kind(self) -> str:
        """The kind of device that it computes on: cpu, cuda or mps."""

    @property
    def weights_hash(self) -> str:
        """What tells its weights, and how they are used, from others."""

    @property
    def view(self) -> dict[str, object]:
        """The view of the images, as JSON-able values."""

    def embed(self, images: Pixels) -> Pixels:
        """The embedding (n, dimension), float32, of images (n, channel, height, width)."""


def embed_images(
    trained: Embedder,
    images: Images,
    table: pd.DataFrame,
    out: Path,
    options: EmbedOptions,
    source: str,
    progress: Progress = SILENT,
    schema: Schema = EMBEDDINGS,
) -> None:
    """Embed images whose metadata are the rows of `table`; `source` is their fingerprint.

    The table that is written has the columns of `schema` and the embedding.

    Raises InputError where there is no image or their shape is not the model's, PhenovaeError where
    an embedding is not a number.
    """
    if not len(table):
        raise InputError("there is no cell to embed")
    if images.shape != trained.shape:
        raise InputError(
            f"images of {images.shape} (channel, height, width) do not fit a model of "
            f"{trained.shape}"
        )
    key = sha256_of(
        {
            "format": _FORMAT,
            "model": trained.weights_hash,
            "view": trained.view,
            "source": source,
            "columns": list(schema.names),
            "cells": len(table),
            "batch": options.batch,
            "device": trained.kind,
        }
    )
    parts = out.with_name(f"{out.name}.parts")
    _prepare(parts, key)
    size = options.batch * max(1, _BLOCK_CELLS // options.batch)
    every = np.arange(len(table), dtype=np.int64)
    blocks = {
        parts / f"part-{number:05d}.parquet": every[start : start + size]
        for number, start in enumerate(range(0, len(table), size))
    }
    waiting = {file: rows for file, rows in blocks.items() if not _whole(file, len(rows))}
    cells = len(table) - sum(len(rows) for rows in waiting.values())
    with (
        progress.bar("embedding", len(table), cells) as bar,
        deterministic(trained.kind),
        keeping_memory(),
    ):
        for file, rows in waiting.items():
            latents = _embeddings(trained, images, rows, options, bar)
            write_table(_with_latents(table[list(schema.names)], rows, latents), file, schema)
    _join(list(blocks), out)
    shutil.rmtree(parts, ignore_errors=True)


def _prepare(parts: Path, key: str) -> None:
    mark = parts / "key.json"
    if mark.exists():
        try:
            if read_json(mark) == key:
                return
        except InputError:
            _LOG.info("the mark of unfinished blocks is damaged: %s", mark)
        _LOG.info("unfinished blocks are of another model or other cells; starting anew")
    shutil.rmtree(parts, ignore_errors=True)
    write_json(mark, key)


def _whole(file: Path, rows: int) -> bool:
    if not file.exists():
        return False
    try:
        with pq.ParquetFile(file) as part:
            return bool(part.metadata.num_rows == rows)
    except (OSError, pa.ArrowInvalid):
        return False


def _embeddings(
    trained: Embedder, images: Images, rows: Rows, options: EmbedOptions, bar: Bar
) -> npt.NDArray[np.float32]:
    batches = [rows[at : at + options.batch] for at in range(0, len(rows), options.batch)]
    means: list[Pixels] = []
    for block, pixels in read_ahead(images, batches, workers=1):
        mean = trained.embed(pixels)
        if not np.isfinite(mean).all():
            sick = np.flatnonzero(~np.isfinite(mean).all(axis=1))
            raise PhenovaeError(
                f"the embedding of {len(sick)} cells is not a number",
                where=", ".join(images.names(block[sick[:5]])),
                mend="look for NaN in their pixels, or train the model anew",
            )
        means.append(mean)
        bar.advance(len(block))
    return np.concatenate(means)


def _with_latents(
    table: pd.DataFrame, rows: Rows, latents: npt.NDArray[np.float32]
) -> pd.DataFrame:
    metadata = table.iloc[rows].reset_index(drop=True)
    names = [f"z_{number:03d}" for number in range(latents.shape[1])]
    return pd.concat([metadata, pd.DataFrame(latents, columns=names)], axis=1)


def _join(files: list[Path], out: Path) -> None:
    """Put the blocks together, one row group each."""
    schema = pq.read_schema(files[0])
    with (
        writing(out) as partial,
        pq.ParquetWriter(partial, schema, compression="zstd") as writer,
    ):
        for file in files:
            with pq.ParquetFile(file) as part:
                writer.write_table(part.read())
