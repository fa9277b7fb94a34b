"""Images of every kind of model are judged, in batches that may hold no cell of the whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.pipeline.figure_world import CHANNELS, make_run

from phenovae.cells.splits import read_splits
from phenovae.cells.store import CellStore
from phenovae.cells.view import View
from phenovae.evaluate.generation.choosing import choose_cells, treatments_of
from phenovae.evaluate.generation.measuring import measure
from phenovae.evaluate.generation.names import (
    POSTERIOR,
    PRIOR,
    REAL,
    RECONSTRUCTED,
    TEXTURE,
)
from phenovae.evaluate.generation.options import GenerationOptions
from phenovae.evaluate.generation.record import make_record
from phenovae.vae.data import StoreImages
from phenovae.vae.model_files import load_model

OPTIONS = GenerationOptions(
    cells=8, fewest_held_out=8, treatment_cells=8, halves=2, draws=100, batch=2, device="cpu"
)


@pytest.mark.parametrize(
    ("channels", "model"),
    [
        (CHANNELS, {}),
        (("DAPI",), {}),
        (CHANNELS, {"codes": {"count": 4, "parts": 4}}),
        (CHANNELS, {"plates": {"code": 3}}),
    ],
    ids=["plain", "one channel", "codes", "plates"],
)
def test_any_model_is_judged_whole_and_by_treatment(
    tmp_path: Path, channels: tuple[str, ...], model: dict[str, object]
) -> None:
    run = make_run(tmp_path, channels, 48, model)
    trained, store = load_model(run / "model", "cpu"), CellStore.open(run / "cells")
    sides = read_splits(run / "splits.parquet", len(store))["Split"].to_numpy(dtype=object)
    chosen = choose_cells(store.table, sides, OPTIONS, 0)
    blocks = np.array_split(chosen.rows, range(2, len(chosen.rows), 2))
    assert any(not np.isin(block, chosen.together).any() for block in blocks)
    images = StoreImages(store, View.from_json(trained.card.origin.view))
    found = measure(trained, images, chosen, treatments_of(store.table), OPTIONS)
    samples = found.spaces[TEXTURE]
    whole, every = len(chosen.together), len(chosen.rows)
    of_codes = "codes" in model
    assert {name: len(values) for name, values in samples.items()} == {
        REAL: every,
        PRIOR: whole,
        RECONSTRUCTED: every if of_codes else whole,
        **({} if of_codes else {POSTERIOR: every}),
    }
    assert all(np.isfinite(values).all() for values in samples.values())
    told = make_record(found, chosen, store.table, store.channels, OPTIONS, 0)
    assert told["cells"] == whole
    assert "NaN" not in json.dumps(told)
