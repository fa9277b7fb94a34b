from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support
from tests.evaluate.ljosa import read_wells, treatment_means, whitened
from tests.evaluate.test_neighbours import random_world
from tests.evaluate.worlds import NSC, NSCB, Treatment, directions, frame, scored

from phenovae.base.errors import InputError
from phenovae.evaluate import votes
from phenovae.evaluate.neighbours import Metric
from phenovae.evaluate.votes import VoteScore, mechanism_table, score_votes
from phenovae.screen.partners import Rule


def voted(
    treatments: list[Treatment],
    values: np.ndarray,
    k: int,
    rule: Rule = NSC,
    metric: Metric = "cosine",
    *,
    keep: bool = True,
) -> VoteScore:
    return score_votes(
        frame(treatments), values, rule, metric, k=k, unscorable_as_candidates=keep, seed=0
    )


def query(labels: str, *degrees: float, k: int, told: Sequence[str]) -> list[object]:
    """What is told of the first of treatments of these mechanisms, at 0 and at these angles."""
    treatments: list[Treatment] = [
        (f"c{place}", 1.0, label, "1") for place, label in enumerate(labels)
    ]
    return first(voted(treatments, directions(0, *degrees), k).rows, told)


def first(rows: pd.DataFrame, told: Sequence[str]) -> list[object]:
    """These columns of the treatment c0."""
    found: list[object] = rows.loc[rows["Metadata_Compound"] == "c0", list(told)].iloc[0].tolist()
    return found


