"""Votes of several neighbours as records beside NSC and NSCB."""

from __future__ import annotations

from collections.abc import Sequence

from phenovae.evaluate.retrieval_records import KEPT, treatments_alone
from phenovae.evaluate.scores import METRICS, Evaluation, Record, by_mechanism, share_right
from phenovae.evaluate.votes import VoteScore, score_votes


def vote_records(
    evaluation: Evaluation, numbers: Sequence[int], *, draws: int, seed: int
) -> list[Record]:
    """A record for each metric that was scored and each number of neighbours, as `NSC k=3`.

    `value` is the share of treatments whose mechanism most of their k nearest allowed neighbours
    have, its interval a bootstrap over compounds; `by_moa` has precision and recall of every
    mechanism. Negative controls have no vote.
    """
    found: list[Record] = []
    for record in evaluation.records:
        metric = str(record["metric"])
        if metric not in evaluation.neighbours or record["value"] is None:
            continue
        treatments, values = treatments_alone(evaluation)
        for k in numbers:
            votes = score_votes(
                treatments,
                values,
                METRICS[metric],
                evaluation.protocol.metric,
                k=k,
                unscorable_as_candidates=evaluation.protocol.unscorable_as_candidates,
                seed=seed,
            )
            base: Record = {key: record[key] for key in KEPT if key in record}
            stream = f"{record['features']} {metric} k={k}"
            told = _told(votes, stream, draws, seed)
            found.append({**base, "metric": f"{metric} k={k}", "k": k, **told})
    return found


def _told(votes: VoteScore, stream: str, draws: int, seed: int) -> Record:
    return {
        **share_right(votes, stream, draws=draws, seed=seed),
        "total": votes.total,
        "headline": "micro",
        "ties": votes.ties,
        "unscorable": list(votes.unscorable),
        "by_moa": by_mechanism(votes.rows),
    }
