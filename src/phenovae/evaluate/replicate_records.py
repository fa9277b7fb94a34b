"""How early the replicates of a treated well stand, as a record."""

from __future__ import annotations

from phenovae.evaluate.neighbours import Metric
from phenovae.evaluate.retrieval import Retrieval, replicate_retrieval
from phenovae.evaluate.scores import Record
from phenovae.evaluate.statistics import bootstrap
from phenovae.profiles.wells import WellProfiles

METRIC = "replicate mAP"
_BELOW = 0.05
_BY_TREATMENT = {
    "Group": "treatment",
    "Queries": "wells",
    "Mean_Average_Precision": "value",
    "P_Value": "p_value",
    "P_Adjusted": "p_adjusted",
}


def replicate_told(
    wells: WellProfiles, metric: Metric, stream: str, *, draws: int, seed: int
) -> Record:
    """What a record says of replicates: the mean over treated wells, by chance, by treatment.

    The interval draws compounds. `found` counts treatments whose p is below 0.05, `could` those
    whose p can be: few controls on a plate leave no small p. Raises as `replicate_retrieval` does.
    """
    retrieval = replicate_retrieval(
        wells.metadata, wells.values, metric=metric, draws=draws, seed=seed
    )
    groups, rows = retrieval.groups, retrieval.rows
    told = _value(retrieval, wells, stream, seed)
    return {
        **told,
        "total": len(rows),
        "null_mean": retrieval.expected,
        "ties": retrieval.tied,
        "treatments": len(groups),
        "found": int((groups["P_Value"] < _BELOW).sum()),
        "could": int((groups["Smallest_P"] < _BELOW).sum()),
        "found_adjusted": int((groups["P_Adjusted"] < _BELOW).sum()),
        "unasked": len(retrieval.unasked),
        "by_treatment": groups[list(_BY_TREATMENT)]
        .rename(columns=_BY_TREATMENT)
        .to_dict("records"),
    }


def replicates_before(
    wells: WellProfiles, metric: Metric, stream: str, *, draws: int, seed: int
) -> Record:
    """Value and interval alone, of wells before the transforms."""
    retrieval = replicate_retrieval(
        wells.metadata, wells.values, metric=metric, draws=draws, seed=seed
    )
    return _value(retrieval, wells, stream, seed)


def _value(retrieval: Retrieval, wells: WellProfiles, stream: str, seed: int) -> Record:
    compounds = wells.metadata["Metadata_Compound"].iloc[retrieval.rows["Row"].tolist()].tolist()
    interval = bootstrap(
        retrieval.rows["Average_Precision"].tolist(),
        compounds,
        draws=retrieval.draws,
        seed=seed,
        name=stream,
    )
    return {"value": retrieval.mean, "low": interval.low, "high": interval.high}
