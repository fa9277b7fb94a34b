"""Random batches of crops: the cell store beside a bare memory map and the origin's HDF5.

    python benchmarks/cell_store.py [--cells 20000] [--batches 60]

Also the cost of a view beside a plain scikit-image chain. Data are made on the spot; figures are
crops a second and ratios within this one run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from skimage.transform import resize as skimage_resize

from phenovae.cells.store import CellStore
from phenovae.cells.table import CELL_METADATA
from phenovae.cells.view import ViewOptions, fit_view
from phenovae.cells.writing import StoreWriter

BATCH = 256
PLATES = 4


def make_store(folder: Path, cells: int) -> CellStore:
    """A store of noise crops on a few plates."""
    random = np.random.default_rng(0)
    with StoreWriter(folder, ("DAPI", "Actin", "Tubulin"), (68, 68), source="benchmark") as writer:
        for plate in range(PLATES):
            for start in range(0, cells // PLATES, 1000):
                count = min(1000, cells // PLATES - start)
                crops = random.integers(300, 30000, (count, 3, 68, 68), dtype=np.uint16)
                table = pd.DataFrame({name: ["x"] * count for name in CELL_METADATA})
                table = table.assign(
                    Metadata_Plate=f"Week1_{plate:05d}",
                    Metadata_Replicate=1,
                    Metadata_Concentration=0.0,
                    Metadata_Site=1,
                    Metadata_Cell=range(start, start + count),
                    Metadata_Role="negative_control",
                )
                writer.add(f"Week1_{plate:05d}", crops, table)
        writer.finish()
    return CellStore.open(folder)


def rate(
    read: Callable[[npt.NDArray[np.int64]], object], batches: list[npt.NDArray[np.int64]]
) -> float:
    """Crops a second, best of three passes."""
    best = 0.0
    for _ in range(3):
        clock = time.perf_counter()
        for batch in batches:
            read(batch)
        best = max(best, sum(len(batch) for batch in batches) / (time.perf_counter() - clock))
    return best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cells", type=int, default=20_000)
    parser.add_argument("--batches", type=int, default=60)
    asked = parser.parse_args()
    random = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as temporary:
        store = make_store(Path(temporary) / "store", asked.cells)
        batches = [random.integers(0, len(store), BATCH) for _ in range(asked.batches)]
        every = store.read(np.arange(len(store)))
        bare_path = Path(temporary) / "bare.npy"
        np.save(bare_path, every)
        bare = np.load(bare_path, mmap_mode="r")
        rates = {
            "bare memory map (the floor)": rate(lambda rows: bare[rows], batches),
            "cell store": rate(store.read, batches),
        }
        try:
            import h5py

            path = Path(temporary) / "crops.h5"
            with h5py.File(path, "w") as file:
                shape = (1, 3, 68, 68)
                file.create_dataset("images", data=every, chunks=shape, compression="gzip")
            with h5py.File(path, "r") as file:
                images = file["images"]
                rates["HDF5, one gzip chunk a crop (the origin's way)"] = rate(
                    lambda rows: images[np.unique(rows)], batches[:3]
                )
        except ImportError:
            print("h5py is not installed: the origin's way was not measured")
        view = fit_view(store, np.arange(len(store)), ViewOptions(), 0)
        plates = store.table["Metadata_Plate"].to_numpy(dtype=object)
        rates["cell store and view (68 to 64 px, plate scale)"] = rate(
            lambda rows: view.apply(store.read(rows), plates[rows].tolist()), batches[:8]
        )
        rates["the same by scikit-image, crop by crop"] = rate(
            lambda rows: [
                skimage_resize(crop / 65535, (3, 64, 64), anti_aliasing=True)
                for crop in every[rows]
            ],
            batches[:1],
        )
    floor = rates["bare memory map (the floor)"]
    print(f"{'crops a second':>16}  {'of the floor':>12}")
    for name, value in rates.items():
        print(f"{value:16,.0f}  {value / floor:12.3f}  {name}")


if __name__ == "__main__":
    main()
