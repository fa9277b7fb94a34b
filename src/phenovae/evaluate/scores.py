"""Scores of features under a protocol, as records with counts, intervals and what they rest on."""

from __future__ import annotations

import logging
import typing
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from phenovae.evaluate.batches import batch_sets, single_plates
from phenovae.evaluate.neighbours import NeighbourScore, score_neighbours
from phenovae.evaluate.protocol import Protocol
from phenovae.evaluate.records import (
    MECHANISM,
    MIXING,
    PLAIN,
    REPLICATES,
    Record,
    Told,
    base_record,
    blank_record,
    column_of,
    kind_of,
    label_of,
)
from phenovae.evaluate.statistics import DRAWS, bootstrap, permute
from phenovae.evaluate.votes import mechanism_table
from phenovae.profiles.features import Features
from phenovae.profiles.partway import Done
from phenovae.profiles.recipe import Profiles, make_profiles
from phenovae.screen.partners import Rule

__all__ = [
    "MECHANISM", "METRICS", "MIXING", "PLAIN", "REPLICATES", "Evaluation", "Outcome", "Record",
    "Told", "base_record", "blank_record", "by_mechanism", "column_of", "confusion", "evaluate",
    "kind_of", "label_of", "share_right", "unscored",
]  # fmt: skip

logger = logging.getLogger(__name__)

METRICS: Mapping[str, Rule] = {"NSC": "other-compound", "NSCB": "other-compound-and-batch"}


@dataclass(frozen=True)
class Evaluation:
    """The outcome of one set of features under one protocol.

    `treatments` are those of the profiles, with Batches as the protocol counts them.
    """

    protocol: Protocol
    profiles: Profiles
    records: tuple[Record, ...]
    neighbours: dict[str, NeighbourScore]
    treatments: pd.DataFrame


def evaluate(
    features: Features, protocol: Protocol, *, seed: int, draws: int = DRAWS, told: Told = PLAIN
) -> Evaluation:
    """Score features by the metrics of a protocol.

    Where nothing can be scored the records say why, with no value. Raises InputError where the
    protocol needs controls that the screen has not.
    """
    recipe = told.done.rest_of(protocol.recipe) if told.done else protocol.recipe
    profiles = make_profiles(
        features, recipe, with_controls=protocol.negative_controls_as_candidates
    )
    profiles = _with_what_was_done(profiles, told.done)
    treatments = profiles.metadata
    if len(treatments):
        sets = batch_sets(treatments, features.metadata, protocol.batches)
        treatments = treatments.assign(Batches=pd.Series(sets, dtype=object))
    records: list[Record] = []
    outcomes: dict[str, NeighbourScore] = {}
    for metric in protocol.metrics:
        base = base_record(features, protocol, metric, seed, told)
        base |= _rests_on(protocol, profiles)
        reason = _why_not(features, treatments, metric, told)
        if reason:
            records.append({**base, "reason": reason})
            continue
        outcome = score_neighbours(
            treatments,
            profiles.values,
            METRICS[metric],
            protocol.metric,
            unscorable_as_candidates=protocol.unscorable_as_candidates,
        )
        outcomes[metric] = outcome
        if outcome.total == 0:
            reason = "no treatment has an allowed neighbour of its own mechanism"
            records.append({**base, "unscorable": list(outcome.unscorable), "reason": reason})
            continue
        stream = f"{features.name} {metric}"
        scored = _scored(outcome, treatments, protocol, stream, seed, draws)
        records.append({**base, **scored})
    return Evaluation(protocol, profiles, tuple(records), outcomes, treatments)


def unscored(
    features: Features, protocol: Protocol, *, seed: int, reason: str, told: Told = PLAIN
) -> list[Record]:
    """Records without a value, one a metric, where a protocol could not be applied."""
    return [
        {**base_record(features, protocol, metric, seed, told), "reason": reason}
        for metric in protocol.metrics
    ]


