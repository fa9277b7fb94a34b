from __future__ import annotations

import numpy as np
import pytest
from tests.evaluate.worlds import NSC, NSCB, Treatment, scored, screen

from phenovae.evaluate.protocol import load_protocol
from phenovae.evaluate.scores import Record, evaluate
from phenovae.profiles.features import FeatureTable
from phenovae.screen.partners import Rule

SIZED = ["caicedo2018", "cells-mean", "cells-mean-whitened"]


def by_metric(features: FeatureTable, protocol: str, draws: int = 300) -> dict[str, Record]:
    found = evaluate(features, load_protocol(protocol), seed=0, draws=draws)
    return {str(record["metric"]): record for record in found.records}


@pytest.mark.parametrize("protocol", SIZED)
def test_where_the_mechanism_is_everything_all_treatments_are_right(protocol: str) -> None:
    world = screen(lambda mechanism, compound, batch: np.eye(6)[mechanism])
    for record in by_metric(world, protocol).values():
        assert (record["correct"], record["total"]) == (30, 30)
        assert record["value"] == record["low"] == record["high"] == 1
        assert record["macro_compound"] == record["macro_moa"] == 1
        assert record["p_value"] == pytest.approx(1 / 301)
        assert record["misses"] == []
        assert record["unscorable"] == []


@pytest.mark.parametrize("protocol", SIZED)
def test_where_the_batch_is_everything_nscb_is_at_chance(protocol: str) -> None:
    # A compound lies where its batch lies. The nearest compound of another batch is any of ten, two
    # of its mechanism: 0.2 by chance.
    world = screen(lambda mechanism, compound, batch: 5 * np.eye(3)[batch])
    record = by_metric(world, protocol)["NSCB"]
    assert record["total"] == 30
    assert isinstance(record["value"], float)
    assert record["value"] <= 0.5
    assert isinstance(record["p_value"], float)
    assert record["p_value"] > 0.02


def batches_alone() -> tuple[list[Treatment], np.ndarray]:
    """Six batches of four compounds: three of the batch's own mechanism, one of the next one's."""
    treatments: list[Treatment] = [
        (f"c{batch}{number}", 1.0, f"m{(batch + (number == 3)) % 6}", "ABCDEF"[batch])
        for batch in range(6)
        for number in range(4)
    ]
    return treatments, np.eye(6).repeat(4, axis=0)


def test_profiles_that_are_their_batch_score_high_by_nsc_and_by_chance_by_nscb() -> None:
    treatments, values = batches_alone()
    # By NSC three of four tie with two right and one wrong neighbour of their batch: 2/3; the
    # fourth has none that is right.
    nsc = scored(treatments, values, NSC)
    assert nsc.total == 24
    assert nsc.correct == pytest.approx(18 * 2 / 3)
    # By NSCB all twenty neighbours in other batches tie. One of the batch's own three has one
    # partner among them, in the batch before; the stranger has three, in the batch after.
    nscb = scored(treatments, values, NSCB)
    assert nscb.total == 24
    assert nscb.correct == pytest.approx(18 * 1 / 20 + 6 * 3 / 20)
    assert nscb.correct / nscb.total == pytest.approx(0.075)
    assert nscb.ties == 24


@pytest.mark.parametrize("rule", [NSC, NSCB])
def test_a_compound_without_relation_to_others_scores_by_chance(rule: Rule) -> None:
    """Doses of a compound lie on each other: whoever lets them in would score all right."""
    shares = []
    for seed in range(12):
        random = np.random.default_rng(seed)
        treatments: list[Treatment] = [
            (f"c{compound:02d}", float(dose), f"m{compound % 6}", "ABC"[compound // 6 % 3])
            for compound in range(36)
            for dose in range(3)
        ]
        values = random.normal(size=(36, 20)).repeat(3, axis=0)
        outcome = scored(treatments, values, rule)
        assert outcome.total == 108
        shares.append(outcome.correct / outcome.total)
    # Five other compounds of its mechanism among 35, or four among 24.
    expected = 5 / 35 if rule == NSC else 4 / 24
    assert np.mean(shares) == pytest.approx(expected, abs=0.06)
    assert max(shares) < 0.45


def test_a_batch_effect_that_hides_the_mechanism_is_seen_by_nsc_alone() -> None:
    # Large batch offsets, a small mechanism: within a batch neighbours are of any mechanism, across
    # batches the offsets are gone from the comparison's choice and the mechanism decides.
    world = screen(
        lambda mechanism, compound, batch: np.concatenate(
            [4 * np.eye(3)[batch], np.eye(5)[mechanism]]
        ),
        noise=0.02,
    )
    found = by_metric(world, "cells-mean")
    assert found["NSC"]["correct"] == 0
    assert found["NSCB"]["correct"] == 30
