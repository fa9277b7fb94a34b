from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score
from tests.evaluate.worlds import directions

from phenovae.base.errors import InputError
from phenovae.evaluate import likeness as module
from phenovae.evaluate.average_precision import Mask, Pairs, Ties, average_precisions
from phenovae.evaluate.likeness import Rows, likeness, row_blocks
from phenovae.evaluate.neighbours import Metric


def labelled(labels: str) -> Pairs:
    """The same letter is a positive, another a negative, a dot neither."""
    letters = np.array(list(labels))

    def pairs(rows: Rows) -> tuple[Mask, Mask]:
        same = letters[rows][:, None] == letters
        return same & (letters != "."), ~same & (letters != ".")

    return pairs


def precisions(
    values: np.ndarray, labels: str, metric: Metric = "cosine", ties: Ties = "shared"
) -> list[float]:
    rows = np.arange(len(values))
    found = average_precisions(values, rows, labelled(labels), metric=metric, ties=ties)
    return [float(each) for each in found.precision]


def test_four_rows_by_hand() -> None:
    # Row 0 ranks 1 (X), 2 (Y), 3 (X): (1/1 + 2/3) / 2. Row 1 ranks 0, 2, 3 alike; row 3 ranks
    # 2 (Y), 1, 0: (1/2 + 2/3) / 2. Row 2 has no positive.
    found = average_precisions(directions(0, 10, 30, 60), np.arange(4), labelled("XXYX"))
    assert found.precision[[0, 1, 3]] == pytest.approx([5 / 6, 5 / 6, 7 / 12])
    assert np.isnan(found.precision[2])
    assert found.positives.tolist() == [2, 2, 0, 2]
    assert found.negatives.tolist() == [1, 1, 3, 1]
    assert found.tied.tolist() == [0] * 4


def test_four_rows_by_their_distance() -> None:
    # Lengths matter here: 0 ranks 2 (Y) at 2 before 1 (X) at 3; 3 ranks 1 at 2 before 2.
    found = precisions(np.array([[0.0], [3], [2], [5]]), "XXYX", "euclidean")
    assert found[0] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found[3] == pytest.approx((1 / 1 + 2 / 3) / 2)


def test_what_is_neither_positive_nor_negative_takes_no_rank() -> None:
    assert precisions(directions(0, 1, 2, 3, 30), "X..YX")[0] == pytest.approx(1 / 2)


def test_a_query_never_ranks_itself() -> None:
    everyone: Pairs = lambda rows: (  # noqa: E731
        np.ones((len(rows), 3), bool),
        np.tile([False, False, True], (len(rows), 1)),
    )
    found = average_precisions(directions(0, 1, 2), np.arange(2), everyone)
    assert found.positives.tolist() == [2, 2]
    assert found.negatives.tolist() == [1, 1]


def test_a_tie_of_positive_and_negative_is_shared_or_goes_to_the_positive() -> None:
    values = directions(0, 30, 30, 70)
    # One positive (row 1), at rank 1 or 2 with the same chance.
    assert precisions(values, "XXYY")[0] == pytest.approx((1 + 1 / 2) / 2)
    assert precisions(values, "XXYY", ties="positives-first")[0] == pytest.approx(1)
    found = average_precisions(values, np.arange(4), labelled("XXYY"))
    assert found.tied.tolist() == [1, 0, 0, 1]


def test_profiles_that_are_all_alike_retrieve_as_well_as_random_rankings() -> None:
    # A model whose latents have collapsed must not come out perfect.
    values = np.tile(np.random.default_rng(0).normal(size=7), (9, 1))
    rank = np.arange(1, 9)
    expected = ((1 + (rank - 1) * 2 / 7) / rank).mean()
    assert precisions(values, "XXXXYYYYY")[:4] == pytest.approx([expected] * 4)
    assert precisions(values, "XXXXYYYYY", ties="positives-first") == pytest.approx([1] * 9)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=2, max_size=6))
def test_a_shared_tie_is_the_mean_over_all_orders_of_the_tied(
    others: list[tuple[int, bool]],
) -> None:
    labels = "X" + "".join("X" if same else "Y" for _, same in others)
    if len(set(labels[1:])) < 2:
        return
    values = np.array([[0.0], *[[place + 1.0] for place, _ in others]])
    found = []
    for order in permutations(range(len(others))):
        if [others[n][0] for n in order] != sorted(place for place, _ in others):
            continue
        right = np.array([others[n][1] for n in order])
        precision = np.cumsum(right) / np.arange(1, len(right) + 1)
        found.append(precision[right].mean())
    assert precisions(values, labels, "euclidean")[0] == pytest.approx(np.mean(found))
    best = precisions(values, labels, "euclidean", "positives-first")[0]
    assert best == pytest.approx(max(found))


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32), rows=st.integers(3, 40),
    metric=st.sampled_from(("cosine", "euclidean")),
)  # fmt: skip
def test_without_ties_it_is_that_of_scikit_learn(seed: int, rows: int, metric: Metric) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, 6))
    labels = "".join(random.choice(list("XYZ."), rows))
    like = likeness(values, metric, [""] * rows).of(np.arange(rows))
    for query, found in enumerate(precisions(values, labels, metric)):
        among = [n for n in range(rows) if n != query and labels[n] != "."]
        truth = [labels[n] == labels[query] for n in among]
        if len(set(truth)) == 2:
            assert found == pytest.approx(average_precision_score(truth, like[query, among]))
        else:
            assert np.isnan(found)


def test_the_size_of_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    values, labels = random.normal(size=(50, 4)), "".join(random.choice(list("XYZ"), 50))
    whole = precisions(values, labels)
    monkeypatch.setattr(module, "_BLOCK_BYTES", 8 * 50 * 7)
    assert [len(rows) for rows in row_blocks(np.arange(50), 50)] == [7] * 7 + [1]
    assert precisions(values, labels) == whole


def test_lengths_that_have_no_squares_are_no_hindrance() -> None:
    values = directions(0, 10, 30, 60)
    plain = precisions(values, "XXYX")
    for scale in (1e-200, 1e200):
        assert precisions(values * scale, "XXYX") == pytest.approx(plain, nan_ok=True)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_no_number_is_refused_by_the_name_of_its_profile(bad: float) -> None:
    values = directions(0, 1, 2)
    values[1, 0] = bad
    with pytest.raises(InputError, match="profile of row 1 holds NaN"):
        precisions(values, "XXY")


def test_a_profile_without_a_direction_is_refused_under_cosine_alone() -> None:
    values = np.array([[0.0, 0], [1, 0], [0, 1]])
    with pytest.raises(InputError, match="profile of row 0 is zero"):
        precisions(values, "XXY")
    assert precisions(values, "XXY", "euclidean")[0] == pytest.approx(3 / 4)


def test_no_queries_give_no_answers() -> None:
    none = np.zeros(0, np.int64)
    found = average_precisions(directions(0, 1), none, labelled("XX"))
    assert len(found.precision) == len(found.positives) == 0


def test_correlation_is_the_cosine_of_centred_profiles_and_a_constant_one_has_none() -> None:
    values = np.random.default_rng(0).normal(5, 1, (6, 4))
    rows = np.arange(6)
    centred = values - values.mean(axis=1, keepdims=True)
    found = likeness(values, "pearson", [""] * 6).of(rows)
    assert found == pytest.approx(np.corrcoef(values), abs=1e-6)
    assert found == pytest.approx(likeness(centred, "cosine", [""] * 6).of(rows), abs=1e-6)
    values[3] = 0.1
    with pytest.raises(InputError, match="profile of d is zero"):
        likeness(values, "pearson", list("abcdef"))
