"""Scores of features under a protocol, as records with counts, intervals and what they rest on."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import pandas as pd

from phenovae.base.errors import InputError
from phenovae.evaluate.neighbours import NeighbourScore, score_neighbours
from phenovae.evaluate.probe import run_probe
from phenovae.evaluate.protocol import Protocol
from phenovae.evaluate.statistics import DRAWS, bootstrap, permute
from phenovae.profiles.features import FeatureTable
from phenovae.profiles.recipe import Profiles, make_profiles
from phenovae.screen.partners import Rule

logger = logging.getLogger(__name__)

Record = dict[str, object]

METRICS: tuple[tuple[str, Rule], ...] = (
    ("NSC", "other-compound"),
    ("NSCB", "other-compound-and-batch"),
)
PROBE_PROTOCOL, PROBE_VERSION = "cell-probe", 1


@dataclass(frozen=True)
class Evaluation:
    """The outcome of one set of features under one protocol."""

    protocol: Protocol
    profiles: Profiles
    records: tuple[Record, ...]
    neighbours: dict[str, NeighbourScore]


def evaluate(
    features: FeatureTable, protocol: Protocol, *, seed: int, draws: int = DRAWS
) -> Evaluation:
    """Score features by NSC and NSCB under a protocol.

    Where nothing can be scored the records say why, with no value. Raises InputError where the
    protocol needs controls that the screen has not.
    """
    profiles = make_profiles(features, protocol.recipe)
    records: list[Record] = []
    outcomes: dict[str, NeighbourScore] = {}
    for metric, rule in METRICS:
        base = _base(features, protocol, metric, seed, profiles.cells, profiles.fitted_on)
        if len(profiles.metadata) < 2:
            records.append({**base, "reason": "fewer than two annotated treatments"})
            continue
        outcome = score_neighbours(
            profiles.metadata,
            profiles.values,
            rule,
            protocol.metric,
            unscorable_as_candidates=protocol.unscorable_as_candidates,
        )
        outcomes[metric] = outcome
        if outcome.total == 0:
            reason = "no treatment has an allowed neighbour of its own mechanism"
            records.append({**base, "unscorable": list(outcome.unscorable), "reason": reason})
            continue
        records.append({**base, **_scored(outcome, profiles, metric, features.name, seed, draws)})
    return Evaluation(protocol, profiles, tuple(records), outcomes)


def unscored(features: FeatureTable, protocol: Protocol, *, seed: int, reason: str) -> list[Record]:
    """Records without a value, one a metric, where a protocol could not be applied."""
    return [
        {**_base(features, protocol, metric, seed, 0, 0), "reason": reason} for metric, _ in METRICS
    ]


def _base(
    features: FeatureTable,
    protocol: Protocol,
    metric: str,
    seed: int,
    cells: int,
    fitted_on: int,
) -> Record:
    return {
        "features": features.name,
        "protocol": protocol.name,
        "version": protocol.version,
        "metric": metric,
        "value": None,
        "correct": None,
        "total": 0,
        "low": None,
        "high": None,
        "seed": seed,
        "cells": cells,
        "controls": 0 if protocol.recipe.fit_on == "all_wells" else fitted_on,
        "fitted_on": {"wells": protocol.recipe.fit_on, "rows": fitted_on},
        "dimensions": len(features.columns),
        "parameters": protocol.model_dump(mode="json"),
    }


def _scored(
    outcome: NeighbourScore, profiles: Profiles, metric: str, name: str, seed: int, draws: int
) -> Record:
    rows = outcome.rows
    stream = f"{name} {metric}"
    interval = bootstrap(
        rows["Right"].tolist(),
        rows["Metadata_Compound"].tolist(),
        draws=draws,
        seed=seed,
        name=stream,
    )
    null = permute(outcome, profiles.metadata, draws=draws, seed=seed, name=stream)
    correct = outcome.correct
    return {
        "value": correct / outcome.total,
        "correct": int(correct) if correct.is_integer() else correct,
        "total": outcome.total,
        "low": interval.low,
        "high": interval.high,
        "p_value": null.p_value,
        "null_mean": null.mean,
        "macro_compound": _macro(rows, "Metadata_Compound"),
        "macro_moa": _macro(rows, "Metadata_MoA"),
        "ties": outcome.ties,
        "unscorable": list(outcome.unscorable),
        "misses": [
            {
                "treatment": row.Treatment,
                "moa": row.Metadata_MoA,
                "neighbour": row.Neighbour,
                "predicted": row.Predicted,
                "similarity": row.Similarity,
            }
            for row in rows.loc[rows["Right"] < 1].itertuples()
        ],
    }


def _macro(rows: pd.DataFrame, by: str) -> float:
    return float(rows.groupby(by)["Right"].mean().mean())


def evaluate_probe(features: FeatureTable, *, seed: int, draws: int = DRAWS) -> Record:
    """The cell probe of features as a record; without a value where it cannot be asked."""
    base: Record = {
        "features": features.name,
        "protocol": PROBE_PROTOCOL,
        "version": PROBE_VERSION,
        "metric": "probe",
        "value": None,
        "correct": None,
        "total": 0,
        "low": None,
        "high": None,
        "seed": seed,
        "cells": 0,
        "dimensions": len(features.columns),
    }
    probe = run_probe(features, draws=draws, seed=seed)
    if probe is None:
        return {**base, "reason": "fewer than two mechanisms have two compounds"}
    return {
        **base,
        "value": probe.value,
        "low": probe.interval.low,
        "high": probe.interval.high,
        "cells": probe.cells,
        "total": probe.cells,
        "folds": probe.folds,
        "chance": probe.chance,
        "recall": probe.recall,
        "unscorable": list(probe.alone),
    }


def confusion(outcome: NeighbourScore) -> pd.DataFrame:
    """Counts of treatments by mechanism (rows) and by their neighbour's mechanism (columns)."""
    rows = outcome.rows
    names = sorted({*rows["Metadata_MoA"], *rows["Predicted"]})
    table = pd.DataFrame(0, index=names, columns=names)
    for true, predicted in zip(rows["Metadata_MoA"], rows["Predicted"], strict=True):
        table.loc[true, predicted] += 1
    return table


def one_protocol(records: list[Record]) -> str:
    """The protocol that all these records share, for a column of scores.

    Raises InputError where they are of different ones: such scores are different quantities.
    """
    labels = sorted({f"{record['protocol']}@{record['version']}" for record in records})
    if len(labels) != 1:
        raise InputError(f"scores of {' and '.join(labels) or 'no protocol'} share no column")
    return labels[0]
