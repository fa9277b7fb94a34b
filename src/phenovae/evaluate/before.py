"""The same scores without the protocol's transforms: what these gave to biology, or took."""

from __future__ import annotations

from phenovae.base.errors import InputError
from phenovae.evaluate.comparing import Model, differ
from phenovae.evaluate.neighbours import NeighbourScore, score_neighbours
from phenovae.evaluate.scores import METRICS, Evaluation, Record, share_right
from phenovae.profiles.features import Features
from phenovae.profiles.recipe import make_profiles


def add_before(features: Features, evaluation: Evaluation, *, draws: int, seed: int) -> None:
    """Write into the records of an evaluation what they are `before_transforms`.

    That is value, count and interval of the same treatments, averaged alike, and the paired
    difference that the transforms make, with its interval over compounds and p. Nothing is written
    where the protocol has no transforms, or scored nothing.
    """
    protocol = evaluation.protocol
    if not protocol.recipe.transforms or not evaluation.neighbours:
        return
    bare = protocol.untransformed()
    profiles = make_profiles(
        features, bare.recipe, with_controls=protocol.negative_controls_as_candidates
    )
    for record in evaluation.records:
        metric = str(record["metric"])
        if record["value"] is None:
            continue
        try:
            outcome = score_neighbours(
                evaluation.treatments,
                profiles.values,
                METRICS[metric],
                protocol.metric,
                unscorable_as_candidates=protocol.unscorable_as_candidates,
            )
        except InputError as error:
            record["before_transforms"] = {"value": None, "reason": error.what}
            continue
        stream = f"{features.name} {metric}"
        record["before_transforms"] = _told(
            outcome, evaluation.neighbours[metric], stream, draws, seed
        )


def _told(
    before: NeighbourScore, after: NeighbourScore, stream: str, draws: int, seed: int
) -> Record:
    moved = differ(
        Model("with transforms", (after.rows,), trained=False),
        Model("without", (before.rows,), trained=False),
        draws=draws,
        seed=seed,
    )
    return {
        **share_right(before, stream, draws=draws, seed=seed),
        "difference": moved.difference,
        "difference_low": moved.interval.low,
        "difference_high": moved.interval.high,
        "p_value": moved.p_value,
    }
