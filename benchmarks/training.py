"""Training and embedding beside a plain PyTorch loop of the same network, and their memory.

    python benchmarks/training.py [--cells 2560] [--epochs 3] [--size medium]

Crops a second and ratios within this one run. The floor is the bare arithmetic: forward, backward
and Adam on one batch that never changes; the plain loop reads, resizes and scales crops in line, as
a short script would. Peak memory is measured in processes of their own, on stores of one and four
times the size.
"""

from __future__ import annotations

import argparse
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from cell_store import make_store

from phenovae.cells.store import CellStore
from phenovae.cells.view import ViewOptions, fit_view
from phenovae.vae.blocks import embed_images
from phenovae.vae.data import StoreImages
from phenovae.vae.model import Posterior, make_model
from phenovae.vae.model_files import Origin, Recipe, load_model
from phenovae.vae.options import EmbedOptions, ModelOptions, TrainOptions
from phenovae.vae.training import train

BATCH = 128


def images_of(store: CellStore) -> StoreImages:
    """The store through a view of 64 px."""
    return StoreImages(store, fit_view(store, np.arange(len(store)), ViewOptions(), 0))


def rate(work: Callable[[], object], cells: int) -> float:
    """Cells a second, best of two."""
    best = 0.0
    for _ in range(2):
        clock = time.perf_counter()
        work()
        best = max(best, cells / (time.perf_counter() - clock))
    return best


def recipe_of(size: str, epochs: int) -> Recipe:
    """The default model for some epochs on the CPU."""
    return Recipe(
        model=ModelOptions.model_validate({"size": size}),
        train=TrainOptions(epochs=epochs, batch=BATCH, device="cpu"),
    )


def plain_epoch(store: CellStore, images: StoreImages, size: str, *, reads: bool) -> None:
    """An epoch as a short script would write it; without reading, the floor."""
    model = make_model(images.shape, ModelOptions.model_validate({"size": size}), 0)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    order = np.random.default_rng(0).permutation(len(store))
    batch = torch.from_numpy(images.images(order[:BATCH]))
    for start in range(0, len(store) - BATCH + 1, BATCH):
        if reads:
            batch = torch.from_numpy(images.images(order[start : start + BATCH]))
        noise = torch.randn(BATCH, model.latent)
        output = model(batch, noise)
        kl = Posterior(output.mu, output.logvar, output.z).kl.sum(dim=1)
        optimiser.zero_grad(set_to_none=True)
        (output.nll + kl).mean().backward()
        optimiser.step()


def peak_of(store: Path, what: str, size: str) -> float:
    """Peak memory [MiB] of a process that trains an epoch, or embeds every cell."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure", what, "--store", str(store), "--size", size],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def measure_here(store_path: Path, what: str, size: str) -> None:
    """The work of `peak_of`'s process."""
    store = CellStore.open(store_path)
    images = images_of(store)
    rows = np.arange(len(store), dtype=np.int64)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        few = rows if what == "train" else rows[:BATCH]
        train(images, few, rows[:BATCH], recipe_of(size, 1), folder, origin=Origin())
        if what == "embed":
            out = Path(temporary) / "embeddings.parquet"
            model = load_model(folder, "cpu")
            embed_images(model, images, store.table, out, EmbedOptions(device="cpu"), "")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", type=int, default=2_560)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--size", default="medium")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    logging.getLogger("phenovae").setLevel(logging.ERROR)
    if asked.measure:
        measure_here(asked.store, asked.measure, asked.size)
        return
    with tempfile.TemporaryDirectory() as temporary:
        small, large = Path(temporary) / "small", Path(temporary) / "large"
        store = make_store(small, asked.cells)
        make_store(large, 4 * asked.cells)
        images = images_of(store)
        rows = np.arange(len(store), dtype=np.int64)
        folder = Path(temporary) / "model"
        cells = len(store) // BATCH * BATCH
        floor = rate(lambda: plain_epoch(store, images, asked.size, reads=False), cells)
        plain = rate(lambda: plain_epoch(store, images, asked.size, reads=True), cells)
        recipe = recipe_of(asked.size, asked.epochs)
        ours = rate(
            lambda: train(images, rows, rows[:BATCH], recipe, folder, resume=False),
            cells * asked.epochs,
        )
        model = load_model(folder, "cpu")
        out = Path(temporary) / "embeddings.parquet"
        options = EmbedOptions(device="cpu")
        embedded = rate(
            lambda: embed_images(model, images, store.table, out, options, ""), len(store)
        )
        one = torch.from_numpy(images.images(rows[: options.batch]))
        with torch.no_grad():
            encoder = rate(
                lambda: [model.model.encoder(one) for _ in range(len(store) // len(one))],
                len(store) // len(one) * len(one),
            )
        print(f"{'crops a second':>16}  {'of the floor':>12}")
        for name, value, base in (
            ("bare arithmetic of a step (the floor)", floor, floor),
            ("plain loop, reading in line", plain, floor),
            ("training: augmented, validated, checkpointed", ours, floor),
            ("bare encoder (the floor)", encoder, encoder),
            ("embedding into Parquet", embedded, encoder),
        ):
            print(f"{value:16,.0f}  {value / base:12.3f}  {name}")
        print(f"{'MiB at the peak':>16}  {'of ' + format(len(store), ',') + ' cells':>12}")
        for what in ("train", "embed"):
            least, most = peak_of(small, what, asked.size), peak_of(large, what, asked.size)
            print(f"{most:16,.0f}  {most / least:12.3f}  {what}, {4 * len(store):,} cells")


if __name__ == "__main__":
    main()
