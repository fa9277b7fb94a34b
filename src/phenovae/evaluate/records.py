"""Records of scores: what each says of itself, and which of them share a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phenovae.base.errors import InputError
from phenovae.evaluate.protocol import Protocol
from phenovae.evaluate.provenance import NOT_STATED, Training
from phenovae.profiles.features import Features
from phenovae.profiles.partway import Done

Record = dict[str, object]

MECHANISM, REPLICATES, MIXING = "mechanism", "replicates", "batch mixing"
"""Kinds of records: what is asked of profiles. No number of one kind is like one of another."""

_OF_ONE_COLUMN = (
    ("metric", "metrics"), ("headline", "averages"), ("k", "numbers of neighbours"),
    ("wells", "wells"), ("track", "tracks"),
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """What a score says of itself beside its protocol.

    `variant` names what was changed of the protocol; with `plates_are_batches` a screen whose every
    batch is one plate is scored by NSCB all the same. `done` is what of the protocol was done to
    the features before they came.
    """

    variant: str = ""
    training: Training = NOT_STATED
    plates_are_batches: bool = False
    done: Done | None = None


PLAIN = Told()


def base_record(
    features: Features,
    protocol: Protocol,
    metric: str,
    seed: int,
    told: Told,
    kind: str = MECHANISM,
) -> Record:
    """What a record says before anything is scored; it has no value yet."""
    return {
        **blank_record(features, (protocol.name, protocol.version), metric, seed, told, kind),
        "controls": 0,
        "fitted_on": {"wells": protocol.recipe.fit_on, "rows": 0},
        "level": features.level,
        "parameters": protocol.model_dump(mode="json"),
    }


def blank_record(
    features: Features,
    protocol: tuple[str, int],
    metric: str,
    seed: int,
    told: Told,
    kind: str = MECHANISM,
) -> Record:
    """What every record says, of a protocol by name and version; it has no value yet."""
    name, version = protocol
    return {
        "features": features.name,
        "protocol": name,
        "version": version,
        "variant": told.variant,
        "track": told.training.track,
        "kind": kind,
        "metric": metric,
        "value": None,
        "correct": None,
        "total": 0,
        "low": None,
        "high": None,
        "seed": seed,
        "cells": 0,
        "dimensions": len(features.columns),
        "training": told.training.as_dict(),
    }


def column_of(records: Sequence[Record]) -> str:
    """The protocol that all these records share, for a column of scores.

    Raises InputError where they are of different kinds (mechanisms, replicates, batch mixing),
    protocols, variants, metrics, averages, numbers of neighbours or tracks of training: such scores
    are different quantities.
    """
    kinds = sorted({kind_of(record) for record in records})
    if len(kinds) > 1:
        raise InputError(f"records of {' and '.join(kinds)} share no column: no average joins them")
    labels = sorted({label_of(record) for record in records})
    if len(labels) != 1:
        raise InputError(f"scores of {' and '.join(labels) or 'no protocol'} share no column")
    for key, what in _OF_ONE_COLUMN:
        found = sorted({str(record[key]) for record in records if record.get(key)})
        if len(found) > 1:
            raise InputError(f"scores of the {what} {' and '.join(found)} share no column")
    return labels[0]


def kind_of(record: Mapping[str, object]) -> str:
    """What a record is about: mechanisms, where it does not say."""
    return str(record.get("kind") or MECHANISM)


def label_of(record: Mapping[str, object]) -> str:
    """Protocol, version and variant of a record, as `caicedo2018@2 (normalize z-score, sphere)`."""
    variant = record.get("variant")
    return f"{record['protocol']}@{record['version']}" + (f" ({variant})" if variant else "")
