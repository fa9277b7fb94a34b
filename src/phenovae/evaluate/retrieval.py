"""Mean average precision: of treatments by mechanism, and of wells by treatment.

After Kalinin et al. (2025) and their package copairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.evaluate.average_precision import (
    AveragePrecisions,
    Ties,
    average_precisions,
)
from phenovae.evaluate.likeness import Rows
from phenovae.evaluate.neighbours import Metric, refuse_controls
from phenovae.evaluate.retrieval_null import (
    benjamini_hochberg,
    expected_precision,
    group_p_value,
    random_rankings,
)
from phenovae.evaluate.retrieval_pairs import among, has_positives, mechanism_pairs, replicate_pairs
from phenovae.profiles.features import Matrix
from phenovae.screen.design import treatment_text
from phenovae.screen.partners import Rule
from phenovae.screen.sites import Role, concentration_key

DRAWS = 10_000

_ROWS = [
    "Row", "Query", "Group", "Positives", "Negatives", "Average_Precision", "Expected", "Tied",
    "P_Value", "Smallest_P", "P_Adjusted",
]  # fmt: skip
_GROUPS = [
    "Group", "Queries", "Mean_Average_Precision", "Expected", "P_Value", "Smallest_P", "P_Adjusted"
]  # fmt: skip


@dataclass(frozen=True)
class Retrieval:
    """Average precisions of the queries that have positives and negatives.

    `rows` has one row a query: Row (its number in the table), Query, Group, Positives, Negatives,
    Average_Precision, Expected (of random rankings), Tied (positives as like it as some negative),
    P_Value, Smallest_P (that of a perfect ranking), P_Adjusted (Benjamini and Hochberg, over
    queries). `groups` has the means by group, their p as in `group_p_value`, adjusted over groups.
    `unasked` has Row, Query, Group and Reason.
    """

    rows: pd.DataFrame
    groups: pd.DataFrame
    unasked: pd.DataFrame
    draws: int

    @property
    def mean(self) -> float:
        """Mean average precision over queries."""
        return float(self.rows["Average_Precision"].mean())

    @property
    def mean_of_groups(self) -> float:
        """The mean of the groups' mean average precisions."""
        return float(self.groups["Mean_Average_Precision"].mean())

    @property
    def expected(self) -> float:
        """What the mean over queries is when rankings are random."""
        return float(self.rows["Expected"].mean())

    @property
    def tied(self) -> int:
        """How many queries have a positive that is exactly as like them as some negative."""
        return int((self.rows["Tied"] > 0).sum())


def mechanism_retrieval(
    treatments: pd.DataFrame,
    values: Matrix,
    rule: Rule,
    *,
    mask_negatives: bool,
    unscorable_as_candidates: bool,
    metric: Metric = "cosine",
    ties: Ties = "shared",
    draws: int = DRAWS,
    seed: int,
) -> Retrieval:
    """How early treatments of the query's mechanism stand among all others, by mechanism.

    `treatments` has Metadata_Compound, Metadata_Concentration, Metadata_MoA and Batches, one row a
    row of `values`. `unscorable_as_candidates`: whether treatments that have no positives are
    others' negatives. Raises InputError where a row is a negative control, a treatment has no
    mechanism, profiles cannot be compared, or no query has both positives and negatives.
    """
    refuse_controls(treatments)
    _check_length(treatments, values)
    names = _treatment_names(treatments)
    lacking = treatments["Metadata_MoA"].isna().to_numpy()
    if lacking.any():
        raise InputError(
            f"{names[int(np.argmax(lacking))]} has no mechanism to be retrieved by; "
            f"{int(lacking.sum())} such treatments",
            mend="leave treatments without a mechanism out",
        )
    mechanisms = treatments["Metadata_MoA"].tolist()
    pairs = mechanism_pairs(
        treatments["Metadata_Compound"].tolist(),
        mechanisms,
        treatments["Batches"].tolist(),
        rule,
        mask_negatives=mask_negatives,
    )
    queries = np.arange(len(treatments))
    if not unscorable_as_candidates:
        pairs = among(pairs, has_positives(pairs, queries))
    found = average_precisions(values, queries, pairs, metric=metric, ties=ties, names=names)
    reasons = (
        "no allowed treatment of its mechanism",
        "no allowed treatment of another mechanism",
    )
    return _retrieval(found, queries, names, mechanisms, reasons, draws, seed)


