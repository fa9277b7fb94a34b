from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluate.worlds import NSC, NSCB, Treatment, directions, frame

from phenovae.base.errors import InputError
from phenovae.evaluate.retrieval import (
    Retrieval,
    mechanism_retrieval,
    replicate_retrieval,
)
from phenovae.evaluate.retrieval_pairs import mechanism_pairs
from phenovae.screen.partners import Rule, eligible, scorable


def by_mechanism(
    treatments: list[Treatment],
    values: np.ndarray,
    rule: Rule = NSC,
    *,
    mask: bool = True,
    keep: bool = True,
    draws: int = 1000,
    seed: int = 0,
) -> Retrieval:
    return mechanism_retrieval(
        frame(treatments), values, rule, mask_negatives=mask, unscorable_as_candidates=keep,
        draws=draws, seed=seed,
    )  # fmt: skip


def found(outcome: Retrieval) -> dict[str, float]:
    return dict(zip(outcome.rows["Query"], outcome.rows["Average_Precision"], strict=True))


FIVE: list[Treatment] = [
    ("a", 1, "X", "1"), ("a", 2, "X", "1"), ("b", 1, "X", "2"), ("c", 1, "Y", "1"),
    ("d", 1, "Y", "2"),
]  # fmt: skip


def test_five_treatments_by_hand() -> None:
    # At 0, 1, 30, 50 and 90 degrees. a ranks b, c, d; b ranks c, a 2, a 1, d; c ranks b, d, a, a.
    outcome = by_mechanism(FIVE, directions(0, 1, 30, 50, 90))
    assert found(outcome) == {
        "a 1 µM": 1, "a 2 µM": 1, "b 1 µM": pytest.approx((1 / 2 + 2 / 3) / 2),
        "c 1 µM": pytest.approx(1 / 2), "d 1 µM": 1,
    }  # fmt: skip
    assert outcome.rows["Positives"].tolist() == [1, 1, 2, 1, 1]
    assert outcome.rows["Negatives"].tolist() == [2, 2, 2, 3, 3]
    groups = outcome.groups.set_index("Group")["Mean_Average_Precision"]
    assert groups["X"] == pytest.approx((2 + 7 / 12) / 3)
    assert groups["Y"] == pytest.approx(3 / 4)
    assert outcome.mean == pytest.approx((2 + 7 / 12 + 3 / 2) / 5)
    assert outcome.mean_of_groups == pytest.approx(((2 + 7 / 12) / 3 + 3 / 4) / 2)
    assert outcome.rows["Expected"].tolist()[0] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    # One positive among three: exact p of the best is 1/3.
    assert outcome.rows["P_Value"].tolist()[:2] == pytest.approx([1 / 3, 1 / 3])
    assert outcome.rows["Smallest_P"].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 6, 1 / 4, 1 / 4])


def test_negatives_of_the_same_batch_are_masked_where_that_is_asked_for() -> None:
    places = directions(0, 1, 30, 50, 90)
    masked = by_mechanism(FIVE, places, NSCB)
    # a (batch 1) is left with b and d; b with both a and c; c with d, b.
    assert masked.rows["Negatives"].tolist() == [1, 1, 1, 1, 2]
    unmasked = by_mechanism(FIVE, places, NSCB, mask=False)
    assert unmasked.rows["Negatives"].tolist() == [2, 2, 2, 3, 3]
    assert unmasked.rows["Positives"].tolist() == masked.rows["Positives"].tolist()


def test_what_has_no_positives_is_listed_and_a_negative_only_where_that_is_said() -> None:
    treatments: list[Treatment] = [*FIVE, ("z", 1.0, "Z", "3")]
    for keep in (True, False):
        outcome = by_mechanism(treatments, directions(0, 1, 30, 50, 90, 20), keep=keep)
        assert outcome.unasked.to_dict("records") == [
            {
                "Row": 5, "Query": "z 1 µM", "Group": "Z",
                "Reason": "no allowed treatment of its mechanism",
            }
        ]  # fmt: skip
        # z stands between a and b.
        assert found(outcome)["a 1 µM"] == (1 / 2 if keep else 1)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), rule=st.sampled_from((NSC, NSCB)))
def test_pairs_are_those_that_may_be_neighbours(seed: int, rule: Rule) -> None:
    random = np.random.default_rng(seed)
    compound = random.integers(0, 6, 15)
    mechanism = random.integers(0, 3, 6)[compound]
    batches = [frozenset(random.choice(list("ABC"), random.integers(1, 3))) for _ in compound]
    names, labels = [f"c{n}" for n in compound], [f"m{n}" for n in mechanism]
    mask = eligible(names, batches, rule)
    same = mechanism[:, None] == mechanism
    for masked in (True, False):
        pairs = mechanism_pairs(names, labels, batches, rule, mask_negatives=masked)
        rows = random.permutation(15)
        positive, negative = pairs(rows)
        assert np.array_equal(positive, (mask & same)[rows])
        assert np.array_equal(negative, (~same & (mask if masked else True))[rows])
        assert np.array_equal(positive.any(axis=1), scorable(mask, labels)[rows])


