"""What training and embedding cost beside a plain PyTorch loop of the same networks.

    python benchmarks/model_cost.py [--cells 4096] [--epochs 3] [--device cpu] [--compile]
    python benchmarks/model_cost.py --crops FOLDER --metadata CSV [--to-error]

The networks are those of examples/bbbc021_crops.yaml (default) and examples/bbbc021_original.yaml
(original). The plain loop reads cells one by one from HDF5 with a gzip chunk each, which hold the
very images that the network sees, so it has neither to scale nor to resize them; it neither
augments, nor validates, nor writes checkpoints. Floating-point operations are those that PyTorch
counts of forward and backward, so that rates leave everything else out. All is timed in one run, on
the wall clock: other work on the machine is in it.

`--to-error` also trains the original for 40 epochs, takes its lowest validation error (mean squared
error of the images) and times how long the default takes to get as low. Errors of two views cannot
be compared, so the default is trained on the original's view there: all else of it is as it is.
"""

from __future__ import annotations

import argparse
import logging
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import h5py
import numpy as np
import pandas as pd
import torch
from scipy.ndimage import gaussian_filter
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from phenovae.base.options import Options
from phenovae.cells.importing import ImportOptions, import_crops
from phenovae.cells.splits import TRAIN, VALIDATION, make_splits
from phenovae.cells.store import CellStore
from phenovae.cells.table import CELL_METADATA
from phenovae.cells.view import ViewOptions, fit_view
from phenovae.cells.writing import StoreWriter
from phenovae.pipeline.config import Config, load_config
from phenovae.pipeline.examples import example
from phenovae.pipeline.screens import single_cell_screen
from phenovae.vae import decoders, encoders, readout, trainer, training
from phenovae.vae.blocks import embed_images
from phenovae.vae.data import Rows, StoreImages
from phenovae.vae.devices import deterministic, device_name, precision_of
from phenovae.vae.model import Posterior, make_model
from phenovae.vae.model_files import Recipe, TrainedModel, load_model
from phenovae.vae.options import AugmentOptions, EmbedOptions
from phenovae.vae.readout import features_of
from phenovae.vae.resident import Reader, reader_of
from phenovae.vae.stepper import Stepper
from phenovae.vae.validation import Measured, measure

NETWORKS = {"default": "bbbc021_crops", "original": "bbbc021_original"}
BLOCK = 512


@dataclass(frozen=True)
class Subject:
    """A network's configuration, the images as it sees them, and who learns from which."""

    name: str
    config: Config
    store: CellStore
    images: StoreImages
    rows: Rows
    held_out: Rows
    device: str

    def recipe(self, epochs: int, *, bare: bool = False, compiled: bool = False) -> Recipe:
        """Its recipe without a readout to learn; `bare`: the ELBO of unchanged images alone."""
        given = self.config
        objective, augment = given.objective, given.augment
        if bare:
            objective = _changed(objective, terms=("reconstruction", "kl"))
            augment = AugmentOptions(dihedral=False)
        return Recipe(
            model=_changed(given.model, readout=_changed(given.model.readout, components=0)),
            objective=objective,
            augment=augment,
            train=_changed(given.train, epochs=epochs, device=self.device, compile=compiled),
        )

    @property
    def batch(self) -> int:
        """Cells of a step."""
        return min(self.config.train.batch, len(self.rows))

    @property
    def mixed(self) -> bool:
        """Whether it is trained in bfloat16."""
        return precision_of(_changed(self.config.train, device=self.device)) == "bf16"


def _changed(options: Options, **values: object) -> Options:
    return type(options).model_validate({**options.model_dump(), **values})


class PlainCells(Dataset):
    """Cells one by one from HDF5."""

    def __init__(self, path: Path, count: int) -> None:
        self.images = h5py.File(path, "r")["images"]
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> torch.Tensor:
        return torch.from_numpy(self.images[number].astype(np.float32) / 65535)


