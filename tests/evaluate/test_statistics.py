from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluate.worlds import NSC, NSCB, Treatment, directions, frame, scored

from phenovae.evaluate.neighbours import NeighbourScore
from phenovae.evaluate.statistics import Interval, Null, bootstrap, permute
from phenovae.screen.partners import Rule


def interval(right: Sequence[float], compounds: str, *, seed: int = 0, name: str = "t") -> Interval:
    return bootstrap(right, list(compounds), draws=4000, seed=seed, name=name)


def null(
    treatments: list[Treatment], outcome: NeighbourScore, *, draws: int = 3000, seed: int = 0
) -> Null:
    return permute(outcome, frame(treatments), draws=draws, seed=seed, name="t")


def test_a_score_that_is_all_right_is_sure_of_itself() -> None:
    assert interval([1.0] * 7, "aabbccc") == Interval(1, 1)
    assert interval([0.0] * 7, "aabbccc") == Interval(0, 0)


def test_two_compounds_of_one_and_nine_doses_by_hand() -> None:
    # Drawn twice a: 1; a and b: 1/10; twice b: 0. Nine treatments drawn as such would stay small.
    found = interval([1.0] + [0.0] * 9, "a" + "b" * 9)
    assert found == Interval(0, 1)


def test_the_compound_is_what_is_drawn_not_the_treatment() -> None:
    # Every compound is half right, so every draw of compounds is.
    assert interval([1, 0, 1, 0, 1, 0], "aabbcc") == Interval(0.5, 0.5)
    assert interval([0.5, 0.5], "ab") == Interval(0.5, 0.5)


def test_doses_of_a_compound_need_not_stand_together() -> None:
    assert interval([1, 1, 1, 0, 0, 0], "abcabc") == Interval(0.5, 0.5)


def test_draws_weigh_a_compound_by_its_doses() -> None:
    # Eight compounds of one dose, one of them right: the share of right draws is binomial (8, 1/8),
    # whose 97.5 % point is 3 of 8 (P(at most 3) = 0.988, P(at most 2) = 0.925).
    assert interval([1] + [0] * 7, "abcdefgh") == Interval(0, 3 / 8)


def test_an_interval_repeats_with_its_seed_and_its_name() -> None:
    random = np.random.default_rng(0)
    right = random.integers(0, 2, 60).astype(float).tolist()
    compounds = "".join(chr(65 + n) for n in random.integers(0, 20, 60))
    assert interval(right, compounds) == interval(right, compounds)
    others = {interval(right, compounds, seed=n, name=m) for n in range(4) for m in ("NSC", "NSCB")}
    assert len(others) > 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from((0.0, 0.5, 1.0)), st.sampled_from("abcdef")), min_size=1))
def test_an_interval_holds_the_score_where_compounds_weigh_alike(
    rows: list[tuple[float, str]],
) -> None:
    found = bootstrap([r for r, _ in rows], [c for _, c in rows], draws=500, seed=0, name="t")
    assert 0 <= found.low <= found.high <= 1
    by_compound = [np.mean([r for r, c in rows if c == name]) for _, name in rows]
    assert min(by_compound) - 1e-9 <= found.low
    assert found.high <= max(by_compound) + 1e-9


def pairs(doses: int) -> list[Treatment]:
    return [
        (compound, float(dose), mechanism, batch)
        for compound, mechanism, batch in (
            ("a", "X", "1"), ("b", "X", "2"), ("c", "Y", "1"), ("d", "Y", "2")
        )
        for dose in range(doses)
    ]  # fmt: skip


def together(doses: int) -> np.ndarray:
    return directions(*[place for place in (0, 1, 90, 91) for _ in range(doses)])


@pytest.mark.parametrize("doses", [1, 3])
@pytest.mark.parametrize("rule", [NSC, NSCB])
def test_worlds_of_two_pairs_by_hand(doses: int, rule: Rule) -> None:
    """Of the six ways to deal two X and two Y, two leave all neighbours right, four none.

    Under NSCB a and d or b and c alone may also be partners, and the two ways that deal a and c, b
    and d alike leave nothing that could be right: a score of nothing counts as 0.
    """
    treatments = pairs(doses)
    outcome = scored(treatments, together(doses), rule)
    assert outcome.correct == outcome.total == 4 * doses
    draws = 3000
    found = null(treatments, outcome, draws=draws)
    assert found.mean == pytest.approx(1 / 3, abs=0.03)
    # Every world is all right or all wrong, so the mean counts those as good as the observed one.
    assert found.p_value == pytest.approx((1 + found.mean * draws) / (1 + draws))


