"""Several features under several protocols, and how much better the first is than the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from phenovae.base.errors import InputError
from phenovae.evaluate.before import add_before
from phenovae.evaluate.comparing import Model, differ
from phenovae.evaluate.measures import NONE, Measures
from phenovae.evaluate.protocol import Protocol
from phenovae.evaluate.retrieval_records import MAP, retrieval_records
from phenovae.evaluate.scores import PLAIN, Evaluation, Record, Told, evaluate, label_of, unscored
from phenovae.evaluate.statistics import DRAWS
from phenovae.evaluate.vote_records import vote_records
from phenovae.evaluate.well_records import well_records
from phenovae.profiles.features import Features

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """Features that are to be scored by a protocol, and what is to be told of it."""

    features: Features
    protocol: Protocol
    told: Told = PLAIN


@dataclass
class Scored:
    """Records of all that was asked, in order, and the outcomes of what could be scored."""

    records: list[Record] = field(default_factory=list)
    outcomes: list[tuple[Asked, Evaluation]] = field(default_factory=list)


def score_together(
    asked: Sequence[Asked],
    *,
    seed: int,
    draws: int = DRAWS,
    measures: Measures = NONE,
    advance: Callable[[], None] = lambda: None,
) -> Scored:
    """Score everything that is asked for, with the measures that are wanted beside.

    What one protocol lacks, such as controls, is no reason to keep the others back: its records
    then have no value, but the reason. Measures of wells, and of what was before the transforms,
    are left out for features that came transformed. `advance` is called once for each that is
    asked.
    """
    found = Scored()
    for each in asked:
        try:
            outcome = evaluate(each.features, each.protocol, seed=seed, draws=draws, told=each.told)
        except InputError as error:
            logger.warning(
                "%s by %s is not scored: %s", each.features.name, each.protocol.label, error.what
            )
            found.records += unscored(
                each.features, each.protocol, seed=seed, reason=error.what, told=each.told
            )
        else:
            found.records += outcome.records
            found.records += retrieval_records(outcome, draws=draws, seed=seed)
            found.records += vote_records(outcome, measures.votes, draws=draws, seed=seed)
            if measures.before_transforms and not _transformed(each):
                add_before(each.features, outcome, draws=draws, seed=seed)
            found.outcomes.append((each, outcome))
        if not _transformed(each):
            found.records += well_records(
                each.features, each.protocol, measures, draws=draws, seed=seed, told=each.told
            )
        advance()
    return found


def _transformed(asked: Asked) -> bool:
    """Whether the features came transformed: what they were before is then not to be told."""
    return asked.told.done is not None and asked.told.done.transformed


def add_differences(scored: Scored, name: str, *, seed: int, draws: int = DRAWS) -> None:
    """Write into the records of the features `name` how they differ from the others.

    `against` lists, for each of the other features that the same protocol scored on the same
    treatments, the paired difference, its interval over compounds, p and the verdict.
    """
    for record in scored.records:
        if record["features"] != name or record["value"] is None or MAP in str(record["metric"]):
            continue
        own = _model(scored, record, name)
        if own is None:
            continue
        names = dict.fromkeys(each.features.name for each, _ in scored.outcomes)
        others = [_model(scored, record, other) for other in names if other != name]
        record["against"] = [
            _told(own, other, seed, draws)
            for other in others
            if other is not None and _treatments(other) == _treatments(own)
        ]


def _model(scored: Scored, record: Record, features: str) -> Model | None:
    """Outcomes of some features under the protocol and metric of a record."""
    label, metric = label_of(record), str(record["metric"])
    for asked, outcome in scored.outcomes:
        if asked.features.name != features or metric not in outcome.neighbours:
            continue
        if any(label_of(each) == label for each in outcome.records):
            return Model(features, (outcome.neighbours[metric].rows,))
    return None


def _treatments(model: Model) -> set[str]:
    return set(model.tables[0]["Treatment"])


def _told(own: Model, other: Model, seed: int, draws: int) -> Record:
    found = differ(own, other, draws=draws, seed=seed)
    return {
        "features": other.name,
        "difference": found.difference,
        "low": found.interval.low,
        "high": found.interval.high,
        "p_value": found.p_value,
        "verdict": found.verdict,
    }
