from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluate.worlds import NSC, NSCB, Treatment, directions, frame, scored

from phenovae.base.errors import InputError
from phenovae.evaluate.neighbours import Metric, NeighbourScore, score_neighbours, similarities
from phenovae.screen.partners import Rule

FIVE: list[Treatment] = [
    ("a", 1, "X", "1"), ("a", 2, "X", "1"), ("b", 1, "X", "2"), ("c", 1, "Y", "1"),
    ("d", 1, "Y", "2"),
]  # fmt: skip


def of(outcome: NeighbourScore, column: str) -> dict[str, object]:
    return dict(zip(outcome.rows["Treatment"], outcome.rows[column], strict=True))


def test_five_treatments_by_the_angle_between_them() -> None:
    outcome = scored(FIVE, directions(0, 1, 30, 45, 90) * [[1], [9], [2], [0.1], [1]])
    assert of(outcome, "Neighbour") == {
        "a 1 µM": "b 1 µM", "a 2 µM": "b 1 µM", "b 1 µM": "c 1 µM", "c 1 µM": "b 1 µM",
        "d 1 µM": "c 1 µM",
    }  # fmt: skip
    assert of(outcome, "Right") == {
        "a 1 µM": 1, "a 2 µM": 1, "b 1 µM": 0, "c 1 µM": 0, "d 1 µM": 1
    }  # fmt: skip
    assert (outcome.correct, outcome.total, outcome.ties) == (3.0, 5, 0)
    first = outcome.rows.iloc[0]
    assert first["Similarity"] == pytest.approx(np.cos(np.deg2rad(30)))
    assert first["Runner_up"] == pytest.approx(np.cos(np.deg2rad(45)))
    assert first["Margin"] == pytest.approx(np.cos(np.deg2rad(30)) - np.cos(np.deg2rad(45)))
    assert outcome.rows["Partners"].tolist() == [1, 1, 2, 1, 1]
    assert outcome.rows["Predicted"].tolist() == ["X", "X", "Y", "X", "Y"]


def test_four_treatments_by_the_distance_between_them() -> None:
    four: list[Treatment] = [(c, 1, m, "1") for c, m in zip("abcd", "XXYY", strict=True)]
    outcome = scored(four, np.array([[0.0, 0], [0, 2], [0, 5], [0, 9]]), metric="euclidean")
    assert outcome.rows["Neighbour"].tolist() == ["b 1 µM", "a 1 µM", "b 1 µM", "c 1 µM"]
    assert outcome.rows["Right"].tolist() == [1, 1, 0, 1]
    assert outcome.rows["Similarity"].tolist() == [-2, -2, -3, -4]
    assert outcome.rows["Runner_up"].tolist() == [-5, -3, -4, -7]


def test_the_two_metrics_differ_where_lengths_do() -> None:
    three = np.array([[1.0, 0], [10, 0], [1, 1]])
    by_angle = similarities(three, "cosine", "abc")
    by_distance = similarities(three, "euclidean", "abc")
    assert by_angle[0, 1] > by_angle[0, 2]
    assert by_distance[0, 1] < by_distance[0, 2]
    assert by_angle[0] == pytest.approx([1, 1, np.sqrt(0.5)])
    assert by_distance[0] == pytest.approx([0, -9, -1])


def test_distances_keep_all_their_digits_far_from_the_origin() -> None:
    values = np.array([[1e8], [1e8 + 1e-3], [1e8 + 3e-3]])
    near = -similarities(values, "euclidean", "abc")
    exact = np.abs(values - values.T)
    assert np.array_equal(near, exact)


def test_other_doses_of_the_compound_are_never_neighbours() -> None:
    outcome = scored(FIVE, directions(0, 0, 30, 45, 90))
    for row, neighbour in of(outcome, "Neighbour").items():
        assert str(neighbour)[0] != row[0]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32), rule=st.sampled_from((NSC, NSCB)),
    metric=st.sampled_from(("cosine", "euclidean")), keep=st.booleans(),
)  # fmt: skip
def test_a_neighbour_is_another_compound_and_under_nscb_of_other_batches(
    seed: int, rule: Rule, metric: Metric, keep: bool
) -> None:
    treatments, values = random_world(seed, 14)
    outcome = scored(treatments, values, rule, metric, keep=keep)
    batches = [frozenset(each[3]) for each in treatments]
    assert outcome.total + len(outcome.unscorable) == len(treatments)
    assert outcome.total == len(outcome.queries) == len(outcome.best)
    for query, tops in zip(outcome.queries, outcome.best, strict=True):
        for top in tops:
            assert treatments[query][0] != treatments[top][0]
            assert rule == NSC or not batches[query] & batches[top]
            assert keep or outcome.candidates[top]