def test_a_world_is_scored_over_what_can_be_right_in_it() -> None:
    # a and c share a batch. Neighbours: a-b, b-a, c-d, d-b. Dealt a b | c d, as observed, three of
    # four are right; a d | b c: none; a c | b d: a and c cannot be right, and of b and d one is.
    treatments: list[Treatment] = [
        ("a", 1, "X", "1"), ("b", 1, "X", "2"), ("c", 1, "Y", "1"), ("d", 1, "Y", "3")
    ]  # fmt: skip
    outcome = scored(treatments, directions(0, 5, 90, 40), NSCB)
    assert outcome.rows["Neighbour"].str[0].tolist() == ["b", "a", "d", "b"]
    found = null(treatments, outcome)
    assert found.mean == pytest.approx((3 / 4 + 1 / 2 + 0) / 3, abs=0.02)
    assert found.p_value == pytest.approx(1 / 3, abs=0.03)


def test_a_world_repeats_with_its_seed() -> None:
    treatments = pairs(2)
    outcome = scored(treatments, together(2))
    assert null(treatments, outcome, draws=300) == null(treatments, outcome, draws=300)
    assert len({null(treatments, outcome, draws=300, seed=seed).mean for seed in range(4)}) > 1


def test_a_score_of_nothing_right_is_matched_by_every_world() -> None:
    treatments = pairs(1)
    outcome = scored(treatments, directions(0, 90, 1, 91))
    assert outcome.correct == 0
    assert null(treatments, outcome).p_value == 1


def test_a_tie_counts_for_its_share_in_every_world() -> None:
    # All four lie at one place, and each has three neighbours, one of them of its mechanism: 1/3
    # in all worlds, whatever mechanism is whose.
    treatments = pairs(1)
    outcome = scored(treatments, directions(5, 5, 5, 5))
    found = null(treatments, outcome)
    assert found.mean == pytest.approx(1 / 3)
    assert found.p_value == 1


def test_mechanisms_that_cannot_be_right_are_not_dealt_out() -> None:
    treatments: list[Treatment] = [*pairs(1), ("z", 1.0, "Z", "1")]
    for keep in (True, False):
        outcome = scored(treatments, directions(0, 1, 90, 91, 45), keep=keep)
        assert outcome.unscorable == ("z 1 µM",)
        # z would take part in 24 of 30 worlds and leave a mean of 1/5 or less.
        assert null(treatments, outcome).mean == pytest.approx(1 / 3, abs=0.03)


def random_screen(seed: int, signal: float) -> tuple[list[Treatment], np.ndarray]:
    """Eight mechanisms of four compounds of three doses; doses of a compound are alike."""
    random = np.random.default_rng([seed, 7])
    treatments: list[Treatment] = [
        (f"c{compound:02d}", float(dose), f"m{compound // 4}", "ABCD"[compound % 4])
        for compound in range(32)
        for dose in range(3)
    ]
    own = random.normal(size=(32, 10)).repeat(3, axis=0)
    shared = random.normal(size=(8, 10)).repeat(12, axis=0)
    return treatments, signal * shared + own + 0.3 * random.normal(size=own.shape)


@pytest.mark.parametrize("rule", [NSC, NSCB])
def test_without_signal_small_p_values_are_as_rare_as_they_say(rule: Rule) -> None:
    found = []
    for seed in range(40):
        treatments, values = random_screen(seed, 0.0)
        outcome = scored(treatments, values, rule)
        found.append(null(treatments, outcome, draws=200, seed=seed).p_value)
    p = np.array(found)
    assert ((p >= 1 / 201) & (p <= 1)).all()
    # Binomial (40, 0.05): seven or more in 0.3 % of all worlds; (40, 0.5): 29 or more in 0.3 %.
    assert (p <= 0.05).sum() <= 6
    assert 12 <= (p <= 0.5).sum() <= 28


@pytest.mark.parametrize("rule", [NSC, NSCB])
def test_with_signal_p_is_as_small_as_it_can_be(rule: Rule) -> None:
    treatments, values = random_screen(0, 10.0)
    outcome = scored(treatments, values, rule)
    assert outcome.correct == outcome.total == 96
    found = null(treatments, outcome, draws=400)
    assert found.p_value == pytest.approx(1 / 401)
    assert found.mean < 0.2
