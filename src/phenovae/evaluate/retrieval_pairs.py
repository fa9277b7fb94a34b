"""Which rows are to be found before which others: positives and negatives of every query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from phenovae.evaluate.average_precision import (
    Integers,
    Mask,
    Pairs,
)
from phenovae.evaluate.likeness import Rows, row_blocks
from phenovae.screen.partners import Rule


def mechanism_pairs(
    compounds: Sequence[str],
    mechanisms: Sequence[str],
    batches: Sequence[frozenset[str]],
    rule: Rule,
    *,
    mask_negatives: bool,
) -> Pairs:
    """Positives: the same mechanism among those `partners.eligible`; negatives: other mechanisms.

    `mask_negatives`: under the rule on batches negatives share no batch with the query either.
    """
    compound = pd.factorize(np.asarray(compounds, object))[0]
    mechanism = pd.factorize(np.asarray(mechanisms, object))[0]
    known = {batch: place for place, batch in enumerate(sorted(frozenset().union(*batches)))}
    member = np.zeros((len(compound), len(known)), np.float32)
    for row, each in enumerate(batches):
        member[row, [known[batch] for batch in each]] = 1
    by_batch = rule == "other-compound-and-batch"

    def pairs(rows: Rows) -> tuple[Mask, Mask]:
        same = mechanism[rows][:, None] == mechanism
        positive = same & (compound[rows][:, None] != compound)
        negative = ~same
        if by_batch:
            apart = member[rows] @ member.T == 0
            positive &= apart
            if mask_negatives:
                negative &= apart
        return positive, negative

    return pairs


def replicate_pairs(treatments: Integers, plates: Integers, controls: Mask) -> Pairs:
    """Positives: the same treatment on other plates; negatives: controls of the same plate.

    `treatments` and `plates` are codes; a treatment below 0 is nobody's positive.
    """

    def pairs(rows: Rows) -> tuple[Mask, Mask]:
        together = plates[rows][:, None] == plates
        same = (treatments[rows][:, None] == treatments) & (treatments >= 0)
        return same & ~together, together & controls

    return pairs


def has_positives(pairs: Pairs, rows: Rows) -> Mask:
    """Whether each of all rows has any positive: bool (n,)."""
    return np.concatenate(
        [np.zeros(0, bool), *(pairs(block)[0].any(axis=1) for block in row_blocks(rows, len(rows)))]
    )


def among(pairs: Pairs, candidates: Mask) -> Pairs:
    """The same positives, and of the negatives those among these candidates."""

    def fewer(rows: Rows) -> tuple[Mask, Mask]:
        positive, negative = pairs(rows)
        return positive, negative & candidates

    return fewer
