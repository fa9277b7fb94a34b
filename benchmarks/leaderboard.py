"""The leaderboard: every model and baseline by every protocol, on all data that are at hand.

    python benchmarks/leaderboard.py WORK [--data FOLDER] [--only twin|crops|wells]

WORK keeps every run, so that the page grows and a stopped command goes on. FOLDER holds
`crops/` (single cells as `<field>_<cell>.npy` with `metadata.csv`) and `bbbc021/` (the official
tables and a published table of well means). The page is docs/leaderboard.md.
"""

from __future__ import annotations

import argparse
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from phenovae.base.files import read_json
from phenovae.pipeline import paths
from phenovae.pipeline.config import load_config
from phenovae.pipeline.examples import example
from phenovae.pipeline.execute import run_all

PROTOCOLS = (
    "cells-mean", "cells-mean-whitened", "caicedo2018@1", "caicedo2018@2", "wsdino2022",
    "ljosa2013", "seed",
)  # fmt: skip
SIZES = ("small", "medium", "large")
Record = Mapping[str, object]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One model on one set of data: the example it is run by, and what is changed of it."""

    name: str
    example: str
    settings: tuple[str, ...] = ()


ORIGINAL = (
    "view.normalise=cell-max", "sampling.balance=none", "model.latent=256", "objective.beta=1",
    "model.likelihood.name=gaussian-fixed", "model.likelihood.sigma=1.0", "embed.views=1",
)  # fmt: skip
TWIN = (
    *(Entry(f"VAE {size}", "demo", (f"model.size={size}",)) for size in SIZES),
    Entry("the original's VAE", "demo", ORIGINAL),
)
CROPS = (
    *(Entry(f"VAE {size}", "bbbc021_crops", (f"model.size={size}",)) for size in SIZES),
    Entry("the original's VAE", "bbbc021_original"),
)


def run_entry(
    entry: Entry, folder: Path, settings: Sequence[str], like: Path | None
) -> list[Record]:
    """Run one entry, or go on with it, and give its records.

    `like` is a finished run on the same data, whose cells need not be found again.
    """
    if like is not None and not folder.exists():
        shutil.copytree(like, folder, ignore=shutil.ignore_patterns("model", "report.html"))
    chosen = [f"evaluate.protocols=[{','.join(PROTOCOLS)}]", "report.umap=false"]
    config = load_config(example(entry.example), [*entry.settings, *settings, *chosen])
    run_all(config, folder)
    found = read_json(folder / paths.SCORES)
    return (
        [record for record in found if isinstance(record, dict)] if isinstance(found, list) else []
    )


def run_all_entries(
    entries: Sequence[Entry], work: Path, settings: Sequence[str]
) -> dict[str, list[Record]]:
    """Records of every entry by its name."""
    found: dict[str, list[Record]] = {}
    like: Path | None = None
    for entry in entries:
        folder = work / entry.name.replace(" ", "-").replace("'", "")
        logger.warning("%s", folder)
        found[entry.name] = run_entry(entry, folder, settings, like)
        like = like or folder
    return found


def main() -> None:
    """Run what is asked for and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", choices=("twin", "crops", "wells"))
    asked = parser.parse_args()
    if asked.only in (None, "crops") and asked.data is not None:
        crops = asked.data / "crops"
        named = [f"input.crops={crops}", f"input.metadata={crops / 'metadata.csv'}"]
        run_all_entries(CROPS, asked.work / "crops", named)
    if asked.only in (None, "twin"):
        run_all_entries(TWIN, asked.work / "twin", ())


if __name__ == "__main__":
    main()
