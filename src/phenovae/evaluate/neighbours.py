"""Every treatment's nearest allowed neighbour, and whether it has the same mechanism."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial.distance import cdist

from phenovae.base.errors import InputError
from phenovae.profiles.features import Matrix
from phenovae.screen.design import treatment_text
from phenovae.screen.partners import Rule, eligible, scorable
from phenovae.screen.sites import Role

Metric = Literal["cosine", "pearson", "euclidean"]

_TIE = 1e-12


@dataclass(frozen=True)
class NeighbourScore:
    """The outcome under one rule.

    `rows` has one row a scorable treatment: Treatment, Metadata_Compound, Metadata_MoA, Neighbour,
    Predicted, Similarity, Runner_up (best of another mechanism than the predicted), Margin,
    Partners (allowed neighbours of its own mechanism), Right (1, 0, or a share where they tie).
    """

    rule: Rule
    rows: pd.DataFrame
    unscorable: tuple[str, ...]
    ties: int
    best: tuple[tuple[int, ...], ...]
    queries: npt.NDArray[np.int64]
    candidates: npt.NDArray[np.bool_]

    @property
    def correct(self) -> float:
        """How many are right; a tie between mechanisms counts for its share."""
        return float(self.rows["Right"].sum())

    @property
    def total(self) -> int:
        """How many could be right."""
        return len(self.rows)


def similarities(values: Matrix, metric: Metric, names: Sequence[str]) -> Matrix:
    """Likeness of all pairs of profiles (n, n), larger is more alike.

    Raises InputError where a profile has no direction (a zero vector under cosine, a constant one
    under Pearson's correlation), by its name.
    """
    if metric == "pearson":
        values = values - values.mean(axis=1, keepdims=True)
    if metric != "euclidean":
        lengths = np.linalg.norm(values, axis=1)
        if (lengths < _TIE).any():
            raise InputError(
                f"the profile of {names[int(np.argmin(lengths))]} is zero and has no direction",
                mend="check the features of that treatment",
            )
        unit = values / lengths[:, None]
        like: Matrix = unit @ unit.T
        return like
    # Differences first: |a|² + |b|² - 2ab loses half the digits, and with them the ties.
    apart: Matrix = cdist(values, values)
    return -apart


def score_neighbours(
    treatments: pd.DataFrame,
    values: Matrix,
    rule: Rule,
    metric: Metric,
    *,
    unscorable_as_candidates: bool,
) -> NeighbourScore:
    """Score profiles of treatments by their nearest allowed neighbour.

    `treatments` has Metadata_Compound, Metadata_Concentration, Metadata_MoA, Metadata_Role and
    Batches. Rows of negative controls, where there are any, are nobody's query and everybody's
    candidates. Raises InputError on values that are no finite numbers.
    """
    if not np.isfinite(values).all():
        raise InputError("a profile holds NaN or infinity", mend="check the features")
    mechanisms = treatments["Metadata_MoA"].to_numpy(dtype=object)
    compounds = treatments["Metadata_Compound"].to_numpy(dtype=object)
    mask = eligible(compounds.tolist(), treatments["Batches"].tolist(), rule)
    controls = _controls(treatments)
    can = scorable(mask & ~controls[None, :], mechanisms.tolist()) & ~controls
    candidates = np.ones(len(mask), bool) if unscorable_as_candidates else can | controls
    names = [
        treatment_text(str(compound), float(dose))
        for compound, dose in zip(compounds, treatments["Metadata_Concentration"], strict=True)
    ]
    like = similarities(values, metric, names)
    rows: list[dict[str, object]] = []
    best: list[tuple[int, ...]] = []
    ties = 0
    queries = np.flatnonzero(can)
    for query in queries:
        allowed = np.flatnonzero(mask[query] & candidates)
        near = like[query, allowed]
        top = allowed[near >= near.max() - _TIE * max(1.0, abs(near.max()))]
        right = float(np.mean(mechanisms[top] == mechanisms[query]))
        ties += int(len(set(mechanisms[top])) > 1)
        best.append(tuple(int(each) for each in top))
        predicted = mechanisms[top[0]]
        others = near[mechanisms[allowed] != predicted]
        runner_up = float(others.max()) if len(others) else float("nan")
        rows.append(
            {
                "Treatment": names[query],
                "Metadata_Compound": compounds[query],
                "Metadata_MoA": mechanisms[query],
                "Neighbour": names[top[0]],
                "Predicted": predicted,
                "Similarity": float(near.max()),
                "Runner_up": runner_up,
                "Margin": float(near.max()) - runner_up,
                "Partners": int((mechanisms[allowed] == mechanisms[query]).sum()),
                "Right": right,
            }
        )
    columns = [
        "Treatment", "Metadata_Compound", "Metadata_MoA", "Neighbour", "Predicted", "Similarity",
        "Runner_up", "Margin", "Partners", "Right",
    ]  # fmt: skip
    return NeighbourScore(
        rule=rule,
        rows=pd.DataFrame(rows, columns=columns),
        unscorable=tuple(names[index] for index in np.flatnonzero(~can & ~controls)),
        ties=ties,
        best=tuple(best),
        queries=queries,
        candidates=candidates,
    )


def refuse_controls(treatments: pd.DataFrame) -> None:
    """Raise InputError where a row is a negative control, which is no treatment and never right."""
    controls = _controls(treatments)
    if controls.any():
        first = treatments.iloc[int(np.argmax(controls))]
        raise InputError(
            f"{first['Metadata_Compound']} is a negative control and no treatment; "
            f"{int(controls.sum())} such rows",
            mend="leave the controls out",
        )


def _controls(treatments: pd.DataFrame) -> npt.NDArray[np.bool_]:
    if "Metadata_Role" not in treatments:
        return np.zeros(len(treatments), bool)
    mask: npt.NDArray[np.bool_] = (
        treatments["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)
    ).to_numpy(bool)
    return mask