def told_of(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Columns by mechanism."""
    found = {}
    for name, row in table.set_index("Metadata_MoA").iterrows():
        found[str(name)] = {str(column): float(value) for column, value in row.items()}
    return found


def test_most_of_three_neighbours_decide() -> None:
    told = ["Predicted", "Right", "Votes"]
    assert query("XYXXY", 1, 2, 3, 4, k=3, told=told) == ["X", 1, 2]
    assert query("XYXXY", 1, 2, 3, 4, k=1, told=told) == ["Y", 0, 1]
    assert query("XYYXX", 1, 2, 3, 4, k=3, told=told) == ["Y", 0, 2]


def test_as_many_votes_are_told_apart_by_likeness() -> None:
    # X at 2 and 3, Y at 1 and 5: cosines near 0 fall with the square of the angle, 13 against 26.
    told = ["Predicted", "Right", "Tied"]
    assert query("XYXXY", 1, 2, 3, 5, k=4, told=told) == ["X", 1, False]
    assert query("XYXXY", 1, 3, 4, 2, k=4, told=told) == ["Y", 0, False]


def test_a_real_tie_counts_for_its_share() -> None:
    told = ["Right", "Tied"]
    assert query("XYXYX", 2, -2, 5, -5, k=4, told=told) == [1 / 2, True]
    # Of those that tie for the last place, two of three are X; the vote so far is one to one.
    assert query("XXYXXY", 1, 2, 3, -3, 3, k=3, told=told) == [pytest.approx(2 / 3), True]
    # And where all that tie are of one mechanism nothing hangs on it.
    assert query("XXYXX", 1, 2, 3, -3, k=3, told=told) == [1, False]


def test_fewer_than_k_allowed_all_vote() -> None:
    told = ["Neighbours", "Partners", "Votes"]
    assert query("XXY", 1, 2, k=9, told=told) == [2, 1, 1]


@settings(max_examples=80)
@given(
    seed=st.integers(0, 2**32), rule=st.sampled_from((NSC, NSCB)),
    metric=st.sampled_from(("cosine", "euclidean")), keep=st.booleans(),
)  # fmt: skip
def test_one_neighbour_votes_as_the_nearest_does(
    seed: int, rule: Rule, metric: Metric, keep: bool
) -> None:
    treatments, values = random_world(seed, 14)
    one = scored(treatments, values, rule, metric, keep=keep)
    vote = voted(treatments, values, 1, rule, metric, keep=keep)
    shared = ["Treatment", "Metadata_Compound", "Metadata_MoA", "Predicted", "Partners", "Right"]
    pd.testing.assert_frame_equal(vote.rows[shared], one.rows[shared], check_dtype=False)
    assert vote.unscorable == one.unscorable
    assert (vote.total, vote.ties) == (one.total, one.ties)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), k=st.integers(1, 6))
def test_a_tie_is_the_mean_over_all_ways_to_choose(seed: int, k: int) -> None:
    random = np.random.default_rng(seed)
    places = random.integers(1, 4, 7)
    labels = "X" + "".join(random.choice(list("XYZ"), 7))
    if "X" not in labels[1:]:
        return
    treatments: list[Treatment] = [(f"c{n}", 1.0, label, "1") for n, label in enumerate(labels)]
    values = np.array([0.0, *places])[:, None]
    found = voted(treatments, values, k, metric="euclidean").rows
    last = np.sort(places)[k - 1]
    sure, level = np.flatnonzero(places < last), np.flatnonzero(places == last)
    shares = []
    for more in combinations(level, k - len(sure)):
        voters = [*sure, *more]
        tally = {
            name: (
                sum(labels[n + 1] == name for n in voters),
                -sum(places[n] for n in voters if labels[n + 1] == name),
            )
            for name in {labels[n + 1] for n in voters}
        }
        winners = [name for name, votes in tally.items() if votes == max(tally.values())]
        shares.append(("X" in winners) / len(winners))
    assert first(found, ["Right"]) == pytest.approx([np.mean(shares)])


def test_very_many_ways_to_choose_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    treatments: list[Treatment] = [(f"c{n}", 1.0, "XYZ"[n % 3], "1") for n in range(13)]
    values = np.ones((13, 2))
    listed = voted(treatments, values, 4).rows["Right"]
    monkeypatch.setattr(votes, "_LISTED", 0)
    drawn = voted(treatments, values, 4)
    assert drawn.rows["Right"].tolist() == pytest.approx(listed.tolist(), abs=0.07)
    assert drawn.ties == 13
    pd.testing.assert_frame_equal(drawn.rows, voted(treatments, values, 4).rows)


def test_no_neighbours_cannot_vote_nor_what_is_no_number() -> None:
    treatments: list[Treatment] = [("a", 1, "X", "1"), ("b", 1, "X", "1")]
    with pytest.raises(InputError, match="0 neighbours cannot vote"):
        voted(treatments, directions(0, 1), 0)
    with pytest.raises(InputError, match="NaN"):
        voted(treatments, np.array([[1.0], [np.nan]]), 1)


def test_nothing_that_can_be_right_gives_no_rows() -> None:
    found = voted([("a", 1, "X", "1"), ("b", 1, "Y", "1")], directions(0, 1), 3)
    assert (found.total, found.correct, found.ties) == (0, 0, 0)
    assert found.unscorable == ("a 1 µM", "b 1 µM")
    assert len(mechanism_table(found.rows)) == 0


def outcome(true: str, predicted: str, right: list[float] | None = None) -> pd.DataFrame:
    share = right or [float(a == b) for a, b in zip(true, predicted, strict=True)]
    return pd.DataFrame({"Metadata_MoA": list(true), "Predicted": list(predicted), "Right": share})


def test_precision_and_recall_by_hand() -> None:
    table = told_of(mechanism_table(outcome("XXXYY", "XXYYZ")))
    assert table["X"] == {
        "Support": 3, "Predicted": 2, "Right": 2, "Precision": 1,
        "Recall": pytest.approx(2 / 3), "F1": pytest.approx(4 / 5),
    }  # fmt: skip
    assert set(table["Y"].values()) == {2, 1, 1 / 2}
    assert (table["Z"]["Support"], table["Z"]["Predicted"]) == (0, 1)
    assert (table["Z"]["Precision"], table["Z"]["F1"]) == (0, 0)
    assert np.isnan(table["Z"]["Recall"])
    never = told_of(mechanism_table(outcome("XY", "XX")))
    assert np.isnan(never["Y"]["Precision"])
    assert never["Y"]["F1"] == 0


def test_a_tied_row_counts_for_its_share() -> None:
    table = told_of(mechanism_table(outcome("XY", "YY", [0.5, 1])))
    assert (table["X"]["Predicted"], table["X"]["Precision"], table["X"]["Recall"]) == (0.5, 1, 0.5)
    assert (table["Y"]["Predicted"], table["Y"]["Recall"]) == (1.5, 1)
    assert table["Y"]["Precision"] == pytest.approx(2 / 3)


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("ABC")), min_size=1))
def test_without_ties_they_are_those_of_scikit_learn(rows: list[tuple[str, str]]) -> None:
    true, predicted = ("".join(each) for each in zip(*rows, strict=True))
    table = mechanism_table(outcome(true, predicted))
    found = precision_recall_fscore_support(
        list(true), list(predicted), labels=table["Metadata_MoA"].tolist(), zero_division=np.nan
    )
    for column, theirs in zip(("Precision", "Recall", "F1", "Support"), found, strict=True):
        assert table[column].tolist() == pytest.approx(list(theirs), nan_ok=True)


def test_published_wells_by_votes(public_data: Path) -> None:
    wells, raw = read_wells(public_data)
    treatments, means = treatment_means(wells, whitened(wells, raw))

    def of(k: int, rule: Rule) -> VoteScore:
        return score_votes(
            treatments, means, rule, "cosine", k=k, unscorable_as_candidates=False, seed=0
        )

    one, three = of(1, NSC), of(3, NSC)
    assert (one.correct, one.total, one.ties) == (96, 103, 0)
    assert (of(1, NSCB).correct, of(1, NSCB).total) == (70, 92)
    assert three.total == 103
    table = mechanism_table(one.rows)
    assert (table["Support"].sum(), table["Right"].sum(), len(table)) == (103, 96, 12)