def test_the_order_of_rows_changes_nothing() -> None:
    random = np.random.default_rng(0)
    treatments: list[Treatment] = [
        (f"c{n // 2:02d}", float(n % 2), f"m{n // 8}", "ABC"[n // 2 % 3]) for n in range(40)
    ]
    values = random.normal(size=(40, 5))
    one = by_mechanism(treatments, values, NSCB)
    order = random.permutation(40)
    other = by_mechanism([treatments[n] for n in order], values[order], NSCB)
    assert found(other) == pytest.approx(found(one))
    pd.testing.assert_frame_equal(one.groups, other.groups, rtol=1e-12)


def test_noise_retrieves_as_well_as_random_rankings() -> None:
    treatments: list[Treatment] = [(f"c{n:02d}", 1.0, f"m{n % 6}", "A") for n in range(60)]
    outcomes = [
        by_mechanism(treatments, np.random.default_rng(seed).normal(size=(60, 8)), seed=seed)
        for seed in range(8)
    ]
    mean = np.mean([outcome.mean for outcome in outcomes])
    assert mean == pytest.approx(outcomes[0].expected, abs=0.02)
    rare = np.concatenate([outcome.rows["P_Value"] for outcome in outcomes])
    assert (rare <= 0.05).mean() == pytest.approx(0.05, abs=0.04)
    assert (rare <= 0.5).mean() == pytest.approx(0.5, abs=0.1)


def test_nothing_to_ask_says_how_many_and_why() -> None:
    alone: list[Treatment] = [("a", 1, "X", "1"), ("b", 1, "Y", "1")]
    with pytest.raises(InputError, match=r"none of 2 queries .* mechanism for 2, .* for 0 more"):
        by_mechanism(alone, directions(0, 1))
    alike: list[Treatment] = [("a", 1, "X", "1"), ("b", 1, "X", "1")]
    with pytest.raises(InputError, match=r"none of 2 queries .* mechanism for 0, .* for 2 more"):
        by_mechanism(alike, directions(0, 1))
    with pytest.raises(InputError, match="none of 0 queries"):
        by_mechanism([], np.zeros((0, 2)))


def test_a_treatment_without_a_mechanism_and_a_table_of_other_length_are_refused() -> None:
    nameless = frame(FIVE)
    nameless.loc[1, "Metadata_MoA"] = None
    with pytest.raises(InputError, match="a 2 µM has no mechanism"):
        mechanism_retrieval(
            nameless, directions(0, 1, 2, 3, 4), NSC, mask_negatives=True,
            unscorable_as_candidates=True, seed=0,
        )  # fmt: skip
    with pytest.raises(InputError, match="4 profiles, but metadata of 5"):
        by_mechanism(FIVE, directions(0, 1, 2, 3))


def wells(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    """Plate, well, compound, concentration; DMSO is the negative control, taxol the positive."""
    table = pd.DataFrame(
        rows,
        columns=["Metadata_Plate", "Metadata_Well", "Metadata_Compound", "Metadata_Concentration"],
    )
    role = {"DMSO": "negative_control", "taxol": "positive_control"}
    return table.assign(
        Metadata_Role=[role.get(name, "treatment") for name in table["Metadata_Compound"]]
    )


SIX = wells(
    ("P1", "B02", "DMSO", 0.0), ("P1", "B03", "DMSO", 0.0), ("P1", "C02", "a", 0.3),
    ("P2", "B02", "DMSO", 0.0), ("P2", "B03", "DMSO", 0.0), ("P2", "C02", "a", 0.1 + 0.2),
)  # fmt: skip


def test_replicates_are_sought_among_the_controls_of_the_plate() -> None:
    # On P1 the replicate (20°) is nearer than both controls; on P2 one control (18°) is nearer.
    outcome = replicate_retrieval(SIX, directions(50, 60, 0, 18, 90, 20), seed=0)
    assert outcome.rows["Query"].tolist() == ["plate P1, well C02", "plate P2, well C02"]
    assert outcome.rows["Row"].tolist() == [2, 5]
    assert outcome.rows["Average_Precision"].tolist() == [1, 1 / 2]
    assert outcome.rows["Positives"].tolist() == [1, 1]
    assert outcome.rows["Negatives"].tolist() == [2, 2]
    assert outcome.groups["Group"].tolist() == ["a 0.3 µM"]
    assert outcome.groups["Mean_Average_Precision"].tolist() == [3 / 4]
    # Of the three rankings 1, 1/2, 1/3, one alone reaches 3/4.
    assert outcome.groups["P_Value"].tolist() == [pytest.approx(1 / 3)]


def test_replicates_of_the_same_plate_other_doses_and_controls_are_no_positives() -> None:
    table = wells(
        ("P1", "B02", "DMSO", 0.0), ("P1", "C02", "a", 1.0), ("P1", "C03", "a", 1.0),
        ("P2", "B02", "DMSO", 0.0), ("P2", "C02", "a", 2.0), ("P2", "D02", "taxol", 0.3),
        ("P3", "D02", "taxol", 0.3), ("P3", "C02", "a", 1.0),
    )  # fmt: skip
    outcome = replicate_retrieval(table, directions(*range(8)), seed=0)
    assert outcome.rows["Row"].tolist() == [1, 2]
    assert outcome.unasked[["Row", "Reason"]].to_numpy().tolist() == [
        [4, "no replicate on another plate"],
        [7, "no negative control on its plate"],
    ]


def test_a_screen_without_controls_has_no_replicates_to_ask_for() -> None:
    table = wells(("P1", "C02", "a", 1.0), ("P2", "C02", "a", 1.0), ("P2", "C03", "b", 1.0))
    with pytest.raises(InputError, match=r"none of 3 .* plate for 1, .* its plate for 2 more"):
        replicate_retrieval(table, directions(0, 1, 2), seed=0)


def test_a_profile_that_is_no_number_is_named_by_its_well() -> None:
    values = directions(50, 60, 0, 18, 90, 20)
    values[4] = np.nan
    with pytest.raises(InputError, match="plate P2, well B03"):
        replicate_retrieval(SIX, values, seed=0)