def random_world(seed: int, count: int) -> tuple[list[Treatment], np.ndarray]:
    """Treatments at the crossings of a coarse grid, so that ties are frequent."""
    random = np.random.default_rng(seed)
    compounds = random.integers(0, count // 2 + 1, count)
    mechanism_of = random.integers(0, 3, count)
    batches_of = ["A", "B", "C", "AB", "BC"]
    treatments: list[Treatment] = [
        (f"c{compound}", float(dose), f"m{mechanism_of[compound]}", batches_of[compound % 5])
        for dose, compound in enumerate(compounds)
    ]
    values = random.integers(-2, 3, (count, 2)).astype(float)
    values[(values == 0).all(axis=1)] = 1.0
    return treatments, values


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32), order=st.permutations(range(12)),
    rule=st.sampled_from((NSC, NSCB)), metric=st.sampled_from(("cosine", "euclidean")),
    keep=st.booleans(), shift=st.sampled_from((0.0, 0.1, 1 / 3)),
)  # fmt: skip
def test_the_order_of_rows_changes_no_score_though_neighbours_tie(
    seed: int, order: list[int], rule: Rule, metric: Metric, keep: bool, shift: float
) -> None:
    treatments, values = random_world(seed, 12)
    # Thirds are no binary numbers: distances that are equal on paper differ in their last digit.
    values = values * (1 + shift)
    one = scored(treatments, values, rule, metric, keep=keep)
    other = scored([treatments[n] for n in order], values[order], rule, metric, keep=keep)
    assert one.correct == pytest.approx(other.correct)
    assert (one.total, one.ties) == (other.total, other.ties)
    assert set(one.unscorable) == set(other.unscorable)
    columns = ["Right", "Similarity", "Partners"]
    pd.testing.assert_frame_equal(
        one.rows.set_index("Treatment")[columns].sort_index(),
        other.rows.set_index("Treatment")[columns].sort_index(),
        check_exact=False, rtol=1e-9,
    )  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), scale=st.floats(1e-3, 1e3), shift=st.floats(-100, 100))
def test_cosine_heeds_no_length_and_distance_no_origin(
    seed: int, scale: float, shift: float
) -> None:
    random = np.random.default_rng(seed)
    treatments, _ = random_world(seed, 12)
    values = random.normal(size=(12, 4))
    lengths = scale * random.uniform(0.5, 2, (12, 1))
    for metric, changed in (("cosine", values * lengths), ("euclidean", values + shift)):
        one = scored(treatments, values, metric=metric)  # type: ignore[arg-type]
        other = scored(treatments, changed, metric=metric)  # type: ignore[arg-type]
        assert one.best == other.best


def test_a_treatment_of_two_batches_clashes_with_either() -> None:
    treatments: list[Treatment] = [
        ("q", 1, "X", "12"), ("p", 1, "X", "2"), ("r", 1, "X", "3"), ("s", 1, "Y", "3"),
        ("t", 1, "Y", "1"),
    ]  # fmt: skip
    values = directions(0, 1, 50, 20, 21)
    nsc = scored(treatments, values, NSC)
    assert of(nsc, "Neighbour")["q 1 µM"] == "p 1 µM"
    nscb = scored(treatments, values, NSCB)
    assert of(nscb, "Neighbour") == {
        "q 1 µM": "s 1 µM", "p 1 µM": "s 1 µM", "r 1 µM": "t 1 µM", "s 1 µM": "t 1 µM",
        "t 1 µM": "s 1 µM",
    }  # fmt: skip
    assert (nscb.correct, nscb.total) == (2, 5)


def test_two_plates_of_one_week_are_one_batch() -> None:
    treatments: list[Treatment] = [
        ("a", 1, "X", "1"), ("b", 1, "X", "1"), ("c", 1, "X", "2"), ("d", 1, "Y", "2"),
        ("e", 1, "Y", "1"),
    ]  # fmt: skip
    outcome = scored(treatments, directions(0, 0, 80, 10, 81), NSCB)
    assert of(outcome, "Neighbour")["a 1 µM"] == "d 1 µM"
    assert of(outcome, "Neighbour")["b 1 µM"] == "d 1 µM"


