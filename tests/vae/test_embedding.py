from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenovae.base.errors import InputError
from phenovae.base.tables import read_table
from phenovae.cells.store import CellStore
from phenovae.cells.table import EMBEDDINGS
from phenovae.cells.view import ViewOptions, fit_view
from phenovae.cells.writing import StoreWriter
from phenovae.vae.data import StoreImages
from phenovae.vae.embedding import embed
from phenovae.vae.model_files import Origin, Recipe, load_model
from phenovae.vae.options import EmbedOptions
from phenovae.vae.training import train

_STEPS = np.linspace(-2, 2, 20)
_BLOB = np.exp(-(_STEPS[:, None] ** 2) - _STEPS[None, :] ** 2)


def _store(folder: Path, plates: tuple[str, ...], channels: tuple[str, ...]) -> CellStore:
    random = np.random.default_rng(0)
    with StoreWriter(folder, channels, (20, 20), source="test") as writer:
        for plate in plates:
            bright = random.uniform(2000, 8000, (24, len(channels), 1, 1))
            noise = random.normal(300, 10, (24, len(channels), 20, 20))
            crops = (bright * _BLOB + noise).astype(np.uint16)
            table = pd.DataFrame(
                {
                    "Metadata_Plate": plate,
                    "Metadata_Well": "B02",
                    "Metadata_Replicate": pd.array([1] * 24, dtype="Int64"),
                    "Metadata_Batch": plate.partition("_")[0],
                    "Metadata_Compound": "DMSO",
                    "Metadata_Concentration": 0.0,
                    "Metadata_MoA": [None] * 24,
                    "Metadata_Role": "negative_control",
                    "Metadata_Site": 1,
                    "Metadata_Field": f"{plate}_field",
                    "Metadata_Cell": np.arange(24),
                    "Metadata_File": [f"{plate}_{cell}.npy" for cell in range(24)],
                }
            )
            writer.add(plate, crops, table)
        writer.finish()
    return CellStore.open(folder)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CellStore]:
    """A model's folder and the store that it was trained on."""
    folder = tmp_path_factory.mktemp("embedding")
    store = _store(folder / "store", ("Week1_1", "Week2_2"), ("DAPI", "Actin"))
    rows = np.arange(len(store))
    view = fit_view(store, rows, ViewOptions(size=16), 0)
    recipe = Recipe.model_validate(
        {
            "model": {"size": "small", "latent": 3},
            "train": {"epochs": 1, "batch": 16, "device": "cpu"},
        }
    )
    origin = Origin(view=view.to_json(), store=store.fingerprint())
    train(StoreImages(store, view), rows[:32], rows[32:], recipe, folder / "model", origin=origin)
    return folder / "model", store


def test_every_cell_of_a_store_is_embedded_twice_with_the_same_bytes(
    places: tuple[Path, CellStore], tmp_path: Path
) -> None:
    model, store = places
    for name in ("one", "two"):
        embed(model, store, tmp_path / name, EmbedOptions(device="cpu"))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    found = read_table(tmp_path / "one", EMBEDDINGS)
    assert found["Metadata_File"].tolist() == store.table["Metadata_File"].tolist()
    assert found.filter(like="z_").shape == (48, 3)


def test_the_models_view_is_what_the_store_is_seen_through(
    places: tuple[Path, CellStore], tmp_path: Path
) -> None:
    model, store = places
    embed(model, store, tmp_path / "e", EmbedOptions(device="cpu"))
    view = fit_view(store, np.arange(len(store)), ViewOptions(size=16), 0)
    images = StoreImages(store, view)
    assert images.shape == (2, 16, 16)
    assert images.names(np.array([30])) == ["Week2_2_6.npy"]
    mu, _ = load_model(model).encode(images.images(np.arange(len(store))))
    found = read_table(tmp_path / "e", EMBEDDINGS).filter(like="z_").to_numpy()
    assert found == pytest.approx(mu, abs=1e-6)


def test_a_store_of_new_plates_is_embedded_too(
    places: tuple[Path, CellStore], tmp_path: Path
) -> None:
    store = _store(tmp_path / "new", ("Week9_9",), ("DAPI", "Actin"))
    embed(places[0], store, tmp_path / "e", EmbedOptions(device="cpu"))
    assert len(read_table(tmp_path / "e", EMBEDDINGS)) == 24


def test_a_store_of_other_channels_is_refused(
    places: tuple[Path, CellStore], tmp_path: Path
) -> None:
    store = _store(tmp_path / "other", ("Week1_1",), ("Actin", "DAPI"))
    with pytest.raises(InputError, match="Actin, DAPI"):
        embed(places[0], store, tmp_path / "e", EmbedOptions(device="cpu"))


def test_a_model_folder_without_a_card_is_refused(
    places: tuple[Path, CellStore], tmp_path: Path
) -> None:
    shutil.copytree(places[0], tmp_path / "model")
    (tmp_path / "model" / "model.json").unlink()
    with pytest.raises(InputError, match=r"no model\.json"):
        embed(tmp_path / "model", places[1], tmp_path / "e", EmbedOptions(device="cpu"))