def replicate_retrieval(
    wells: pd.DataFrame,
    values: Matrix,
    *,
    metric: Metric = "cosine",
    ties: Ties = "shared",
    draws: int = DRAWS,
    seed: int,
) -> Retrieval:
    """How early a treated well's replicates on other plates stand among its plate's controls.

    `wells` has Metadata_Plate, Metadata_Well, Metadata_Compound, Metadata_Concentration and
    Metadata_Role, one row a row of `values`. Queries are the wells of treatments, grouped by
    treatment; negatives are negative controls. Raises InputError where profiles cannot be compared,
    or no query has both positives and negatives.
    """
    _check_length(wells, values)
    role = wells["Metadata_Role"].astype(str).to_numpy()
    treated = role == str(Role.TREATMENT)
    treatment = _treatment_names(wells)
    codes = np.where(treated, pd.factorize(np.asarray(treatment, object))[0], -1)
    plates = pd.factorize(wells["Metadata_Plate"])[0]
    names = [
        f"plate {plate}, well {well}"
        for plate, well in zip(wells["Metadata_Plate"], wells["Metadata_Well"], strict=True)
    ]
    pairs = replicate_pairs(codes, plates, role == str(Role.NEGATIVE_CONTROL))
    queries = np.flatnonzero(treated)
    found = average_precisions(values, queries, pairs, metric=metric, ties=ties, names=names)
    reasons = ("no replicate on another plate", "no negative control on its plate")
    return _retrieval(
        found,
        queries,
        [names[row] for row in queries],
        [treatment[row] for row in queries],
        reasons,
        draws,
        seed,
    )


def _check_length(table: pd.DataFrame, values: Matrix) -> None:
    if len(table) != len(values):
        raise InputError(f"{len(values)} profiles, but metadata of {len(table)}")


def _treatment_names(table: pd.DataFrame) -> list[str]:
    return [
        treatment_text(str(compound), concentration_key(float(dose)))
        for compound, dose in zip(
            table["Metadata_Compound"], table["Metadata_Concentration"], strict=True
        )
    ]


def _retrieval(
    found: AveragePrecisions,
    queries: Rows,
    names: Sequence[str],
    groups: Sequence[str],
    reasons: tuple[str, str],
    draws: int,
    seed: int,
) -> Retrieval:
    every = pd.DataFrame(
        {
            "Row": queries,
            "Query": list(names),
            "Group": list(groups),
            "Positives": found.positives,
            "Negatives": found.negatives,
            "Average_Precision": found.precision,
            "Tied": found.tied,
        }
    )
    alone = (every["Positives"] == 0).to_numpy()
    asked = ~alone & (every["Negatives"] > 0).to_numpy()
    if not asked.any():
        raise InputError(
            f"none of {len(every)} queries can be asked: {reasons[0]} for {int(alone.sum())}, "
            f"{reasons[1]} for {int((~alone).sum())} more",
            mend="see the design of the screen",
        )
    unasked = every.loc[~asked, ["Row", "Query", "Group"]].assign(
        Reason=np.where(alone, *reasons)[~asked]
    )
    rows = every.loc[asked].reset_index(drop=True)
    kinds = list(zip(rows["Positives"], rows["Positives"] + rows["Negatives"], strict=True))
    known = {
        kind: random_rankings(int(kind[0]), int(kind[1]), draws=draws, seed=seed)
        for kind in sorted(set(kinds))
    }
    mean = {kind: expected_precision(int(kind[0]), int(kind[1])) for kind in known}
    p = [
        known[kind].p_value(precision)
        for kind, precision in zip(kinds, rows["Average_Precision"], strict=True)
    ]
    rows = rows.assign(
        Expected=[mean[kind] for kind in kinds],
        P_Value=p,
        Smallest_P=[known[kind].smallest_p for kind in kinds],
        P_Adjusted=benjamini_hochberg(p),
    )[_ROWS]
    told: list[dict[str, object]] = []
    for group, members in rows.groupby("Group", sort=True):
        precisions = members["Average_Precision"].tolist()
        rankings = [known[kinds[int(place)]] for place in members.index]
        group_p, smallest = group_p_value(precisions, rankings, draws=draws, seed=seed)
        told.append(
            {
                "Group": group,
                "Queries": len(members),
                "Mean_Average_Precision": float(np.mean(precisions)),
                "Expected": float(members["Expected"].mean()),
                "P_Value": group_p,
                "Smallest_P": smallest,
            }
        )
    by_group = pd.DataFrame(told)
    by_group = by_group.assign(P_Adjusted=benjamini_hochberg(by_group["P_Value"]))[_GROUPS]
    return Retrieval(rows, by_group, unasked.reset_index(drop=True), draws)
