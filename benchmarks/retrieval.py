"""Average precision of 10,000 profiles: seconds and memory, beside the plain way.

    python benchmarks/retrieval.py [PROFILES [FEATURES]]

The plain way has the likeness of all pairs in memory and asks scikit-learn about one query after
another. Each way is a process of its own, on the same profiles: 100 mechanisms of ten compounds of
ten doses, five batches. Then the random rankings that p-values want.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import numpy as np

PROFILES, FEATURES = 10_000, 256
MECHANISMS, DOSES, BATCHES = 100, 10, 5


def world(count: int, features: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Profiles, and codes of their compound, mechanism and batch."""
    compound = np.arange(count) // DOSES
    mechanism = compound % MECHANISMS
    random = np.random.default_rng(0)
    own = random.normal(size=(MECHANISMS, features))[mechanism]
    return (
        own + 5 * random.normal(size=(count, features)),
        compound,
        mechanism,
        compound // MECHANISMS % BATCHES,
    )


def by_blocks(count: int, features: int) -> tuple[float, int]:
    """The mean over queries, by this package."""
    from phenovae.evaluate.average_precision import average_precisions
    from phenovae.evaluate.retrieval_pairs import mechanism_pairs

    values, compound, mechanism, batch = world(count, features)
    pairs = mechanism_pairs(
        [str(each) for each in compound], [str(each) for each in mechanism],
        [frozenset({str(each)}) for each in batch], "other-compound-and-batch", mask_negatives=True,
    )  # fmt: skip
    found = average_precisions(values, np.arange(count), pairs).precision
    return float(np.nanmean(found)), int(np.isfinite(found).sum())


def plain(count: int, features: int) -> tuple[float, int]:
    """The mean over queries, by matrices of all pairs and scikit-learn."""
    from sklearn.metrics import average_precision_score
    from sklearn.metrics.pairwise import cosine_similarity

    values, compound, mechanism, batch = world(count, features)
    like = cosine_similarity(values).astype(np.float32)
    same = mechanism[:, None] == mechanism
    apart = batch[:, None] != batch
    positive = same & apart & (compound[:, None] != compound)
    ranked = positive | (~same & apart)
    found = [
        average_precision_score(positive[query, ranked[query]], like[query, ranked[query]])
        for query in np.flatnonzero(positive.any(axis=1) & (ranked & ~positive).any(axis=1))
    ]
    return float(np.mean(found)), len(found)


def with_p_values(count: int, features: int) -> tuple[float, int]:
    """The same by this package, with 10,000 random rankings of every kind."""
    import pandas as pd

    from phenovae.evaluate.retrieval import mechanism_retrieval

    values, compound, mechanism, batch = world(count, features)
    treatments = pd.DataFrame(
        {
            "Metadata_Compound": compound.astype(str),
            "Metadata_Concentration": np.arange(count) % DOSES + 1.0,
            "Metadata_MoA": mechanism.astype(str),
            "Batches": [frozenset({str(each)}) for each in batch],
        }
    )
    found = mechanism_retrieval(
        treatments, values, "other-compound-and-batch", mask_negatives=True,
        unscorable_as_candidates=False, seed=0,
    )  # fmt: skip
    return found.mean, len(found.rows)


WAYS = {"by blocks": by_blocks, "plain": plain, "by blocks, with p": with_p_values}


def main() -> None:
    """Print seconds, peak of memory and the outcome of each way."""
    if len(sys.argv) == 5 and sys.argv[1] == "--way":
        way, count, features = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
        start, busy = time.perf_counter(), time.process_time()
        mean, queries = WAYS[way](count, features)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{way:18s} {seconds:6.1f} s ({busy:.1f} s of processors), {peak:5.0f} MiB, "
            f"mAP {mean:.6f} of {queries} queries"
        )
        return
    numbers = sys.argv[1:] + [str(PROFILES), str(FEATURES)][len(sys.argv) - 1 :]
    for way in WAYS:
        subprocess.run([sys.executable, __file__, "--way", way, *numbers], check=True)


if __name__ == "__main__":
    main()
