"""Tiny runs through the command line, and single-cell crops made by code."""

from __future__ import annotations

import contextlib
import csv
import io
import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
ALONE = {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
MAIN = "from phenovae.cli.main import main; main()"
WHOLE = (
    "config.yaml", "sites.parquet", "cells", "import.json", "errors.parquet", "splits.parquet",
    "model", "diagnosis.json", "generation.json", "embeddings.parquet", "profiles.parquet",
    "scores.json", "report.html", "run.json",
)  # fmt: skip

_TINY = """\
view: {size: 16}
model: {size: small, latent: 4}
train: {epochs: 2, batch: 16, device: cpu}
embed: {device: cpu}
evaluate: {draws: 100}
report: {umap: false}
"""
TINY_CROPS = _TINY + "input: {source: crops}\n"
TINY_TWIN = (
    _TINY
    + """\
input: {source: twin, crop_size: 32}
twin: {batches: 2, layouts: 2, replicates: 1, compounds: 2, doses: 1, annotated_doses: 1,
  negative_controls: 2, positive_controls: 0, height: 128, width: 160, density: 400}
"""
)


@dataclass(frozen=True)
class Told:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


def call(*arguments: object, entry: Callable[[], None] | None = None) -> Told:
    """Run `phenovae` in this process, or another entry point, and leave its logging as it was."""
    from phenovae.cli.main import main

    logger = logging.getLogger("phenovae")
    before = logger.handlers, logger.propagate, logger.level
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        with (
            mock.patch.object(sys, "argv", ["phenovae", *(str(each) for each in arguments)]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            _one_thread(),
        ):
            (entry or main)()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        logger.handlers, logger.propagate = before[:2]
        logger.setLevel(before[2])
    return Told(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    # On work this small several threads wait for each other for longer than they work.
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def program(
    *arguments: object,
    code: str = MAIN,
    environment: Mapping[str, str] | None = None,
    seconds: float = 200,
) -> Told:
    """Run `phenovae`, or other code, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, *(str(each) for each in arguments)],
        capture_output=True,
        env={**os.environ, **ALONE, **(environment or {})},
        timeout=seconds,
        check=False,
    )
    return Told(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))


@dataclass(frozen=True)
class Well:
    """One well of a made screen."""

    plate: str
    well: str
    compound: str
    moa: str
    dose: float = 1.0


DMSO = (
    Well("Week1_22123", "B02", "DMSO", "DMSO", 0.0),
    Well("Week1_22123", "C02", "DMSO", "DMSO", 0.0),
    Well("Week2_24121", "B02", "DMSO", "DMSO", 0.0),
)
TREATED = (
    Well("Week1_22123", "B03", "alpha", "Actin disruptors"),
    Well("Week1_22123", "C03", "beta", "Actin disruptors"),
    Well("Week1_22123", "D03", "gamma", "DNA damage"),
    Well("Week2_24121", "B03", "delta", "DNA damage"),
    Well("Week2_24121", "C03", "epsilon", "Eg5 inhibitors"),
    Well("Week2_24121", "D03", "zeta", "Eg5 inhibitors"),
)


def write_crops(
    folder: Path, wells: Sequence[Well] = (*DMSO, *TREATED), cells: int = 6, *, noise: bool = False
) -> Path:
    """Write `folder`/crops and `folder`/metadata.csv: a blob for each cell, or noise alone."""
    crops = folder / "crops"
    crops.mkdir(parents=True)
    rows: list[dict[str, object]] = []
    for number, well in enumerate(wells):
        identity = str(uuid.UUID(int=number + 1)).upper()
        field = f"{well.plate.split('_')[0]}_150607_{well.well}_s1_w1{identity}"
        bright = 1.0 + 0.5 * (sum(map(ord, well.moa)) % 5)
        for cell in range(cells):
            name = f"{field}_{cell}.npy"
            np.save(crops / name, _crop(number * 1000 + cell, bright, noise=noise))
            rows.append(
                {
                    "Multi_Cell_Image_Name": field,
                    "Single_Cell_Image_Name": name,
                    "Image_Metadata_Plate_DAPI": well.plate,
                    "Image_Metadata_Well_DAPI": well.well,
                    "Replicate": 1,
                    "Image_Metadata_Compound": well.compound,
                    "Image_Metadata_Concentration": well.dose,
                    "moa": well.moa,
                }
            )
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def _crop(seed: int, bright: float, *, noise: bool) -> np.ndarray:
    random = np.random.default_rng(seed)
    row, column = np.mgrid[:24, :24]
    crop = random.normal(300, 8, (24, 24, 3))
    if not noise:
        for channel in range(3):
            place, width = random.uniform(9, 15, 2), random.uniform(3, 5)
            away = (row - place[0]) ** 2 + (column - place[1]) ** 2
            crop[..., channel] += 3000 * bright * (channel + 1) * np.exp(-away / width**2)
    return crop.clip(0, 65535).astype(np.uint16)


def of_crops(made: Path) -> list[str]:
    """The settings that name crops and their table."""
    return [
        "--set", f"input.crops={made / 'crops'}",
        "--set", f"input.metadata={made / 'metadata.csv'}",
    ]  # fmt: skip


@contextlib.contextmanager
def failing(owner: object, name: str, error: BaseException, at: int = 0) -> Iterator[list[int]]:
    """Let the function `name` of `owner` raise at its call number `at`; yields the calls so far."""
    calls: list[int] = []
    whole = getattr(owner, name)

    def fail(*arguments: object, **named: object) -> object:
        calls.append(len(calls))
        if len(calls) == at + 1:
            raise error
        return whole(*arguments, **named)

    with mock.patch.object(owner, name, fail):
        yield calls
