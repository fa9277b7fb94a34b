"""The leaderboard: every model and baseline by every protocol, on all data that are at hand.

    python benchmarks/leaderboard.py WORK [--data FOLDER] [--only twin|crops|wells] [--out PAGE]

WORK keeps every run, so that the page grows and a stopped command goes on. FOLDER holds `crops/`
(single cells as `<field>_<cell>.npy` with `metadata.csv`) and `bbbc021/` (the official tables and a
published table of well means). The page is docs/leaderboard.md.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leaderboard_page import Board, Record, Row, page

from phenovae.base.files import read_json, writing
from phenovae.cli.main import app
from phenovae.pipeline import paths
from phenovae.pipeline.config import load_config
from phenovae.pipeline.examples import example
from phenovae.pipeline.execute import run_all

PAGE = Path(__file__).parents[1] / "docs" / "leaderboard.md"
PROTOCOLS = (
    "cells-mean", "cells-mean-whitened", "caicedo2018@1", "caicedo2018@2", "wsdino2022",
    "ljosa2013", "seed",
)  # fmt: skip
SIZES = ("small", "medium", "large")

logger = logging.getLogger("leaderboard")


@dataclass(frozen=True)
class Entry:
    """One model on one set of data: the example it is run by, and what is changed of it."""

    name: str
    example: str
    settings: tuple[str, ...] = ()


ORIGINAL = (
    "view.normalise=cell-max", "sampling.balance=none", "model.latent=256", "objective.beta=1",
    "model.likelihood.name=gaussian-fixed", "model.likelihood.sigma=1.0", "model.readout.views=1",
)  # fmt: skip
TWIN = (
    *(Entry(f"VAE {size}", "demo", (f"model.size={size}",)) for size in SIZES),
    Entry("the original's VAE", "demo", ORIGINAL),
)
CROPS = (
    *(Entry(f"VAE {size}", "bbbc021_crops", (f"model.size={size}",)) for size in SIZES),
    Entry("the original's VAE", "bbbc021_original"),
)
WELLS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ljosa2013-wells", ()),
    ("caicedo2018@2", ()),
    ("caicedo2018@2", ("zscore", "tvn")),
    ("caicedo2018@2", ("zscore",)),
    ("caicedo2018@2", ("sphere",)),
    ("caicedo2018@2", ("none",)),
    ("caicedo2018@1", ()),
    ("seed", ()),
)
"""Protocols by which the published table of wells is scored, and what replaces their transforms."""


def records_of(file: Path) -> list[Record]:
    """The records of a file of scores."""
    found = read_json(file)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def run_entry(entry: Entry, folder: Path, settings: Sequence[str], like: Path | None) -> None:
    """Run one entry, or go on with it.

    `like` is a finished run on the same data, whose cells need not be found again.
    """
    if like is not None and not folder.exists():
        shutil.copytree(like, folder, ignore=shutil.ignore_patterns("model", "report.html"))
    protocols = f"evaluate.protocols=[{','.join(PROTOCOLS)}]"
    chosen = [*entry.settings, *settings, protocols, "report.umap=false"]
    run_all(load_config(example(entry.example), chosen), folder)


def rows_of(entries: Sequence[Entry], work: Path, settings: Sequence[str]) -> list[Row]:
    """A row for every entry, and one for the features that need no training."""
    rows: list[Row] = []
    like: Path | None = None
    for entry in entries:
        folder = work / entry.name.replace(" ", "-").replace("'", "")
        logger.warning("%s", folder)
        run_entry(entry, folder, settings, like)
        records = records_of(folder / paths.SCORES)
        if like is None:
            untrained = [each for each in records if each["features"] == "intensity"]
            rows.append(Row("`intensity` (thirty numbers a cell)", untrained))
        rows.append(Row(entry.name, [each for each in records if each["features"] == "model"]))
        like = like or folder
    return rows


def wells_of(data: Path, work: Path) -> list[Row]:
    """A row for each way of scoring the published table of wells."""
    rows = []
    work.mkdir(parents=True, exist_ok=True)
    asked = [
        *("--profiles", data / "ljosa_jbiomolscreen_2013_per_well_mean.csv.gz"),
        *("--metadata", data / "BBBC021_v1_image.csv.gz", "--moa", data / "BBBC021_v1_moa.csv"),
    ]
    for number, (protocol, transforms) in enumerate(WELLS):
        file = work / f"{number}.json"
        changes = [part for each in transforms for part in ("--normalize", each)]
        asked_here = ["-q", "evaluate", *asked, "--protocol", protocol, *changes, "--json", file]
        with contextlib.redirect_stdout(io.StringIO()):
            app([str(each) for each in asked_here], standalone_mode=False)
        told = f", `{' '.join(transforms)}` in place of its transforms" if transforms else ""
        rows.append(Row(f"`{protocol}`{told}", records_of(file)))
    return rows


def main() -> None:
    """Run what is asked for and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", choices=("twin", "crops", "wells"))
    parser.add_argument("--out", type=Path, default=PAGE)
    asked = parser.parse_args()
    boards = []
    if asked.only in (None, "twin"):
        words = (
            "The screen of `phenovae demo` ([twin.md](twin.md)): drawn cells with known truth, "
            "found in raw fields. It ranks models only as far as its drawings resemble cells."
        )
        boards.append(Board("The synthetic twin", words, rows_of(TWIN, asked.work / "twin", ())))
    if asked.only in (None, "crops") and asked.data is not None:
        crops = asked.data / "crops"
        named = [f"input.crops={crops}", f"input.metadata={crops / 'metadata.csv'}"]
        words = (
            "7,294 public single-cell crops, 2,858 of them of annotated treatments "
            "([results.md](results.md)): not the whole of BBBC021. Most plates of this set have "
            "too few control cells to scale a plate by, which `ljosa2013` asks for."
        )
        rows = rows_of(CROPS, asked.work / "crops", named)
        boards.append(Board("Real cells of BBBC021", words, rows))
    if asked.only in (None, "wells") and asked.data is not None:
        words = (
            "632 wells and 516 CellProfiler features, published with Ljosa et al. 2013 "
            "([your_profiles.md](your_profiles.md)). What is compared here are protocols: the "
            "features are the same in every row."
        )
        rows = wells_of(asked.data / "bbbc021", asked.work / "wells")
        boards.append(Board("A published table of wells", words, rows, one_table=True))
    command = "python benchmarks/leaderboard.py WORK" + (" --data FOLDER" if asked.data else "")
    with writing(asked.out) as partial:
        partial.write_text(page(boards, command), encoding="utf-8")


if __name__ == "__main__":
    main()