def blob_store(folder: Path, cells: int) -> CellStore:
    """A store of drawn cells: discs with a soft texture in three channels, on two plates."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:68, :68] - 33.5
    with StoreWriter(folder, ("DAPI", "Actin", "Tubulin"), (68, 68), source="benchmark") as writer:
        for plate in ("one", "two"):
            for start in range(0, cells // 2, BLOCK):
                count = min(BLOCK, cells // 2 - start)
                texture = gaussian_filter(random.normal(size=(count, 3, 68, 68)), (0, 0, 2, 2))
                radius = random.uniform([8, 16, 14], [14, 30, 28], (count, 3))[:, :, None, None]
                disc = 1 / (1 + np.exp(np.hypot(y, x) - radius))
                bright = random.uniform(4000, 20000, (count, 3, 1, 1))
                crops = bright * disc * (1 + 4 * texture) + random.normal(400, 30, texture.shape)
                table = pd.DataFrame({name: ["x"] * count for name in CELL_METADATA}).assign(
                    Metadata_Plate=plate,
                    Metadata_Well=[f"B{2 + number % 10:02d}" for number in range(count)],
                    Metadata_Replicate=1,
                    Metadata_Concentration=0.0,
                    Metadata_Site=1,
                    Metadata_Cell=range(start, start + count),
                    Metadata_Role="negative_control",
                )
                writer.add(plate, np.clip(crops, 0, 65535).astype(np.uint16), table)
        writer.finish()
    return CellStore.open(folder)


def imported_store(folder: Path, crops: Path, metadata: Path, channels: Sequence[str]) -> CellStore:
    """The store of single-cell files."""
    options = ImportOptions(crops=crops, table=metadata, channels=tuple(channels))
    import_crops(single_cell_screen(), options, folder)
    return CellStore.open(folder)


def subject(name: str, store: CellStore, cells: int, device: str, view: ViewOptions | None = None):
    """A network with its images; of a view of its own, or the one that is given."""
    config = load_config(example(NETWORKS[name]))
    side = make_splits(store.table, config.split, 0)["Split"].to_numpy(dtype=object)
    random = np.random.default_rng(0)

    def some(which: str, most: int) -> Rows:
        found = np.flatnonzero(side == which)
        return np.sort(random.permutation(found)[:most])

    rows, held_out = some(TRAIN, cells), some(VALIDATION, max(1, cells // 8))
    images = StoreImages(store, fit_view(store, rows, view or config.view, 0))
    return Subject(name, config, store, images, rows, held_out, device)


def write_hdf5(path: Path, seen: Subject) -> None:
    """The training images as the network sees them, 16 bits, a gzip chunk each."""
    shape = seen.images.shape
    with h5py.File(path, "w") as file:
        images = file.create_dataset(
            "images", (len(seen.rows), *shape), "u2", chunks=(1, *shape), compression="gzip"
        )
        for start in range(0, len(seen.rows), BLOCK):
            pixels = seen.images.images(seen.rows[start : start + BLOCK])
            images[start : start + BLOCK] = np.round(pixels * 65535).astype(np.uint16)


def plain_training(seen: Subject, path: Path, epochs: int) -> float:
    """Cells a second of a short script's loop over the ELBO."""
    place = torch.device(seen.device)
    model = make_model(seen.images.shape, seen.config.model, 0)
    model = model.to(place, memory_format=torch.contiguous_format)  # as a short script leaves it
    optimiser = torch.optim.Adam(model.parameters(), lr=seen.config.train.learning_rate)
    cells = PlainCells(path, len(seen.rows))
    loader = DataLoader(cells, seen.batch, shuffle=True, drop_last=True)
    clock = time.perf_counter()
    for _ in range(epochs):
        for batch in loader:
            images = batch.to(place)
            with torch.autocast(place.type, torch.bfloat16) if seen.mixed else nullcontext():
                output = model(images, torch.randn(len(images), model.latent, device=place))
                kl = Posterior(output.mu, output.logvar, output.z).kl.sum(dim=1)
                loss = (output.nll + kl).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
    _wait(seen.device)
    return epochs * len(loader) * seen.batch / (time.perf_counter() - clock)


