"""Runs to draw pictures of, made by hand: cells of squares, and models that nobody trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from phenovae.base.tables import write_table
from phenovae.cells.quality import QualityOptions
from phenovae.cells.splits import SPLITS, TRAIN, VALIDATION
from phenovae.cells.store import CellStore
from phenovae.cells.table import EMBEDDINGS
from phenovae.cells.view import ViewOptions, fit_view
from phenovae.cells.writing import StoreWriter
from phenovae.pipeline.config import Config, write_config
from phenovae.vae.model import VAE, make_model
from phenovae.vae.model_files import Card, Origin, Recipe, Summary, save_model

SIZE = 16
_STRONG, _DARK = 5.0, -1.5
CHANNELS = ("DAPI", "Tubulin", "Actin")
ODD = "<script>alert(1)</script> Cdk1/2 $x_1$"
PLATES = ("P1", "P2")
DOSES = {"DMSO": (0.0,), ODD: (0.3, 3.0), "taxol": (0.1, 1.0, 10.0)}


def table(cells: int) -> pd.DataFrame:
    """Cells of two plates: DMSO, an oddly named compound at two doses and taxol at three."""
    treatments = [(name, dose) for name, doses in DOSES.items() for dose in doses]
    rows = []
    for number in range(cells):
        name, dose = treatments[(number // 2) % len(treatments)]
        control = name == "DMSO"
        plate = PLATES[number * len(PLATES) // cells]
        rows.append(
            {
                "Metadata_Plate": plate,
                "Metadata_Well": f"A{(number // 2) % len(treatments) + 1:02d}",
                "Metadata_Replicate": 1,
                "Metadata_Batch": "B1",
                "Metadata_Compound": name,
                "Metadata_Concentration": dose,
                "Metadata_MoA": None if control else "a mechanism",
                "Metadata_Role": "negative_control" if control else "treatment",
                "Metadata_Site": 1,
                "Metadata_Field": f"{plate}_{number}",
                "Metadata_Cell": 0,
                "Metadata_File": f"cell_{number}.npy",
            }
        )
    return pd.DataFrame(rows)


def _strengthen(model: VAE, images: npt.NDArray[np.float32]) -> None:
    """Let cells differ in their latents and latents in their pictures, as after a training."""
    model.eval()
    with torch.no_grad():
        means = model.encoder(torch.from_numpy(images)).mu
        layer = model.encoder.mu
        spread = means.std(dim=0, correction=0)
        spread[spread == 0] = 1.0  # a single cell
        layer.bias.copy_((layer.bias - means.mean(dim=0)) / spread)
        layer.weight.div_(spread[:, None])
        for name, weights in model.decoder.named_parameters():
            weights.mul_(0.0 if name.endswith("bias") else _STRONG)
        weights.fill_(_DARK)  # the bias of the last layer: pictures are darker than half a range
        if model.codebooks is not None:
            random = np.random.default_rng(6).normal(size=model.codebooks.vectors.shape)
            model.codebooks.vectors.copy_(torch.from_numpy(random))


def make_run(
    folder: Path,
    channels: Sequence[str] = CHANNELS,
    cells: int = 48,
    model: dict[str, object] | None = None,
    *,
    trained: bool = True,
) -> Path:
    """A run with cells, splits, an untrained model and embeddings, as `phenovae figures` reads."""
    settings: dict[str, object] = {"size": "small", "latent": 8, **(model or {})}
    config = Config.model_validate(
        {
            "input": {"source": "crops"}, "view": {"size": SIZE}, "model": settings,
            "embed": {"device": "cpu"},
        }
    )  # fmt: skip
    write_config(config, folder / "config.yaml")
    rows = table(cells)
    random = np.random.default_rng(3)
    crops = random.integers(90, 130, (cells, len(channels), SIZE, SIZE)).astype(np.uint16)
    for number in range(cells):
        top = int(random.integers(2, 6))
        crops[number, :, top : top + 8, 4:12] += np.uint16(500 + 40 * (number % 7))
    with StoreWriter(
        folder / "cells", tuple(channels), (SIZE, SIZE), pixel_size_um=0.5, source="made by hand",
        options=QualityOptions(noise_share=1.0, contrast=0.0),
    ) as writer:  # fmt: skip
        for plate in PLATES:
            here = (rows["Metadata_Plate"] == plate).to_numpy()
            writer.add(plate, crops[here], rows[here].reset_index(drop=True))
        writer.finish()
    store = CellStore.open(folder / "cells")
    side = np.where(np.arange(cells) % 3 == 0, VALIDATION, TRAIN).astype(object)
    splits = pd.DataFrame(
        {"Row": np.arange(cells), "Group": [f"g{n}" for n in range(cells)], "Split": side}
    )
    write_table(splits, folder / "splits.parquet", SPLITS)
    if not trained:
        return folder
    view = fit_view(store, np.arange(cells), ViewOptions(size=SIZE), 0)
    shape = (len(channels), SIZE, SIZE)
    plates = PLATES if config.model.plates.code else ()
    made = make_model(shape, config.model, 1, len(plates))
    plate_of = store.table["Metadata_Plate"].tolist()
    _strengthen(made, view.apply(store.read(np.arange(cells)), plate_of))
    summary = Summary(
        epochs=1, steps=1, kept_epoch=1, kept_by="nothing", elbo=0.0, bits_per_dimension=0.0,
        kl=0.0, active_units=0, sigma=(0.1,), sigma_at_bound=False, collapsed=False,
        stopped_early=False,
    )  # fmt: skip
    card = Card(
        channels=tuple(channels), shape=shape, plates=plates, recipe=Recipe(model=config.model),
        origin=Origin(view=view.to_json()), seed=0, summary=summary,
    )  # fmt: skip
    (folder / "model").mkdir()
    save_model(folder / "model", made, card)
    embedded = rows.assign(
        **{f"z_{n:03d}": random.normal(size=cells).astype(np.float32) for n in range(3)}
    )
    write_table(embedded, folder / "embeddings.parquet", EMBEDDINGS)
    return folder