def _with_what_was_done(profiles: Profiles, done: Done | None) -> Profiles:
    if done is None:
        return profiles
    profiles = replace(profiles, left_out=(*done.left_out, *profiles.left_out))
    if not done.transformed:
        return profiles
    return replace(profiles, fitted_on=done.fitted_on, transformed_at=done.transformed_at)


def _why_not(features: Features, treatments: pd.DataFrame, metric: str, told: Told) -> str:
    if len(treatments) < 2:
        return "fewer than two annotated treatments"
    across = METRICS[metric] == "other-compound-and-batch"
    if across and not told.plates_are_batches and single_plates(features.metadata):
        return (
            "every batch is a single plate: a neighbour on a sister plate of the same day would "
            "count as one from another batch; name the batches, or say that plates are batches "
            "(evaluate.plates_are_batches)"
        )
    return ""


def _rests_on(protocol: Protocol, profiles: Profiles) -> Record:
    return {
        "cells": profiles.cells,
        **protocol.rests_on(profiles.fitted_on),
        "transformed_at": profiles.transformed_at,
        "left_out": list(profiles.left_out),
        "features_dropped": list(profiles.dropped),
    }


def _scored(
    outcome: NeighbourScore,
    treatments: pd.DataFrame,
    protocol: Protocol,
    stream: str,
    seed: int,
    draws: int,
) -> Record:
    rows = outcome.rows
    by_compound = protocol.headline == "macro_compound"
    null = permute(
        outcome, treatments, draws=draws, seed=seed, name=stream, by_compound=by_compound
    )
    right = share_right(outcome, stream, draws=draws, seed=seed, by_compound=by_compound)
    averages = {
        "micro": right["value"],
        "macro_compound": _macro(rows, "Metadata_Compound"),
        "macro_moa": _macro(rows, "Metadata_MoA"),
    }
    return {
        **right,
        "value": averages[protocol.headline],
        "total": outcome.total,
        "headline": protocol.headline,
        "p_value": null.p_value,
        "null_mean": null.mean,
        **averages,
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
        "by_moa": by_mechanism(rows),
    }


class Outcome(typing.Protocol):
    """How treatments were judged: a row each, with Right and Metadata_Compound."""

    @property
    def rows(self) -> pd.DataFrame:
        """One row for each treatment that was asked about."""

    @property
    def correct(self) -> float:
        """How many are right; a tie counts for its share."""

    @property
    def total(self) -> int:
        """How many were asked about."""


def share_right(
    outcome: Outcome, stream: str, *, draws: int, seed: int, by_compound: bool = False
) -> Record:
    """Share and number of the right, and the interval over compounds, as a record has them."""
    interval = bootstrap(
        outcome.rows["Right"].tolist(),
        outcome.rows["Metadata_Compound"].tolist(),
        draws=draws,
        seed=seed,
        name=stream,
        by_compound=by_compound,
    )
    correct = outcome.correct
    return {
        "value": correct / outcome.total,
        "correct": int(correct) if correct.is_integer() else correct,
        "low": interval.low,
        "high": interval.high,
    }


def by_mechanism(rows: pd.DataFrame) -> list[Record]:
    """Precision, recall and F1 of every mechanism as JSON; null where nothing stands below."""
    table = mechanism_table(rows).rename(columns={"Metadata_MoA": "MoA"}).rename(columns=str.lower)
    known = table.astype(object).where(table.notna(), None)
    return [{str(key): row[key] for key in row} for row in known.to_dict("records")]


def _macro(rows: pd.DataFrame, by: str) -> float:
    return float(rows.groupby(by)["Right"].mean().mean())


def confusion(outcome: NeighbourScore) -> pd.DataFrame:
    """Counts of treatments by mechanism (rows) and by their neighbour's mechanism (columns)."""
    rows = outcome.rows
    names = sorted({*rows["Metadata_MoA"], *rows["Predicted"]})
    table = pd.DataFrame(0, index=names, columns=names)
    for true, predicted in zip(rows["Metadata_MoA"], rows["Predicted"], strict=True):
        table.loc[true, predicted] += 1
    return table