def our_training(
    seen: Subject, folder: Path, epochs: int, *, bare: bool = False, compiled: bool = False
) -> tuple[float, float]:
    """Cells a second of the whole loop, and the share of its time that it waits for images."""
    waited = 0.0

    def timed(*arguments: object) -> Reader:
        read = reader_of(*arguments)

        def reading(rows: Sequence[Rows]) -> Iterator[object]:
            nonlocal waited
            batches = iter(read(rows))
            while True:
                clock = time.perf_counter()
                batch = next(batches, None)
                waited += time.perf_counter() - clock
                if batch is None:
                    return
                yield batch

        return reading

    clock = time.perf_counter()
    with patch.object(trainer, "reader_of", timed):
        _train(seen, folder, seen.recipe(epochs, bare=bare, compiled=compiled))
    seconds = time.perf_counter() - clock
    return epochs * (len(seen.rows) // seen.batch) * seen.batch / seconds, waited / seconds


def _train(seen: Subject, folder: Path, recipe: Recipe) -> None:
    training.train(
        seen.images,
        seen.rows,
        seen.held_out,
        recipe,
        folder,
        wells=seen.store.table.groupby(["Metadata_Plate", "Metadata_Well"]).ngroup().to_numpy(),
        per_well=seen.config.sampling.per_well,
        resume=False,
    )


def operations(seen: Subject, folder: Path, *, bare: bool) -> float:
    """Floating-point operations of a step, forward and backward, for each cell."""
    counted: list[int] = []
    step = Stepper.step

    def counting(*arguments: object, **named: object) -> dict[str, float]:
        with FlopCounterMode(display=False) as counter:
            figures = step(*arguments, **named)
        counted.append(counter.get_total_flops())
        return figures

    few = Subject(**{**vars(seen), "rows": seen.rows[: seen.batch], "held_out": seen.held_out[:2]})
    with patch.object(Stepper, "step", counting):
        _train(few, folder, few.recipe(1, bare=bare))
    return counted[0] / seen.batch


def product_rate(size: int, dtype: torch.dtype, device: str) -> float:
    """Operations a second of a product of two square matrices, best of five."""
    one, other = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = math.inf
    for _ in range(6):
        clock = time.perf_counter()
        one @ other
        _wait(device)
        best = min(best, time.perf_counter() - clock)
    return 2 * size**3 / best


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def plain_embedding(seen: Subject, path: Path, model: TrainedModel) -> float:
    """Cells a second of a short script's loop: one by one from HDF5, float32, no gradient."""
    loader = DataLoader(PlainCells(path, len(seen.rows)), seen.batch)
    network = model.model.to(memory_format=torch.contiguous_format)
    clock = time.perf_counter()
    with _as_given(), torch.no_grad():
        found = [
            features_of(network.encoder, batch.to(seen.device), seen.config.model.readout).cpu()
            for batch in loader
        ]
    return sum(map(len, found)) / (time.perf_counter() - clock)


def our_embedding(seen: Subject, model: TrainedModel, out: Path) -> float:
    """Cells a second from the store into Parquet, all in."""
    some = _Some(seen)
    clock = time.perf_counter()
    embed_images(model, some, some.table, out, EmbedOptions(device=seen.device), "benchmark")
    return len(seen.rows) / (time.perf_counter() - clock)


class _Some:
    """The training rows of a subject's images as if there were no others."""

    def __init__(self, seen: Subject) -> None:
        self.seen, self.shape, self.channels = seen, seen.images.shape, seen.images.channels
        self.table = seen.store.table.iloc[seen.rows].reset_index(drop=True)

    def images(self, rows: Rows) -> np.ndarray:
        return self.seen.images.images(self.seen.rows[rows])

    def names(self, rows: Rows) -> list[str]:
        return self.seen.images.names(self.seen.rows[rows])


class _as_given:  # noqa: N801 - used as the context that it is
    """Images stay in the order that they have: no channels-last."""

    def __enter__(self) -> None:
        self.patches = [
            patch.object(module, "in_fast_order", lambda images: images)
            for module in (decoders, encoders, readout)
        ]
        for each in self.patches:
            each.start()

    def __exit__(self, *_: object) -> None:
        for each in self.patches:
            each.stop()


def encoder_rates(seen: Subject, model: TrainedModel) -> dict[str, float]:
    """Cells a second of the encoder and its readout alone, images in memory, with what is named."""
    images = torch.from_numpy(seen.images.images(seen.rows[: seen.batch])).to(seen.device)
    rates = {}
    for name, last, inference, mixed in (
        ("no_grad, float32", False, False, False),
        ("and channels-last", True, False, False),
        ("and inference mode: as phenovae embeds", True, True, False),
        ("and bfloat16", True, True, True),
    ):
        order = torch.channels_last if last else torch.contiguous_format
        network = model.model.to(memory_format=order)
        batch = images.contiguous(memory_format=order)
        best = 0.0
        for _ in range(4):
            clock = time.perf_counter()
            with (
                nullcontext() if last else _as_given(),
                torch.inference_mode() if inference else torch.no_grad(),
                torch.autocast(seen.device, torch.bfloat16) if mixed else nullcontext(),
            ):
                features_of(network.encoder, batch, seen.config.model.readout)
                _wait(seen.device)
            best = max(best, len(batch) / (time.perf_counter() - clock))
        rates[name] = best
    return rates


class _LowEnoughError(Exception):
    """The error that was asked for is reached."""


def errors_of(seen: Subject, folder: Path, epochs: int, target: float) -> list[tuple[float, float]]:
    """Seconds since the start and validation error after each epoch, until the target is reached.

    The error is the mean squared one of images rebuilt from one draw of z, over pixels, channels
    and cells.
    """
    told: list[tuple[float, float]] = []
    clock = time.perf_counter()

    def measured(*arguments: object, **named: object) -> Measured:
        found = measure(*arguments, **named)
        told.append((time.perf_counter() - clock, float(found.squared_error.mean())))
        if told[-1][1] <= target:
            raise _LowEnoughError
        return found

    try:
        with patch.object(trainer, "measure", measured):
            _train(seen, folder, seen.recipe(epochs))
    except _LowEnoughError:
        pass
    return told


def tell(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table."""
    print("\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    print(flush=True)


def tell_training(
    subjects: Sequence[Subject], work: Path, epochs: int, size: int, *, compiled: bool
) -> None:
    """Train every network in every way, and print."""
    rows = []
    for seen in subjects:
        dtype = torch.bfloat16 if seen.mixed else torch.float32
        folder = work / f"{seen.name}-model"
        most = product_rate(size, dtype, seen.device)
        bare, whole = (operations(seen, folder, bare=each) for each in (True, False))
        plain = plain_training(seen, _hdf5(work, seen), epochs)
        ours, waits = our_training(seen, folder, epochs, bare=True)
        full, waits_full = our_training(seen, folder, epochs)
        ways = [
            ("plain loop, ELBO", plain, None, bare),
            ("phenovae, the same ELBO", ours, waits, bare),
            ("phenovae, its own recipe", full, waits_full, whole),
        ]
        if compiled:
            clock = time.perf_counter()
            few = Subject(**{**vars(seen), "rows": seen.rows[: 2 * seen.batch]})
            _train(few, folder, few.recipe(1, compiled=True))
            print(f"{seen.name}: compiled and first steps in {time.perf_counter() - clock:.0f} s")
            fast, waits_fast = our_training(seen, folder, epochs, compiled=True)
            ways.append(("phenovae, its own recipe, compiled", fast, waits_fast, whole))
        for name, rate, wait, count in ways:
            rows.append(
                (
                    f"{seen.name}: {name}",
                    str(dtype).removeprefix("torch."),
                    f"{rate:,.0f}",
                    f"{rate / plain:.2f}",
                    "" if wait is None else f"{100 * wait:.1f} %",
                    f"{count / 1e6:,.0f}",
                    f"{rate * count / 1e9:,.1f}",
                    f"{100 * rate * count / most:.0f} %",
                )
            )
    head = (
        "training",
        "numbers",
        "cells/s",
        "of the plain loop",
        "waits for images",
        "Mflop a cell",
        "Gflop/s",
        f"of a product of {size}²",
    )
    tell(head, rows)


def tell_embedding(subjects: Sequence[Subject], work: Path) -> None:
    """Embed by every network in every way, and print."""
    rows = []
    for seen in subjects:
        model = load_model(work / f"{seen.name}-model", seen.device)
        plain = plain_embedding(seen, _hdf5(work, seen), model)
        model = load_model(work / f"{seen.name}-model", seen.device)
        ours = our_embedding(seen, model, work / f"{seen.name}.parquet")
        rates = {"plain loop": plain, "phenovae, store to Parquet": ours}
        with deterministic(seen.device):
            rates |= {f"encoder alone, {k}": v for k, v in encoder_rates(seen, model).items()}
        rows += [(f"{seen.name}: {k}", f"{v:,.0f}", f"{v / plain:.2f}") for k, v in rates.items()]
    tell(("embedding", "cells/s", "of the plain loop"), rows)


def tell_errors(store: CellStore, cells: int, device: str, work: Path, epochs: int) -> None:
    """Time both networks to the original's lowest error, on the original's view, and print."""
    original = subject("original", store, cells, device)
    given = subject("default", store, cells, device, original.config.view)
    told = errors_of(original, work / "original-error", epochs, -math.inf)
    seconds, target = min(told, key=lambda each: each[1])
    rows = [
        (f"original, lowest of {epochs} epochs", f"{target:.3e}", f"{seconds:,.0f}", "1.00"),
    ]
    found = errors_of(given, work / "default-error", given.config.train.epochs, target)
    spent, error = min(found, key=lambda each: each[1])
    reached = f"{seconds / spent:.2f}" if error <= target else "not as low: no ratio"
    rows.append((f"default, epoch {found.index((spent, error)) + 1}", f"{error:.3e}"))
    rows[-1] += (f"{spent:,.0f}", reached)
    print(f"Validation error of {len(original.held_out):,} cells, each scaled as by the original.")
    print("The default here is its recipe on that view, and not on its own.")
    tell(("time to an error", "mean squared error", "s", "times as fast"), rows)


def _hdf5(work: Path, seen: Subject) -> Path:
    path = work / f"{seen.name}.h5"
    if not path.exists():
        write_hdf5(path, seen)
    return path


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", type=int, default=4096, help="cells that are trained on")
    parser.add_argument("--epochs", type=int, default=3, help="epochs that are timed")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--compile", action="store_true", help="also with train.compile")
    parser.add_argument("--product", type=int, default=2048, help="rows of the matrices")
    parser.add_argument("--crops", type=Path, help="folder of single-cell files")
    parser.add_argument("--metadata", type=Path, help="their table")
    parser.add_argument("--channels", nargs="+", default=["DAPI", "Actin", "Tubulin"])
    parser.add_argument("--to-error", action="store_true", help="time to the original's error, too")
    parser.add_argument("--error-epochs", type=int, default=40, help="epochs of the original")
    asked = parser.parse_args()
    if (asked.crops is None) != (asked.metadata is None):
        parser.error("--crops and --metadata go together")
    for name in ("phenovae", "lightning_fabric", "lightning_utilities"):
        logging.getLogger(name).setLevel(logging.ERROR)
    device = device_name(asked.device)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        if asked.crops is None:
            store = blob_store(work / "store", asked.cells * 3 // 2)
        else:
            store = imported_store(work / "store", asked.crops, asked.metadata, asked.channels)
        subjects = [subject(name, store, asked.cells, device) for name in NETWORKS]
        what = "drawn" if asked.crops is None else "imported"
        print(
            f"{len(subjects[0].rows):,} {what} cells, {asked.epochs} epochs, {device}, "
            f"{torch.get_num_threads()} threads, PyTorch {torch.__version__}"
        )
        tell_training(subjects, work, asked.epochs, asked.product, compiled=asked.compile)
        tell_embedding(subjects, work)
        if asked.to_error:
            tell_errors(store, asked.cells, device, work, asked.error_epochs)


if __name__ == "__main__":
    main()
