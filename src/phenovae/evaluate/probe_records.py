"""The probes as records: of single cells, and of wells."""

from __future__ import annotations

from phenovae.base.errors import InputError
from phenovae.evaluate.probe import Probe, run_probe, run_well_probe
from phenovae.evaluate.scores import PLAIN, Record, Told, blank_record
from phenovae.evaluate.statistics import DRAWS
from phenovae.profiles.features import Features, FeatureTable
from phenovae.profiles.recipe import Recipe
from phenovae.profiles.wells import knows_cells, make_wells

CELL_PROBE, WELL_PROBE = "probe", "well probe"
"""The metrics of the two."""

_PROTOCOLS = {CELL_PROBE: "cell-probe", WELL_PROBE: "well-probe"}
_VERSION = 1
_PLAIN_WELLS = Recipe.model_validate({"levels": [{"level": "well"}, {"level": "treatment"}]})


def evaluate_probe(
    features: Features, *, seed: int, draws: int = DRAWS, told: Told = PLAIN
) -> Record:
    """The cell probe of features as a record; without a value where it cannot be asked."""
    return _record(CELL_PROBE, features, run_probe(features, draws=draws, seed=seed), seed, told)


def evaluate_well_probe(
    features: Features, *, seed: int, draws: int = DRAWS, told: Told = PLAIN
) -> Record:
    """The probe of wells, each the mean of its rows, as a record; as `evaluate_probe` does."""
    try:
        wells = make_wells(features, _PLAIN_WELLS)
    except InputError as error:
        return {**_record(WELL_PROBE, features, None, seed, told), "reason": error.what}
    table = FeatureTable(features.name, wells.metadata, wells.values, features.columns, "well")
    found = run_well_probe(table, draws=draws, seed=seed)
    return _record(WELL_PROBE, features, found, seed, told)


def _record(metric: str, features: Features, probe: Probe | None, seed: int, told: Told) -> Record:
    base = blank_record(features, (_PROTOCOLS[metric], _VERSION), metric, seed, told)
    if probe is None:
        return {**base, "reason": "fewer than two mechanisms have two compounds"}
    of_wells_alone = metric == WELL_PROBE and not knows_cells(features)
    return {
        **base,
        "value": probe.value,
        "low": probe.interval.low,
        "high": probe.interval.high,
        "cells": 0 if of_wells_alone else probe.cells,
        "total": probe.rows,
        "folds": probe.folds,
        "chance": probe.chance,
        "recall": probe.recall,
        "unscorable": list(probe.alone),
    }
