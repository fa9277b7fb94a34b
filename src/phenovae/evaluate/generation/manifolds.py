"""Precision and recall of generated samples (Kynkäänniemi et al. 2019).

The manifold of a sample is the union of balls about its points, each reaching to the k-th nearest
other point. Precision: the share of generated points on the manifold of the real ones, whether
they look real. Recall: the share of real points on that of the generated ones, whether all kinds
are made.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


def share_on_manifold(points_to_sample: Doubles, within_sample: Doubles, neighbours: int) -> float:
    """Share of points on the manifold of a sample.

    From squared distances of points to the sample (n, m) and within the sample (m, m). Raises
    ValueError where the sample has no more points than `neighbours`.
    """
    if len(within_sample) <= neighbours:
        raise ValueError(f"a manifold of {neighbours} neighbours needs more points than that")
    # The nearest is the point itself, at distance 0.
    reach = np.partition(within_sample, neighbours, axis=1)[:, neighbours]
    return float((points_to_sample <= reach[None, :]).any(axis=1).mean())


def precision_and_recall(
    generated: Doubles, real: Doubles, between: Doubles, neighbours: int
) -> tuple[float, float]:
    """Precision and recall from squared distances within both samples, and between (n, m)."""
    return (
        share_on_manifold(between, real, neighbours),
        share_on_manifold(between.T, generated, neighbours),
    )
