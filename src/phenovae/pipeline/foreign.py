"""Features of anybody, of no run: scored by protocols, with the tables that say what wells hold."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from phenovae.base.errors import UsageError
from phenovae.base.progress import SILENT, Progress
from phenovae.evaluate.making import Making
from phenovae.evaluate.measures import Measures
from phenovae.evaluate.neighbours import Metric
from phenovae.evaluate.probe_records import evaluate_well_probe
from phenovae.evaluate.protocol import Protocol, load_protocol
from phenovae.evaluate.provenance import NOT_STATED, Labels, Training
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
from phenovae.profiles.feature_file import FeatureFile
from phenovae.profiles.reading import ReadFeatures, ReadOptions, read_features
from phenovae.profiles.sources import note_of
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
    """How scores are told: draws of interval and null, seed, what training saw, which measures.

    None: as the table itself says, else 10,000 draws, seed 0, and not stated.
    """

    draws: int | None = None
    seed: int | None = None
    labels: Labels | None = None
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
    # What is no change of a protocol is told before a large table is read.
    changed = [_changed(protocol, changes) for protocol in named]
    read = read_table(table, metadata, moa, reading)
    making = making_of(read)
    if making is not None and not reading.name:
        read = replace(read, features=replace(read.features, name=making.features))
    features = read.features
    if making is not None and not protocols:
        changed = [_changed(making.named_protocol, changes)]
    asked: list[Asked] = []
    for protocol, words in changed:
        applied, told = _told(protocol, words, features, making, changes, scoring)
        variant = _joined(reading.choice.words(), told.variant)
        asked.append(Asked(features, applied, replace(told, variant=variant)))
        other = instead_of(applied, features.level)
        if other is not None:
            logger.warning(
                "%s is for features of %ss; for %ss there is --protocol %s",
                applied.label, applied.recipe.transform_at, features.level, other,
            )  # fmt: skip
    seed, draws = _seed(scoring, making), _draws(scoring, making)
    with progress.bar("scoring", len(asked)) as bar:
        scored = score_together(
            asked,
            seed=seed,
            draws=draws,
            measures=scoring.measures,
            advance=bar.advance,
        )
    came_transformed = any(each.told.done and each.told.done.transformed for each in asked)
    if scoring.measures.well_probe and not came_transformed:
        training = NOT_STATED if making is None else making.training
        told = Told(
            reading.choice.words(),
            training if scoring.labels is None else Training(scoring.labels),
        )
        scored.records.append(evaluate_well_probe(features, seed=seed, draws=draws, told=told))
    source = _source(read)
    return Scored(read, tuple({**record, "source": source} for record in scored.records))


def read_table(
    table: Path, metadata: Path | None, moa: Path | None, reading: ReadOptions
) -> ReadFeatures:
    """Read a table of features and join it to the metadata of its screen."""
    if metadata is None:
        return read_features(table, None, replace(reading, moa=moa))
    wells = read_wells(metadata, moa, reading.rules, reading.batch_pattern)
    return read_features(table, wells, reading)


def making_of(read: ReadFeatures) -> Making | None:
    """What the table says of its making, if it says anything and its rows are still those."""
    source = read.features.source
    text = note_of(source)
    making = Making.read(text, source.path) if text else None
    if making is not None and making.level != read.features.level:
        logger.warning(
            "the file was written with a row for each %s, and is read as one of %ss: what it says "
            "of its making is not gone by", making.level, read.features.level,
        )  # fmt: skip
        return None
    return making


def _told(
    protocol: Protocol,
    words: Sequence[str],
    features: FeatureFile,
    making: Making | None,
    changes: Changes,
    scoring: Scoring,
) -> tuple[Protocol, Told]:
    """The protocol as it is applied, and what scores say of it.

    Where the protocol made the features itself, what is left of it is done; a metric may be
    another one. Any other protocol begins from them as they come, and says so.
    """
    training = NOT_STATED if making is None else making.training
    told = Told(
        training=training if scoring.labels is None else Training(scoring.labels),
        plates_are_batches=scoring.plates_are_batches
        or (making is not None and making.plates_are_batches),
    )
    if making is not None and making.done.transformed and _goes_on(protocol, making, changes):
        return protocol, replace(told, variant=_joined(making.variant, *words), done=making.done)
    applied = fitted_on(protocol, changes.fit_on, features)
    if making is not None and _goes_on(protocol, making, changes):
        return applied, replace(told, variant=_joined(making.variant, *words), done=making.done)
    said = [*words, from_level(applied, features.level)]
    if making is not None and making.done.transformed:
        said.append(f"of profiles by {making.label}")
    return applied, replace(told, variant=_joined(*said))


def _goes_on(protocol: Protocol, making: Making, changes: Changes) -> bool:
    """Whether a protocol goes on where the making of the features ended."""
    same = protocol.recipe == making.named_protocol.recipe
    other = changes.normalize or changes.regularization is not None or changes.lambda_mode
    return same and not other


def _joined(*words: str) -> str:
    return "; ".join(each for each in words if each)


def _seed(scoring: Scoring, making: Making | None) -> int:
    if scoring.seed is not None:
        return scoring.seed
    return 0 if making is None else making.seed


def _draws(scoring: Scoring, making: Making | None) -> int:
    if scoring.draws is not None:
        return scoring.draws
    return DRAWS if making is None else making.draws


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
