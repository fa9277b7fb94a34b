"""How long a field of the twin and a whole small screen take.

python benchmarks/twin.py [PROCESSES]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from phenovae.twin.camera import CHANNELS, exposures
from phenovae.twin.field import draw_field
from phenovae.twin.options import TwinOptions
from phenovae.twin.phenotypes import phenotypes
from phenovae.twin.population import Condition
from phenovae.twin.screen import make_twin

REPEATS = 5


def time_field() -> None:
    """Print the median time of an untreated field of 1280 x 1024 px."""
    known = phenotypes()
    options = TwinOptions(height=1024, width=1280)
    nothing = np.zeros(len(known.names))
    how = exposures("Week1_90111", "Week1", options, 0)
    seconds, nuclei = [], []
    for number in range(REPEATS):
        began = time.perf_counter()
        field = draw_field(
            ("benchmark", number),
            0,
            Condition(nothing, nothing, 0.0),
            how,
            dict.fromkeys(CHANNELS, 1.0),
            known,
            options,
        )
        seconds.append(time.perf_counter() - began)
        nuclei.append(len(np.unique(field.nuclei)) - 1)
    print(f"field of {np.median(nuclei):.0f} nuclei: {np.median(seconds):.2f} s")


def time_screen(processes: int) -> None:
    """Print the time of the demo screen."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        summary = make_twin(TwinOptions(), Path(folder) / "twin", 0, processes=processes)
        seconds = time.perf_counter() - began
    print(f"{summary.fields} fields, {processes} processes: {seconds:.1f} s")


if __name__ == "__main__":
    time_field()
    time_screen(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
