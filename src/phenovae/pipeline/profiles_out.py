"""Rows of a run, of any level, written for other tools, and for scoring without the run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from phenovae.cells.store import CellStore
from phenovae.evaluate.making import Making
from phenovae.evaluate.protocol import load_protocol
from phenovae.evaluate.variants import fitted_on, through_level, with_transforms
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.pipeline.stages.features import model_features, scored_rows, training_of
from phenovae.profiles.levels import Level
from phenovae.profiles.partway import rows_at
from phenovae.profiles.writing import kind_of, write_profiles


@dataclass(frozen=True)
class Wanted:
    """What is to be written: rows of a level, by a protocol (empty: the run's first), and which
    transforms take the place of its own (empty: none does).
    """

    level: Level = "treatment"
    protocol: str = ""
    normalize: tuple[str, ...] = ()


@dataclass(frozen=True)
class Written:
    """What was written: so many rows of so many features, and how they were made."""

    rows: int
    features: int
    making: Making


def write_run_profiles(run: Path, config: Config, wanted: Wanted, path: Path) -> Written:
    """Write the scored cells of a run, or averages of them, with controls and all other wells.

    Rows are as the protocol has them at that level: transformed where it transforms there or below.
    Raises as `rows_at` and `write_profiles` do.
    """
    kind_of(path)
    protocol = load_protocol(wanted.protocol or config.evaluate.protocols[0])
    words: list[str] = []
    if wanted.normalize:
        protocol, said = with_transforms(protocol, wanted.normalize)
        words.append(said)
    protocol, said = through_level(protocol, wanted.level)
    words += [said] if said else []
    cells = CellStore.open(run / paths.CELLS).table
    features = model_features(run, cells, scored_rows(run, cells, config))
    applied = fitted_on(protocol, config.evaluate.fit_on, features)
    rows = rows_at(features, applied.recipe, wanted.level)
    making = Making(
        features=features.name,
        level=wanted.level,
        protocol=applied,
        variant="; ".join(words),
        done=rows.done,
        training=training_of(run, config),
        seed=config.seed,
        draws=config.evaluate.draws,
        plates_are_batches=config.evaluate.plates_are_batches,
    )
    # Latents are stored as float32, and are no more until something is done to them.
    single = wanted.level == "cell" and not (applied.recipe.transforms and rows.done.transformed)
    write_profiles(rows, making.text(), making.about(), path, single=single)
    return Written(len(rows.metadata), len(rows.names), making)
