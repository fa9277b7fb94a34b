"""Batch mixing: whether wells that were treated alike lie among their own batch.

The three quantities are the share of neighbours of the same batch, an inverse Simpson index after
LISI (Korsunsky et al. 2019, there with weights by distance, here without), and a rejection rate
after kBET (Büttner et al. 2019).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_array
from scipy.stats import chi2

from phenovae.base import seeds
from phenovae.base.errors import InputError
from phenovae.evaluate.likeness import Likeness, likeness, row_blocks
from phenovae.evaluate.neighbours import Metric
from phenovae.profiles.features import Matrix

DRAWS = 100
_REJECTED_BELOW = 0.05

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shares:
    """What the neighbourhoods of a set of wells are like, on average.

    `same`: the share of neighbours of the well's own batch; small is mixed. `inverse_simpson`: the
    number of batches that, in equal parts, would be as mixed; from 1 on. `inverse_simpson_scaled`:
    the same from 0 (one batch) to 1 (all batches in equal parts). `rejection`: the share of wells
    whose neighbours' batches differ from those of all wells (chi-square, p < 0.05); small is mixed.
    """

    same: float
    inverse_simpson: float
    inverse_simpson_scaled: float
    rejection: float


@dataclass(frozen=True)
class Mixing:
    """Batch mixing of a set of wells among their k nearest neighbours.

    `by_chance` is the mean over wells whose batches were dealt out anew, neighbours staying: what
    perfect mixing looks like with so many neighbours. `expected_same` is its `same`, exactly.
    `rows` has one row a well: Batch, Same, Inverse_Simpson, P_Value. `tied` counts wells whose last
    neighbour was one of several equally near; these share the places that are left.
    """

    k: int
    metric: Metric
    batches: dict[str, int]
    observed: Shares
    by_chance: Shares
    expected_same: float
    rows: pd.DataFrame
    tied: int


def batch_mixing(
    values: Matrix,
    batches: Sequence[str],
    *,
    k: int,
    metric: Metric,
    draws: int = DRAWS,
    seed: int,
    names: Sequence[str] | None = None,
) -> Mixing:
    """Measure the mixing of batches among wells that are meant to be alike, such as DMSO.

    `values` (wells, features), `batches` one a well. A well is no neighbour of its own. Raises
    InputError where profiles cannot be compared, there are fewer than two batches, or no more wells
    than k.
    """
    codes, known = pd.factorize(np.asarray(batches, object), sort=True)
    if len(codes) != len(values):
        raise InputError(f"{len(values)} profiles, but batches of {len(codes)}")
    if (codes < 0).any():
        raise InputError(f"well {int(np.argmax(codes < 0))} of {len(codes)} has no batch")
    if len(known) < 2:
        raise InputError(f"{len(known)} batch among {len(codes)} wells: nothing can mix")
    if not 1 <= k < len(codes):
        raise InputError(
            f"{k} neighbours cannot be had of {len(codes)} wells",
            mend=f"choose k from 1 to {len(codes) - 1}",
        )
    if draws < 1:
        raise InputError("the mixing of chance wants one draw at least")
    told = names if names is not None else [f"well {row}" for row in range(len(codes))]
    alike = likeness(values, metric, told)
    random = seeds.generator(seed, "evaluate", "mixing", k, metric)
    dealt = [random.permutation(codes) for _ in range(draws)]
    total = np.bincount(codes, minlength=len(known))
    parts: list[Floats] = []
    sums = np.zeros((draws, 3))
    tied = 0
    for rows, weights, shared in _neighbourhoods(alike, k):
        tied += shared
        parts.append(_measures(weights, codes, codes[rows], total, k))
        for draw, labels in enumerate(dealt):
            sums[draw] += _summed(_measures(weights, labels, labels[rows], total, k))
    found = np.concatenate(parts)
    count = len(codes)
    return Mixing(
        k=k,
        metric=metric,
        batches={str(name): int(many) for name, many in zip(known, total, strict=True)},
        observed=_shares(_summed(found) / count, len(known)),
        by_chance=_shares(sums.mean(axis=0) / count, len(known)),
        expected_same=float((total * (total - 1)).sum() / (count * (count - 1))),
        rows=pd.DataFrame(
            {
                "Batch": known[codes],
                "Same": found[:, 0],
                "Inverse_Simpson": found[:, 1],
                "P_Value": found[:, 2],
            }
        ),
        tied=tied,
    )


def _neighbourhoods(alike: Likeness, k: int) -> Iterator[tuple[Integers, csr_array, int]]:
    """Rows, their neighbours' weights (rows, n) that sum to k, and how many have a tie at the end.

    Those that tie for the last places share them, so that the order of wells changes nothing.
    """
    count = len(alike.values)
    for rows in row_blocks(np.arange(count), count):
        like = alike.of(rows)
        like[np.arange(len(rows)), rows] = -np.inf
        last = np.partition(like, count - k, axis=1)[:, count - k, None]
        nearer, level = like > last, like == last
        places = k - nearer.sum(axis=1, keepdims=True)
        among = level.sum(axis=1, keepdims=True)
        weights = nearer + level * (places / among)
        yield rows, csr_array(weights), int((among > places).sum())


def _measures(
    weights: csr_array, labels: Integers, own: Integers, total: Integers, k: int
) -> Floats:
    """Columns: same, inverse Simpson, p of the chi-square test; one row a well."""
    counts: Floats = weights @ np.eye(len(total))[labels]
    same = counts[np.arange(len(own)), own] / k
    simpson = k**2 / (counts**2).sum(axis=1)
    expected = k * total / total.sum()
    statistic = ((counts - expected) ** 2 / expected).sum(axis=1)
    return np.column_stack([same, simpson, chi2.sf(statistic, len(total) - 1)])


def _summed(found: Floats) -> Floats:
    same, simpson, p = found.T
    return np.array([same.sum(), simpson.sum(), float((p < _REJECTED_BELOW).sum())], np.float64)


def _shares(means: Floats, batches: int) -> Shares:
    same, simpson, rejection = (float(each) for each in means)
    return Shares(same, simpson, (simpson - 1) / (batches - 1), rejection)
