"""Draw a whole synthetic screen into a folder: every plate apart, all of it or nothing."""

from __future__ import annotations

import os
import signal
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq
import tifffile

import phenovae
from phenovae.base.errors import PhenovaeError, UsageError
from phenovae.base.files import publishing, write_json, write_text, writing
from phenovae.base.progress import SILENT, Progress
from phenovae.base.seeds import generator
from phenovae.base.tables import to_arrow
from phenovae.twin.camera import CHANNELS, exposures
from phenovae.twin.field import draw_field
from phenovae.twin.layout import Layout, Plate, lay_out
from phenovae.twin.options import TwinOptions
from phenovae.twin.phenotypes import phenotypes
from phenovae.twin.population import Condition
from phenovae.twin.tables import POSITIONS, Frame, frames, positions, write_official

PIXEL_SIZE_UM = 0.656
_FORMAT = 1
_WELL_GAIN = 0.04
_WELL_DRIFT = 0.15

_README = """\
This screen is SYNTHETIC. phenovae drew it; no cell was ever here, and no compound exists.
The file names and the two CSVs follow BBBC021 (Caie et al. 2010; Ljosa et al. 2012), so that the
same tools read both. The folder truth/ holds what real screens cannot: where every cell is, which
pixels are its own, what it was drawn with, and how the light fell.
"""


@dataclass(frozen=True)
class TwinSummary:
    """What was drawn."""

    folder: str
    plates: int
    wells: int
    fields: int
    cells: int
    compounds: int
    mechanisms: int
    treatments: int

    def as_dict(self) -> dict[str, str | int]:
        """The summary as JSON takes it."""
        return asdict(self)

    def in_words(self) -> str:
        """One paragraph for a person."""
        return (
            f"A synthetic screen lies in {self.folder}: {self.cells:,} nuclei in {self.fields:,} "
            f"fields of {self.wells:,} wells on {self.plates} plates; {self.treatments} annotated "
            f"treatments of {self.compounds} compounds and {self.mechanisms} mechanisms."
        )


@dataclass(frozen=True)
class _Job:
    plate: Plate
    options: TwinOptions
    seed: int
    folder: Path


def make_twin(
    options: TwinOptions,
    folder: Path,
    seed: int,
    progress: Progress = SILENT,
    processes: int = 1,
) -> TwinSummary:
    """Draw a synthetic screen into `folder`, replacing what an earlier call left there.

    Leaves `images/`, the two official CSVs, `truth/`, `twin.json` and `README.txt`. The bytes
    depend on options and seed alone, however many processes draw. Raises UsageError where `folder`
    holds something else, PhenovaeError where it cannot be written.
    """
    _refuse_foreign(folder)
    layout = lay_out(options, phenotypes(), seed)
    with publishing(folder) as partial:
        jobs = [_Job(plate, options, seed, partial) for plate in layout.plates]
        cells = _write_plates(partial, jobs, processes, progress)
        _write_light(partial / "truth" / "illumination.npz", layout, options, seed)
        plates = [_frames(plate, options, seed) for plate in layout.plates]
        write_official(partial, layout, plates, options)
        summary = _summary(folder, layout, options, cells)
        _write_card(partial / "twin.json", options, seed, summary)
        write_text(partial / "README.txt", _README)
    return summary


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError("a file lies where the twin should go", where=folder)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "twin.json").exists():
        raise UsageError(
            "the folder holds something that is no twin, and would be replaced",
            where=folder,
            mend="name a new or empty folder",
        )


def _write_plates(folder: Path, jobs: list[_Job], processes: int, progress: Progress) -> int:
    """Draw all plates, write the truth of each as it comes, and count the nuclei."""
    cells = 0
    with (
        progress.bar("drawing plates", len(jobs)) as bar,
        writing(folder / "truth" / "positions.parquet") as partial,
        ExitStack() as stack,
    ):
        writer: pq.ParquetWriter | None = None
        for frame in _drawn(jobs, processes):
            table = to_arrow(frame, POSITIONS)
            if writer is None:
                writer = stack.enter_context(
                    pq.ParquetWriter(partial, table.schema, compression="zstd")
                )
            writer.write_table(table)
            cells += len(frame)
            bar.advance(cells=float(cells))
    return cells


