from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq
import pytest

from phenovae.base.errors import InputError, PhenovaeError
from phenovae.base.tables import read_table
from phenovae.cells.table import CELL_METADATA, EMBEDDINGS
from phenovae.vae.augment import eight_views
from phenovae.vae.blocks import embed_images
from phenovae.vae.model_files import TrainedModel
from phenovae.vae.options import EmbedOptions

CELLS = 64


@pytest.fixture
def table() -> pd.DataFrame:
    """A table of cells, some without replicate or mechanism."""
    numbers = np.arange(CELLS)
    return pd.DataFrame(
        {
            "Metadata_Plate": "Week1_22123",
            "Metadata_Well": "B02",
            "Metadata_Replicate": pd.array([1, None] * (CELLS // 2), dtype="Int64"),
            "Metadata_Batch": "Week1",
            "Metadata_Compound": "Cdk1/2 inhibitor (NU6102)",
            "Metadata_Concentration": 0.3,
            "Metadata_MoA": [None, "Eg5 inhibitors"] * (CELLS // 2),
            "Metadata_Role": "treatment",
            "Metadata_Site": 1,
            "Metadata_Field": "field",
            "Metadata_Cell": numbers,
            "Metadata_File": [f"field_{number}.npy" for number in numbers],
            "Quality_Flag": "",
        }
    )


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 24 cells instead of thousands."""
    monkeypatch.setattr("phenovae.vae.blocks._BLOCK_CELLS", 24)


OPTIONS = EmbedOptions(batch=8)


@pytest.mark.usefixtures("small_blocks")
def test_every_cell_has_its_metadata_and_its_posterior_mean(
    toy: ModuleType,
    toy_model: TrainedModel,
    table: pd.DataFrame,
    tmp_path: Path,
    small_blocks: None,
) -> None:
    out = tmp_path / "a folder" / "embeddings.parquet"
    embed_images(toy_model, toy.ToyImages(), table, out, OPTIONS, "toy")
    found = read_table(out, EMBEDDINGS)
    assert list(found.columns) == [*CELL_METADATA, "z_000", "z_001", "z_002", "z_003"]
    assert found["Metadata_File"].tolist() == table["Metadata_File"].tolist()
    assert found["Metadata_Replicate"].isna().sum() == CELLS // 2
    mu, _ = toy_model.encode(toy.ToyImages().pixels)
    assert found.filter(like="z_").to_numpy() == pytest.approx(mu, abs=1e-6)
    assert pq.ParquetFile(out).metadata.num_row_groups == 3
    assert [each.name for each in out.parent.iterdir()] == ["embeddings.parquet"]


def test_eight_views_are_averaged(
    toy: ModuleType, toy_model: TrainedModel, table: pd.DataFrame, tmp_path: Path
) -> None:
    import torch

    out = tmp_path / "embeddings.parquet"
    readout = toy_model.card.recipe.model.readout.model_copy(update={"views": 8})
    model = toy_model.card.recipe.model.model_copy(update={"readout": readout})
    recipe = toy_model.card.recipe.model_copy(update={"model": model})
    turning = replace(toy_model, card=toy_model.card.model_copy(update={"recipe": recipe}))
    embed_images(turning, toy.ToyImages(), table, out, OPTIONS, "toy")
    views = eight_views(torch.from_numpy(toy.ToyImages().pixels)).numpy()
    mean = np.mean([toy_model.encode(np.ascontiguousarray(each))[0] for each in views], axis=0)
    found = read_table(out, EMBEDDINGS).filter(like="z_").to_numpy()
    assert found == pytest.approx(mean, abs=1e-6)


class Breaking:
    """Images that break when they are read for the N-th time, and count how often they are."""

    def __init__(self, toy: ModuleType, at: int = -1) -> None:
        self.inner = toy.ToyImages()
        self.channels, self.shape = self.inner.channels, self.inner.shape
        self.reads = 0
        self.at = at

    def images(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        self.reads += 1
        if self.reads == self.at:
            raise OSError("gone")
        pixels: npt.NDArray[np.float32] = self.inner.images(rows)
        return pixels

    def names(self, rows: npt.NDArray[np.int64]) -> list[str]:
        names: list[str] = self.inner.names(rows)
        return names


@pytest.mark.usefixtures("small_blocks")
def test_a_broken_embedding_goes_on_and_ends_in_the_same_bytes(
    toy: ModuleType,
    toy_model: TrainedModel,
    table: pd.DataFrame,
    tmp_path: Path,
    small_blocks: None,
) -> None:
    whole, broken = tmp_path / "whole.parquet", tmp_path / "broken.parquet"
    embed_images(toy_model, toy.ToyImages(), table, whole, OPTIONS, "toy")
    with pytest.raises(OSError, match="gone"):
        embed_images(toy_model, Breaking(toy, at=5), table, broken, OPTIONS, "toy")
    assert not broken.exists()
    rest = Breaking(toy)
    embed_images(toy_model, rest, table, broken, OPTIONS, "toy")
    assert rest.reads == 5
    assert broken.read_bytes() == whole.read_bytes()


@pytest.mark.usefixtures("small_blocks")
def test_blocks_of_other_cells_and_torn_blocks_are_made_anew(
    toy: ModuleType,
    toy_model: TrainedModel,
    table: pd.DataFrame,
    tmp_path: Path,
    small_blocks: None,
) -> None:
    out = tmp_path / "e.parquet"
    with pytest.raises(OSError, match="gone"):
        embed_images(toy_model, Breaking(toy, at=8), table, out, OPTIONS, "toy")
    (tmp_path / "e.parquet.parts" / "part-00001.parquet").write_bytes(b"torn")
    rest = Breaking(toy)
    with pytest.raises(OSError, match="gone"):
        embed_images(toy_model, Breaking(toy, at=4), table, out, OPTIONS, "toy")
    embed_images(toy_model, rest, table, out, OPTIONS, "others")
    assert rest.reads == 8


def test_a_cell_whose_embedding_is_no_number_is_named(
    toy: ModuleType, toy_model: TrainedModel, table: pd.DataFrame, tmp_path: Path
) -> None:
    images = toy.ToyImages()
    images.pixels[13] = np.nan
    with pytest.raises(PhenovaeError, match="1 cells") as caught:
        embed_images(toy_model, images, table, tmp_path / "e.parquet", OPTIONS, "toy")
    assert caught.value.where == "cell_13.npy"


def test_no_cell_and_other_shapes_are_refused(
    toy: ModuleType, toy_model: TrainedModel, table: pd.DataFrame, tmp_path: Path
) -> None:
    out = tmp_path / "e.parquet"
    with pytest.raises(InputError, match="no cell to embed"):
        embed_images(toy_model, toy.ToyImages(), table.iloc[:0], out, OPTIONS, "toy")
    with pytest.raises(InputError, match="do not fit"):
        embed_images(toy_model, toy.ToyImages(size=32), table, out, OPTIONS, "toy")
