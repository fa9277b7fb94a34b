"""Features of anybody, of no run: scored by protocols, with the tables that say what wells hold."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from phenovae.base.errors import UsageError
from phenovae.base.progress import SILENT, Progress
from phenovae.evaluate.measures import Measures
from phenovae.evaluate.neighbours import Metric
from phenovae.evaluate.probe_records import evaluate_well_probe
from phenovae.evaluate.protocol import Protocol, load_protocol
from phenovae.evaluate.provenance import Labels, Training
from phenovae.evaluate.scores import Record, Told
from phenovae.evaluate.statistics import DRAWS
from phenovae.evaluate.together import Asked, score_together
from phenovae.evaluate.variants import (
    FitOn,
    LambdaMode,
    fitted_on,
    from_level,
    instead_of,
    with_metric,
    with_regularization,
    with_transforms,
)
from phenovae.profiles.reading import ReadFeatures, ReadOptions, read_features
from phenovae.screen.well_tables import read_wells

logger = logging.getLogger(__name__)

DEFAULT = "caicedo2018"


@dataclass(frozen=True)
class Changes:
    """What is changed of every protocol that is asked for; empty: nothing."""

    normalize: tuple[str, ...] = ()
    regularization: float | None = None
    lambda_mode: LambdaMode | None = None
    metric: Metric | None = None
    fit_on: FitOn = "auto"


@dataclass(frozen=True)
class Scoring:
    """How scores are told: draws of interval and null, seed, what training saw, which measures."""

    draws: int = DRAWS
    seed: int = 0
    labels: Labels = "not stated"
    plates_are_batches: bool = False
    measures: Measures = field(default_factory=Measures)


@dataclass(frozen=True)
class Scored:
    """The records of one table, and how it was read."""

    read: ReadFeatures
    records: tuple[Record, ...]


def score_table(
    table: Path,
    metadata: Path | None,
    moa: Path | None,
    protocols: Sequence[str],
    reading: ReadOptions,
    changes: Changes,
    scoring: Scoring,
    progress: Progress = SILENT,
) -> Scored:
    """Score a table of features by protocols.

    A protocol that cannot be applied, for want of controls or for the level of the features, gives
    records with the reason and no value. Raises as `read_features` and `read_wells` do, and
    UsageError for what is no protocol or no change of one.
    """
    named = _protocols(protocols or [DEFAULT])
    changed = [_changed(protocol, changes) for protocol in named]
    read = read_table(table, metadata, moa, reading)
    features = read.features
    asked: list[Asked] = []
    for protocol, words in changed:
        applied = fitted_on(protocol, changes.fit_on, features)
        said = [reading.choice.words(), *words, from_level(applied, features.level)]
        told = Told(
            "; ".join(each for each in said if each),
            Training(scoring.labels),
            scoring.plates_are_batches,
        )
        asked.append(Asked(features, applied, told))
        other = instead_of(applied, features.level)
        if other is not None:
            logger.warning(
                "%s is for features of %ss; for %ss there is --protocol %s",
                applied.label, applied.recipe.transform_at, features.level, other,
            )  # fmt: skip
    with progress.bar("scoring", len(asked)) as bar:
        scored = score_together(
            asked,
            seed=scoring.seed,
            draws=scoring.draws,
            measures=scoring.measures,
            advance=bar.advance,
        )
    if scoring.measures.well_probe:
        told = Told(reading.choice.words(), Training(scoring.labels))
        scored.records.append(
            evaluate_well_probe(features, seed=scoring.seed, draws=scoring.draws, told=told)
        )
    source = _source(read)
    return Scored(read, tuple({**record, "source": source} for record in scored.records))


def read_table(
    table: Path, metadata: Path | None, moa: Path | None, reading: ReadOptions
) -> ReadFeatures:
    """Read a table of features and join it to the metadata of its screen."""
    if metadata is None:
        from dataclasses import replace

        return read_features(table, None, replace(reading, moa=moa))
    wells = read_wells(metadata, moa, reading.rules, reading.batch_pattern)
    return read_features(table, wells, reading)


def _protocols(names: Sequence[str]) -> list[Protocol]:
    found = [load_protocol(name) for name in names]
    labels = [protocol.label for protocol in found]
    twice = [label for label in dict.fromkeys(labels) if labels.count(label) > 1]
    if twice:
        raise UsageError(f"the protocol {twice[0]} is there twice", mend="name each once")
    return found


def _changed(protocol: Protocol, changes: Changes) -> tuple[Protocol, list[str]]:
    words: list[str] = []
    if changes.normalize:
        protocol, said = with_transforms(
            protocol, changes.normalize, changes.regularization, changes.lambda_mode
        )
        words.append(said)
    elif changes.regularization is not None or changes.lambda_mode is not None:
        protocol, said = with_regularization(protocol, changes.regularization, changes.lambda_mode)
        words.append(said)
    if changes.metric is not None:
        protocol, said = with_metric(protocol, changes.metric)
        words.append(said)
    return protocol, words


def _source(read: ReadFeatures) -> Record:
    features = read.features
    return {
        "file": features.source.path.name,
        "rows": len(features),
        "join": None if read.joined is None else dict(read.joined.as_dict()),
        "features_left_out": list(read.left_out),
    }
