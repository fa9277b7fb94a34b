"""How far the light that is told from a plate's fields is off, on the twin, and how long it takes.

python benchmarks/illumination.py [SEEDS] [small|full]

Plates of 24 fields, normal density; for every seed both strengths of uneven light. Relative error
of the function over all pixels of the field: root mean square, and 95th percentile of its absolute
value. `small` are fields of 576 x 480 px as in the demo, `full` of 1280 x 1024 px.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from phenovae.images.field_measures import measure_field
from phenovae.images.illumination import IlluminationOptions, correct, estimate_plate
from phenovae.images.reading import read_image
from phenovae.screen.bbbc021.tables import read_sites
from phenovae.screen.sites import channels_of
from phenovae.twin.options import TwinOptions
from phenovae.twin.screen import make_twin
from phenovae.twin.tables import IMAGE_CSV, MOA_CSV

SIZES = {"small": (480, 576), "full": (1024, 1280)}
STRENGTHS = (0.15, 0.3)
TARGET = 0.03
REPEATS = 15


def plates_of(folder: Path, seed: int, strength: float, size: str) -> pd.DataFrame:
    """Draw two plates of 24 wells and one field each; their sites."""
    height, width = SIZES[size]
    options = TwinOptions(
        batches=2,
        replicates=1,
        compounds=1,
        doses=3,
        positive_controls=3,
        height=height,
        width=width,
        illumination=strength,
    )
    make_twin(options, folder, seed, processes=2)
    return read_sites(folder / IMAGE_CSV, folder / MOA_CSV)


def misses(folder: Path, sites: pd.DataFrame) -> list[dict[str, object]]:
    """Error of the light of every plate and channel, beside the error that was expected."""
    options = IlluminationOptions()
    rows: list[dict[str, object]] = []
    with np.load(folder / "truth" / "illumination.npz") as truth:
        for plate, fields in sites.groupby("Metadata_Plate"):
            seen = {channel: options.statistics() for channel in channels_of(sites)}
            for channel, statistics in seen.items():
                for name, file in zip(
                    fields["Metadata_Field"], fields[f"File_{channel}"], strict=True
                ):
                    statistics.add(read_image(folder / "images" / file), name)
            for channel, light in estimate_plate(seen, options).items():
                off = np.abs(light.full / truth[f"{plate}_{channel}"] - 1)
                rows.append(
                    {
                        "channel": channel,
                        "rms": float(np.sqrt(np.mean(off**2))),
                        "p95": float(np.percentile(off, 95)),
                        "expected": light.error,
                    }
                )
    return rows


def measure_errors(seeds: int, size: str) -> None:
    """Print the errors over all seeds and strengths, and how many are above the target."""
    rows: list[dict[str, object]] = []
    for seed, strength in itertools.product(range(seeds), STRENGTHS):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "twin"
            found = misses(folder, plates_of(folder, seed, strength, size))
        rows += [row | {"strength": strength} for row in found]
    table = pd.DataFrame(rows)
    told = table.groupby(["strength", "channel"])[["rms", "p95", "expected"]]
    summary = told.agg(["mean", "max"]).mul(100).round(2)
    print(f"{size} fields, relative error of {len(table)} functions [%]")
    print(summary.to_string())
    over = int((table["rms"] >= TARGET).sum())
    print(f"root mean square of {TARGET:.0%} or more: {over} of {len(table)}\n")


def measure_times() -> None:
    """Print how long one field of 1280 x 1024 px takes: looked at, corrected, judged."""
    rng = np.random.default_rng(0)
    height, width = SIZES["full"]
    fields = [
        (600 + 4000 * rng.random((height // 16, width // 16)).repeat(16, 0).repeat(16, 1)).astype(
            np.uint16
        )
        for _ in range(REPEATS)
    ]
    options = IlluminationOptions()
    statistics = options.statistics()
    took: dict[str, list[float]] = {"look at": [], "correct": [], "measure three channels": []}
    for number, field in enumerate(fields):
        began = time.perf_counter()
        statistics.add(field, str(number))
        took["look at"].append(time.perf_counter() - began)
    light = estimate_plate({"one": statistics}, options)["one"]
    for field in fields:
        began = time.perf_counter()
        correct(field, light)
        middle = time.perf_counter()
        measure_field({"one": field, "two": field, "three": field})
        took["correct"].append(middle - began)
        took["measure three channels"].append(time.perf_counter() - middle)
    for what, seconds in took.items():
        print(f"{what}: {1000 * float(np.median(seconds)):.1f} ms")


if __name__ == "__main__":
    chosen = sys.argv[2:] or list(SIZES)
    for name in chosen:
        measure_errors(int(sys.argv[1]) if len(sys.argv) > 1 else 3, name)
    measure_times()
