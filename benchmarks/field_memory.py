"""Peak memory of a worker on whole fields, for plates of 1, 4 and 16 times the sites.

    python benchmarks/field_memory.py [FOLDER]

FOLDER holds a plate of BBBC021 as it is unpacked; without it fields of the twin are drawn. The
same few fields stand again and again on one plate, under names of their own. Each size is a
process of its own, which does all of `illuminate`, `segment` and `crop` by itself, so that it
holds what a worker holds and what the stage holds.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SITES = 15
FACTORS = (1, 4, 16)
CHANNELS = ("DAPI", "Actin", "Tubulin")


def plate(folder: Path | None, work: Path, sites: int) -> Path:
    """A folder of one plate of so many sites, as links to a few fields."""
    from fields import complete_sites

    images, found = complete_sites(folder, work)
    target = work / f"plate{sites}" / "P1"
    target.mkdir(parents=True)
    for number in range(sites):
        site = found.iloc[number % len(found)]
        well = f"{'ABCDEFGH'[number // 48]}{number // 4 % 12 + 1:02d}"
        for channel in CHANNELS:
            source = (images / site[f"File_{channel}"]).resolve()
            (target / f"{well}_s{number % 4 + 1}_{channel}.tif").symlink_to(source)
    return target.parent


def work_on(images: Path, run: Path) -> None:
    """Do the three stages in this process and print the peak of its memory."""
    from phenovae.pipeline.config import load_config
    from phenovae.pipeline.execute import run_verbs

    settings = (
        "input.source=raw", f"input.images={images}", "workers.count=1",
        "input.pattern='{plate}/{well}_s{site}_{channel}.tif'",
        "input.channels=[DAPI, Actin, Tubulin]",
        "input.channel_tags={DAPI: DAPI, Actin: Actin, Tubulin: Tubulin}",
    )  # fmt: skip
    start = time.perf_counter()
    run_verbs(("sites", "illuminate", "segment", "crop"), load_config(None, settings), run)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{peak:.0f} MiB, {seconds:.1f} s")


def main() -> None:
    """Print the peak of each size and how it grows."""
    if len(sys.argv) == 4 and sys.argv[1] == "--work":
        work_on(Path(sys.argv[2]), Path(sys.argv[3]))
        return
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        peaks = []
        for factor in FACTORS:
            images = plate(folder, work, SITES * factor)
            command = [sys.executable, __file__, "--work", str(images), str(work / f"run{factor}")]
            told = subprocess.run(command, check=True, capture_output=True, text=True)
            print(f"{SITES * factor:4d} sites on the plate: {told.stdout.strip()}")
            peaks.append(float(told.stdout.split()[0]))
    print(f"16 times the sites: {peaks[-1] / peaks[0]:.2f} times the memory")


if __name__ == "__main__":
    main()