def _drawn(jobs: list[_Job], processes: int) -> Iterator[pd.DataFrame]:
    """The truth of every plate, in order, as it is drawn."""
    if processes <= 1 or len(jobs) == 1:
        yield from map(_draw_plate, jobs)
        return
    workers = min(processes, len(jobs))
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_leave_interrupts_to_the_parent
    )
    try:
        yield from pool.map(_draw_plate, jobs)
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_interrupts_to_the_parent() -> None:
    # Ctrl-C reaches every process of a terminal; the parent alone stops the work, and says so.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _frames(plate: Plate, options: TwinOptions, seed: int) -> list[Frame]:
    return frames(plate, options, generator(seed, "twin", "names", plate.name))


def _draw_plate(job: _Job) -> pd.DataFrame:
    """Draw every field of a plate and write its images and masks."""
    try:
        return _drawn_plate(job)
    except OSError as error:
        raise PhenovaeError(
            f"cannot write plate {job.plate.name}: {error.strerror or error}",
            where=job.folder,
            mend="make room, or choose a folder that you may write to",
        ) from error


def _drawn_plate(job: _Job) -> pd.DataFrame:
    plate, options, seed = job.plate, job.options, job.seed
    known = phenotypes()
    how = exposures(plate.name, plate.batch, options, seed)
    tables = []
    for frame in _frames(plate, options, seed):
        well = frame.well
        drift = generator(seed, "twin", "well", plate.name, well.name)
        responding, all_cells = well.compound.at(well.concentration)
        moved = all_cells + _WELL_DRIFT * known.spreads() * drift.standard_normal(len(known.names))
        gains = np.exp(_WELL_GAIN * drift.standard_normal(len(CHANNELS)))
        field = draw_field(
            ("twin", plate.name, well.name, frame.site),
            seed,
            Condition(responding, moved, options.penetrance),
            how,
            dict(zip(CHANNELS, (float(gain) for gain in gains), strict=True)),
            known,
            options,
        )
        images = job.folder / "images" / frame.folder
        for channel, image in field.images.items():
            _write_image(images / frame.files[channel], image)
        truth = job.folder / "truth"
        _write_image(truth / "labels" / f"{frame.name}.tif", field.nuclei, packed=True)
        _write_image(truth / "cells" / f"{frame.name}.tif", field.bodies, packed=True)
        tables.append(positions(frame, field))
    return _together(tables)


def _together(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """One table of all; a field in which no nucleus lies has an empty one."""
    filled = [table for table in tables if len(table)]
    return pd.concat(filled or tables[:1], ignore_index=True)


def _write_image(path: Path, image: npt.NDArray[np.uint16], *, packed: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(
        path,
        image,
        photometric="minisblack",
        compression="zlib" if packed else None,
        metadata=None,
        software="phenovae twin (synthetic)",
    )


def _write_light(path: Path, layout: Layout, options: TwinOptions, seed: int) -> None:
    """Write the light of every plate and channel, `<plate>_<channel>`, float32 (height, width)."""
    with writing(path) as partial, zipfile.ZipFile(partial, "w") as archive:
        for plate in layout.plates:
            for channel, how in exposures(plate.name, plate.batch, options, seed).items():
                with archive.open(f"{plate.name}_{channel}.npy", "w") as member:
                    np.lib.format.write_array(member, how.light, allow_pickle=False)


def _summary(folder: Path, layout: Layout, options: TwinOptions, cells: int) -> TwinSummary:
    known = [compound for compound in layout.compounds if compound.mechanism is not None]
    wells = sum(len(plate.wells) for plate in layout.plates)
    return TwinSummary(
        folder=os.fspath(folder),
        plates=len(layout.plates),
        wells=wells,
        fields=wells * options.sites,
        cells=cells,
        compounds=len(known),
        mechanisms=len({compound.mechanism for compound in known}),
        treatments=len(known) * options.annotated_doses,
    )


def _write_card(path: Path, options: TwinOptions, seed: int, summary: TwinSummary) -> None:
    counts = {name: value for name, value in summary.as_dict().items() if name != "folder"}
    card = {
        "synthetic": True,
        "format": _FORMAT,
        "phenovae": phenovae.__version__,
        "seed": seed,
        "pixel_size_um": PIXEL_SIZE_UM,
        "options": options.model_dump(mode="json"),
        "drawn": counts,
    }
    write_json(path, card)
