"""Screens of a few wells, and protocols without anything to hide behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tests.profiles.screens import Row, cells, controls, table

from phenovae.evaluate.protocol import Protocol, load_protocol
from phenovae.evaluate.scores import Record, Told, evaluate
from phenovae.profiles.choosing import FeatureChoice
from phenovae.profiles.features import FeatureTable
from phenovae.profiles.reading import ReadFeatures, ReadOptions, read_features

PLAIN = Protocol.model_validate(
    {
        "name": "plain", "version": 1, "summary": "wells, then treatments, by the mean",
        "recipe": {"levels": [{"level": "well"}, {"level": "treatment"}]},
        "unscorable_as_candidates": False,
    }
)  # fmt: skip

# A treatment by hand: compound, dose, mechanism, plate. The batch is the plate's name before `_`.
Treated = tuple[str, float, str | None, str]


def at(*degrees: float) -> np.ndarray:
    """Unit vectors of the plane, by their angle."""
    angles = np.deg2rad(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def one_cell_each(treatments: Sequence[Treated], values: np.ndarray) -> FeatureTable:
    """A well of one cell for each."""
    rows: list[Row] = []
    for number, (compound, dose, moa, plate) in enumerate(treatments):
        rows += cells(
            compound, dose, moa=moa, plate=plate, batch=plate.split("_")[0],
            well=f"B{number + 1:02d}",
        )  # fmt: skip
    return table(rows, values)


def changed(protocol: Protocol, **told: object) -> Protocol:
    """A protocol with other settings, checked as a file of it would be."""
    return Protocol.model_validate({**protocol.model_dump(), **told})


def with_recipe(protocol: Protocol, **told: object) -> Protocol:
    return changed(protocol, recipe={**protocol.recipe.model_dump(), **told})


def records_of(
    features: FeatureTable, protocol: Protocol | str = PLAIN, told: Told | None = None
) -> dict[str, Record]:
    """Records by their metric."""
    named = load_protocol(protocol) if isinstance(protocol, str) else protocol
    found = evaluate(features, named, seed=0, draws=20, told=told or Told())
    return {str(record["metric"]): record for record in found.records}


def neighbours_of(
    features: FeatureTable, protocol: Protocol | str = PLAIN, metric: str = "NSC"
) -> dict[str, str]:
    """The neighbour of every query, by its treatment."""
    named = load_protocol(protocol) if isinstance(protocol, str) else protocol
    rows = evaluate(features, named, seed=0, draws=20).neighbours[metric].rows
    return dict(zip(rows["Treatment"], rows["Neighbour"], strict=True))


def dmso(count: int, values: Sequence[float], **place: str) -> tuple[list[Row], np.ndarray]:
    """So many DMSO cells whose first feature goes through these values in turn."""
    return controls(count, **place), np.resize(np.asarray(values, float), count)  # type: ignore[arg-type]


def read(frame: pd.DataFrame, folder: Path, **told: object) -> ReadFeatures:
    """Anybody's table, read with this choice of features."""
    path = folder / "a table.csv"
    frame.to_csv(path, index=False)
    return read_features(path, None, ReadOptions(choice=FeatureChoice.model_validate(told)))
