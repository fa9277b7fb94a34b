"""Treatments made by hand, and whole screens with a planted signal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from tests.profiles.screens import Row, cells, controls, table

from phenovae.evaluate.neighbours import Metric, NeighbourScore, score_neighbours
from phenovae.profiles.features import FeatureTable
from phenovae.screen.partners import Rule

NSC: Rule = "other-compound"
NSCB: Rule = "other-compound-and-batch"

# A treatment by hand: compound, dose, mechanism, batches by their letters.
Treatment = tuple[str, float, str, str]
Place = Callable[[int, int, int], np.ndarray]


def frame(treatments: Sequence[Treatment]) -> pd.DataFrame:
    """What is known of treatments, as aggregation would give it."""
    return pd.DataFrame(
        {
            "Metadata_Compound": [each[0] for each in treatments],
            "Metadata_Concentration": [each[1] for each in treatments],
            "Metadata_MoA": [each[2] for each in treatments],
            "Batches": [frozenset(each[3]) for each in treatments],
        }
    )


def directions(*degrees: float) -> np.ndarray:
    """Unit vectors of the plane, by their angle."""
    angles = np.deg2rad(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def scored(
    treatments: Sequence[Treatment],
    values: np.ndarray,
    rule: Rule = NSC,
    metric: Metric = "cosine",
    *,
    keep: bool = True,
) -> NeighbourScore:
    """Score treatments made by hand; `keep`: those that cannot be right stay candidates."""
    return score_neighbours(frame(treatments), values, rule, metric, unscorable_as_candidates=keep)


def screen(
    place: Place, *, mechanisms: int = 5, compounds: int = 3, seed: int = 0, noise: float = 0.1
) -> FeatureTable:
    """A screen of two doses a compound; `place(mechanism, compound, batch)` is where its cells lie.

    Compounds are numbered through; the first of every mechanism is in Week1, the second in Week2
    and so on. Two wells a dose, two fields a well, two cells a field; 24 fields of DMSO a batch.
    """
    rows: list[Row] = []
    centres: list[np.ndarray] = []
    for number in range(mechanisms * compounds):
        mechanism, batch = divmod(number, compounds)
        for dose in (1.0, 10.0):
            for plate in (1, 2):
                for site in (1, 2):
                    rows += cells(
                        f"compound {number:02d}", dose, 2, moa=f"mechanism {mechanism}",
                        plate=f"Week{batch + 1}_{plate}", well=f"{'BC'[dose > 1]}{number + 1:02d}",
                        site=site, batch=f"Week{batch + 1}",
                    )  # fmt: skip
                    centres += [place(mechanism, number, batch)] * 2
    for batch in range(compounds):
        for site in range(24):
            rows += controls(
                2, plate=f"Week{batch + 1}_1", well=f"A{site // 4 + 1:02d}", site=site,
                batch=f"Week{batch + 1}",
            )  # fmt: skip
            centres += [np.zeros_like(centres[0])] * 2
    random = np.random.default_rng([seed, 1])
    values = np.stack(centres)
    return table(rows, values + noise * random.normal(size=values.shape))
