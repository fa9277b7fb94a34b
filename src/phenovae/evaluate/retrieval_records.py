"""Mean average precision of treatments by mechanism, as records beside NSC and NSCB."""

from __future__ import annotations

import pandas as pd

from phenovae.base.errors import InputError
from phenovae.evaluate.retrieval import Retrieval, mechanism_retrieval
from phenovae.evaluate.scores import METRICS, Evaluation, Record
from phenovae.evaluate.statistics import bootstrap
from phenovae.profiles.features import Matrix

MAP = " mAP"
"""What is put behind a metric's name: NSC mAP has the masks of NSC."""

_BY_MOA = {
    "Group": "moa",
    "Queries": "queries",
    "Mean_Average_Precision": "value",
    "P_Value": "p_value",
    "P_Adjusted": "p_adjusted",
}
KEPT: tuple[str, ...] = (
    "features", "protocol", "version", "variant", "track", "kind", "seed", "cells", "controls",
    "fitted_on", "dimensions", "level", "training", "transformed_at", "left_out",
    "features_dropped", "parameters",
)  # fmt: skip


def retrieval_records(evaluation: Evaluation, *, draws: int, seed: int) -> list[Record]:
    """A record for each metric that was scored: how early treatments of one mechanism stand.

    `value` is the mean over treatments, its interval a bootstrap over compounds, `null_mean` what
    random rankings give. Negatives are masked by batch as positives are. `by_moa` has the mean of
    every mechanism with its p, which takes the doses of a compound for independent.
    """
    found: list[Record] = []
    for record in evaluation.records:
        metric = str(record["metric"])
        outcome = evaluation.neighbours.get(metric)
        if outcome is None or record["value"] is None:
            continue
        base: Record = {key: record[key] for key in KEPT if key in record}
        base |= {"metric": f"{metric}{MAP}", "value": None, "correct": None, "total": 0}
        base |= {"low": None, "high": None}
        treatments, values = treatments_alone(evaluation)
        try:
            retrieval = mechanism_retrieval(
                treatments,
                values,
                METRICS[metric],
                mask_negatives=True,
                unscorable_as_candidates=evaluation.protocol.unscorable_as_candidates,
                metric=evaluation.protocol.metric,
                draws=draws,
                seed=seed,
            )
        except InputError as error:
            found.append({**base, "reason": error.what})
            continue
        compounds = treatments["Metadata_Compound"].iloc[retrieval.rows["Row"].tolist()].tolist()
        found.append(
            {**base, **_told(retrieval, compounds, f"{record['features']} {metric}", seed)}
        )
    return found


def treatments_alone(evaluation: Evaluation) -> tuple[pd.DataFrame, Matrix]:
    """Treatments of an evaluation and their profiles, without the negative controls."""
    treated = (evaluation.treatments["Metadata_Role"] != "negative_control").to_numpy(bool)
    treatments = evaluation.treatments.loc[treated].reset_index(drop=True)
    return treatments, evaluation.profiles.values[treated]


def _told(retrieval: Retrieval, compounds: list[str], stream: str, seed: int) -> Record:
    rows = retrieval.rows
    interval = bootstrap(
        rows["Average_Precision"].tolist(),
        compounds,
        draws=retrieval.draws,
        seed=seed,
        name=stream,
    )
    return {
        "value": retrieval.mean,
        "low": interval.low,
        "high": interval.high,
        "total": len(rows),
        "null_mean": retrieval.expected,
        "macro_moa": retrieval.mean_of_groups,
        "ties": retrieval.tied,
        "by_moa": retrieval.groups[list(_BY_MOA)].rename(columns=_BY_MOA).to_dict("records"),
    }
