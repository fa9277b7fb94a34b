from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tests.evaluate.ljosa import controls, percentiles, read_wells, whitened, z_scores

from phenovae.base.errors import InputError
from phenovae.evaluate.batch_classifier import BatchClassifier, classify_batches
from phenovae.evaluate.statistics import Interval


def plates(batches: str, each: int = 6) -> tuple[list[str], list[str]]:
    """Batches and plates of wells; a letter is a plate of that batch."""
    names = [f"{batch}{number}" for number, batch in enumerate(batches)]
    return [b for b in batches for _ in range(each)], [p for p in names for _ in range(each)]


def told(values: np.ndarray, batches: list[str], of: list[str]) -> BatchClassifier:
    return classify_batches(values, batches, of, draws=300, seed=0)


def noise(rows: int, seed: int = 0, features: int = 5) -> np.ndarray:
    found: np.ndarray = np.random.default_rng(seed).normal(size=(rows, features))
    return found


def test_batches_that_lie_apart_are_told_on_plates_not_seen() -> None:
    batches, of = plates("AABBCC")
    found = told(noise(36) + 20 * np.array([ord(b) - 65 for b in batches])[:, None], batches, of)
    assert found.value == 1
    assert found.interval == Interval(1, 1)
    assert found.chance == 1 / 3
    assert (found.wells, found.plates, found.folds) == (36, 6, 2)
    assert found.recall == {"A": 1, "B": 1, "C": 1}
    assert found.unasked == ()


def test_knowing_the_plate_is_of_no_use() -> None:
    # Every plate has a direction of its own: whoever trained on the tested plate would be right.
    batches, of = plates("AAABBBCCC")
    codes = np.unique(of, return_inverse=True)[1]
    found = told(np.eye(9)[codes] * 10 + 0.01 * noise(54, features=9), batches, of)
    assert found.value <= 0.5


def test_noise_is_told_by_chance() -> None:
    batches, of = plates("AAAABBBBCCCC", 12)
    shares = [told(noise(144, seed), batches, of).value for seed in range(8)]
    assert np.mean(shares) == pytest.approx(1 / 3, abs=0.05)


def test_a_fold_leaves_out_one_plate_of_every_batch_at_most() -> None:
    # B has two plates and takes no part in the third fold's test.
    batches, of = plates("ABABA", 4)
    values = noise(20, 3)
    predicted = np.empty(20, object)
    for left_out in (["A0", "B1"], ["A2", "B3"], ["A4"]):
        test = np.isin(of, left_out)
        seen, mean = values[~test], values[~test].mean(axis=0)
        spread = np.sqrt(((seen - mean) ** 2).mean())
        model = LogisticRegression(C=0.01, class_weight="balanced", max_iter=300)
        model.fit((seen - mean) / spread, np.array(batches)[~test])
        predicted[test] = model.predict((values[test] - mean) / spread)
    found = told(values, batches, of)
    assert found.folds == 3
    assert found.rows["Predicted"].tolist() == predicted.tolist()
    assert found.rows["Plate"].tolist() == of
    right = predicted == np.array(batches)
    recall = [right[np.array(batches) == name].mean() for name in "AB"]
    assert found.value == pytest.approx(np.mean(recall))


def test_a_batch_of_one_plate_takes_no_part_and_is_listed() -> None:
    batches, of = plates("AABBC")
    values = noise(30)
    found = told(values, batches, of)
    assert found.unasked == ("C4",)
    assert found.chance == 1 / 2
    assert (found.wells, found.plates) == (24, 4)
    without = told(values[:24], batches[:24], of[:24])
    assert found.value == without.value
    assert found.interval == without.interval


def test_all_features_share_one_scale() -> None:
    # The batches differ in the broad feature; a narrow one of noise must not be blown up.
    batches, of = plates("AABB", 20)
    broad = np.where(np.array(batches) == "A", 1.0, -1.0)[:, None]
    values = np.hstack([broad + 0.5 * noise(80, features=1), 1e-6 * noise(80, 1, features=300)])
    assert told(values, batches, of).value > 0.9


def test_the_interval_draws_plates() -> None:
    # Three of four plates of a batch are all right, one all wrong. Of eight plates drawn, four at
    # most are right in 11 % of all worlds, and eight in 10 %; drawn wells would stay above 0.6.
    batches, of = plates("AAAABBBB", 5)
    place = np.repeat([1.0, 1, 1, -1, -1, -1, -1, 1], 5)[:, None]
    found = told(place + 0.01 * noise(40, features=1), batches, of)
    assert found.value == 3 / 4
    assert found.interval.high == 1
    assert found.interval.low <= 1 / 2


def test_what_is_all_alike_is_told_by_chance_and_breaks_nothing() -> None:
    batches, of = plates("AABB")
    assert told(np.ones((24, 3)), batches, of).value == pytest.approx(1 / 2)


def test_what_cannot_be_asked_says_why() -> None:
    batches, of = plates("AABB", 1)
    values = noise(4)
    with pytest.raises(InputError, match="1 of 2 batches have two plates"):
        told(values[:3], batches[:3], of[:3])
    with pytest.raises(InputError, match="0 of 0 batches"):
        told(np.zeros((0, 3)), [], [])
    with pytest.raises(InputError, match="plate A1 is in two batches"):
        told(values, batches, ["A0", "A1", "A1", "B3"])
    with pytest.raises(InputError, match="4 profiles, but batches of 3 and plates of 4"):
        told(values, batches[:3], of)
    with pytest.raises(InputError, match="well 2 of 4 has no plate"):
        told(values, batches, [*of[:2], None, of[3]])  # type: ignore[list-item]
    values[1, 1] = np.inf
    with pytest.raises(InputError, match="plate A1 holds NaN or infinity"):
        told(values, batches, of)


def test_published_dmso_wells_tell_their_week_unless_plates_are_scaled(public_data: Path) -> None:
    wells, raw = read_wells(public_data)
    dmso = controls(wells)
    weeks = wells.loc[dmso, "Metadata_Batch"].tolist()
    of = wells.loc[dmso, "Metadata_Plate"].tolist()
    found = {
        name: told(values[dmso], weeks, of)
        for name, values in (
            ("z", z_scores(wells, raw)),
            ("whitened", whitened(wells, raw)),
            ("percentiles", percentiles(wells, raw)),
        )
    }
    assert {(each.wells, each.plates, each.folds) for each in found.values()} == {(330, 55, 6)}
    assert found["z"].value == pytest.approx(0.873, abs=0.01)
    assert found["whitened"].value == pytest.approx(0.917, abs=0.01)
    assert found["percentiles"].value == pytest.approx(0.183, abs=0.02)