def test_a_tie_between_mechanisms_counts_for_its_share_and_is_told() -> None:
    treatments: list[Treatment] = [
        ("q", 1, "X", "1"), ("p", 1, "X", "1"), ("r", 1, "Y", "1"), ("s", 1, "Y", "1")
    ]  # fmt: skip
    # q lies on p and r and s: one of three is right. p and r lie there as well.
    outcome = scored(treatments, directions(7, 7, 7, 7))
    assert outcome.rows["Right"].tolist() == [pytest.approx(1 / 3)] * 4
    assert outcome.ties == 4
    assert outcome.rows["Margin"].tolist() == [0, 0, 0, 0]
    assert outcome.correct == pytest.approx(4 / 3)


def test_a_tie_within_a_mechanism_is_right_and_no_tie_at_all() -> None:
    treatments: list[Treatment] = [
        ("q", 1, "X", "1"), ("p", 1, "X", "1"), ("p", 2, "X", "1"), ("r", 1, "Y", "1"),
        ("s", 1, "Y", "1"),
    ]  # fmt: skip
    outcome = scored(treatments, directions(0, 5, 5, 90, 91))
    assert of(outcome, "Right")["q 1 µM"] == 1
    assert outcome.ties == 0
    assert outcome.best[0] == (1, 2)


def test_equal_distances_to_either_side_tie_though_rounding_splits_them() -> None:
    treatments: list[Treatment] = [
        ("l", 1, "Y", "1"), ("q", 1, "X", "1"), ("r", 1, "X", "1"), ("s", 1, "Y", "1")
    ]  # fmt: skip
    for scale in (1.0, 1e5):
        values = scale * (np.array([[0.0], [1], [2], [9]]) / 10 + 0.1)
        assert values[1] - values[0] != values[2] - values[1]
        outcome = scored(treatments, values, metric="euclidean")
        assert of(outcome, "Right")["q 1 µM"] == 0.5
        assert outcome.ties == 1


def test_a_profile_without_direction_is_named() -> None:
    values = directions(0, 1, 30, 45, 90)
    values[2] = 0
    with pytest.raises(InputError, match=r"profile of b 1 µM is zero and has no direction"):
        scored(FIVE, values)
    assert scored(FIVE, values, metric="euclidean").total == 5


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_profile_that_is_no_number_is_refused(bad: float) -> None:
    values = directions(0, 1, 30, 45, 90)
    values[2, 0] = bad
    with pytest.raises(InputError, match="NaN or infinity"):
        scored(FIVE, values)


DECOY: list[Treatment] = [
    ("a", 1, "X", "1"), ("b", 1, "X", "2"), ("z", 1, "Z", "3"), ("c", 1, "Y", "1"),
    ("d", 1, "Y", "2"), ("e", 1, "W", "4"), ("f", 1, "W", "4"),
]  # fmt: skip


def test_what_cannot_be_right_is_listed_and_stays_a_neighbour_where_the_protocol_says_so() -> None:
    # z alone is of its mechanism, and lies nearest to a. e and f share their only batch.
    values = directions(0, 20, 1, 90, 100, 170, 171)
    kept = scored(DECOY, values, NSCB, keep=True)
    assert kept.unscorable == ("z 1 µM", "e 1 µM", "f 1 µM")
    assert of(kept, "Neighbour")["a 1 µM"] == "z 1 µM"
    assert (kept.correct, kept.total) == (2, 4)
    dropped = scored(DECOY, values, NSCB, keep=False)
    assert dropped.unscorable == kept.unscorable
    assert of(dropped, "Neighbour")["a 1 µM"] == "b 1 µM"
    assert (dropped.correct, dropped.total) == (4, 4)
    # Under NSC e and f may find each other.
    assert scored(DECOY, values, NSC).unscorable == ("z 1 µM",)


def test_a_query_with_one_allowed_neighbour_has_no_runner_up() -> None:
    outcome = scored([("a", 1, "X", "1"), ("b", 1, "X", "1")], directions(0, 40))
    assert outcome.rows["Right"].tolist() == [1, 1]
    assert outcome.rows["Runner_up"].isna().all()


def test_where_nothing_can_be_right_there_are_no_queries() -> None:
    outcome = scored([("a", 1, "X", "1"), ("b", 1, "Y", "1")], directions(0, 40))
    assert (outcome.correct, outcome.total) == (0, 0)
    assert outcome.unscorable == ("a 1 µM", "b 1 µM")
    assert list(outcome.rows) == [
        "Treatment", "Metadata_Compound", "Metadata_MoA", "Neighbour", "Predicted", "Similarity",
        "Runner_up", "Margin", "Partners", "Right",
    ]  # fmt: skip
    nothing = score_neighbours(
        frame([]), np.zeros((0, 2)), NSCB, "cosine", unscorable_as_candidates=True
    )
    assert (nothing.total, nothing.unscorable) == (0, ())
