"""Rankings of neighbours, by profiles whose likeness can be told by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from phenovae.evaluate.neighbours import Metric, score_neighbours
from phenovae.evaluate.ranking import rank_neighbours
from phenovae.screen.partners import RULES


def treatments(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    """Treatments at 1 µM from (compound, mechanism, batch)."""
    return pd.DataFrame(
        {
            "Metadata_Compound": [compound for compound, _, _ in rows],
            "Metadata_Concentration": 1.0,
            "Metadata_MoA": [mechanism for _, mechanism, _ in rows],
            "Batches": pd.Series([frozenset({batch}) for _, _, batch in rows], dtype=object),
        }
    )


ROWS = treatments(
    [("a", "X", "1"), ("b", "Y", "1"), ("c", "X", "2"), ("d", "Y", "2"), ("e", "Z", "1")]
)
ANGLES = np.radians([0, 10, 30, 35, 5])
VALUES = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def test_the_first_right_neighbour_has_its_place_among_those_allowed() -> None:
    found = rank_neighbours(
        ROWS, VALUES, "other-compound", "cosine", unscorable_as_candidates=True, keep=2
    )
    ranking = found["a 1 µM"]
    assert [each.compound for each in ranking.nearest] == ["e", "b"]
    assert ranking.nearest[0].likeness == pytest.approx(np.cos(np.radians(5)))
    assert ranking.first_right is not None
    assert ranking.first_right.compound == "c"
    assert (ranking.rank, ranking.allowed) == (3, 4)
    assert found["e 1 µM"].rank is None
    assert found["e 1 µM"].first_right is None


def test_who_cannot_be_right_is_no_candidate_where_the_protocol_says_so() -> None:
    found = rank_neighbours(
        ROWS, VALUES, "other-compound", "cosine", unscorable_as_candidates=False
    )
    assert [each.compound for each in found["a 1 µM"].nearest] == ["b", "c", "d"]
    assert found["a 1 µM"].rank == 2


def test_across_batches_neighbours_of_the_same_batch_are_left_out() -> None:
    found = rank_neighbours(
        ROWS, VALUES, "other-compound-and-batch", "cosine", unscorable_as_candidates=True
    )
    assert [each.compound for each in found["a 1 µM"].nearest] == ["c", "d"]
    assert found["b 1 µM"].rank == 2


@pytest.mark.parametrize("metric", ["cosine", "pearson", "euclidean"])
@pytest.mark.parametrize("unscorable", [True, False])
def test_the_nearest_is_the_one_that_the_score_goes_by(metric: Metric, unscorable: bool) -> None:
    random = np.random.default_rng(3)
    rows = treatments([(f"c{n // 2}", f"m{n % 5}", str(n % 3)) for n in range(30)])
    rows["Metadata_Concentration"] = np.arange(30) + 1.0
    values = random.normal(size=(30, 6))
    for rule in RULES:
        scored = score_neighbours(
            rows,
            values,
            rule,
            metric,
            unscorable_as_candidates=unscorable,
        )
        found = rank_neighbours(
            rows,
            values,
            rule,
            metric,
            unscorable_as_candidates=unscorable,
        )
        for row in scored.rows.to_dict("records"):
            ranking = found[row["Treatment"]]
            assert ranking.nearest[0].treatment == row["Neighbour"]
            assert ranking.nearest[0].likeness == pytest.approx(row["Similarity"])
            assert (ranking.rank == 1) == (row["Right"] == 1)
