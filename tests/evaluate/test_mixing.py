from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare
from tests.evaluate.ljosa import controls, percentiles, read_wells, whitened, z_scores

from phenovae.base.errors import InputError
from phenovae.evaluate import likeness
from phenovae.evaluate.mixing import Mixing, batch_mixing
from phenovae.evaluate.neighbours import Metric


def mixed(
    values: np.ndarray, batches: str, k: int, metric: Metric = "euclidean", draws: int = 20
) -> Mixing:
    return batch_mixing(values, list(batches), k=k, metric=metric, draws=draws, seed=0)


def line(*places: float) -> np.ndarray:
    return np.array(places)[:, None]


def test_six_wells_on_a_line_by_hand() -> None:
    # Two nearest of 0: 1, 3; of 1: 0, 3; of 3: 1, 0; of 7: 8.5, 3; of 8.5: 7, 12; of 12: 8.5, 7.
    found = mixed(line(0, 1, 3, 7, 8.5, 12), "AABBAB", 2)
    rows = found.rows
    assert rows["Same"].tolist() == [1 / 2, 1 / 2, 0, 1 / 2, 0, 1 / 2]
    assert rows["Inverse_Simpson"].tolist() == [2, 2, 1, 2, 1, 2]
    assert rows["Batch"].tolist() == list("AABBAB")
    assert found.observed.same == pytest.approx(1 / 3)
    assert found.observed.inverse_simpson == pytest.approx(10 / 6)
    assert found.observed.inverse_simpson_scaled == pytest.approx(4 / 6)
    assert found.expected_same == pytest.approx((3 * 2 + 3 * 2) / (6 * 5))
    # One of each: as expected. Two of one: chi-square (1 + 1) / 1 = 2.
    two = chisquare([2, 0], [1, 1]).pvalue
    assert rows["P_Value"].tolist() == pytest.approx([1, 1, two, 1, two, 1])
    assert found.observed.rejection == 0
    assert found.batches == {"A": 3, "B": 3}
    assert found.tied == 0


def test_batches_that_lie_apart_are_not_mixed() -> None:
    values = np.random.default_rng(0).normal(size=(60, 3)) + np.repeat([0, 1e3, 2e3], 20)[:, None]
    found = mixed(values, "A" * 20 + "B" * 20 + "C" * 20, 10)
    assert found.observed.same == 1
    assert found.observed.inverse_simpson == 1
    assert found.observed.inverse_simpson_scaled == 0
    assert found.observed.rejection == 1


def test_noise_is_as_mixed_as_by_chance() -> None:
    values = np.random.default_rng(0).normal(size=(300, 6))
    found = mixed(values, "ABCDE" * 60, 10)
    assert found.observed.same == pytest.approx(found.expected_same, abs=0.02)
    assert found.by_chance.same == pytest.approx(found.expected_same, abs=0.01)
    assert found.observed.inverse_simpson == pytest.approx(
        found.by_chance.inverse_simpson, abs=0.15
    )
    # With ten neighbours chance looks like fewer batches than there are.
    assert 3 < found.by_chance.inverse_simpson < 4.5
    assert found.observed.rejection == pytest.approx(found.by_chance.rejection, abs=0.04)


def test_wells_that_are_all_alike_are_perfectly_mixed_whatever_their_order() -> None:
    for order in ("AAABBB", "ABABAB"):
        found = mixed(np.ones((6, 2)), order, 2)
        assert found.observed.same == pytest.approx(2 / 5)
        assert found.tied == 6


def test_those_that_tie_for_the_last_place_share_it() -> None:
    # The one neighbour of 0 is at 1 or at -1; those are of different batches.
    found = mixed(line(0, 1, -1, 5, -5), "AABAB", 1)
    assert found.rows["Same"].tolist()[0] == 1 / 2
    assert found.rows["Inverse_Simpson"].tolist()[0] == 2
    assert found.tied == 1


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_the_order_of_wells_and_the_size_of_blocks_change_nothing(
    metric: Metric, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    values, batches = random.integers(-2, 3, (40, 3)) + 0.25, random.choice(list("ABC"), 40)
    one = mixed(values, "".join(batches), 5, metric)
    assert one.tied > 0
    order = random.permutation(40)
    monkeypatch.setattr(likeness, "_BLOCK_BYTES", 8 * 40 * 7)
    other = mixed(values[order], "".join(batches[order]), 5, metric)
    assert other.observed.same == pytest.approx(one.observed.same)
    assert other.observed.inverse_simpson == pytest.approx(one.observed.inverse_simpson)
    assert other.observed.rejection == pytest.approx(one.observed.rejection)
    again = mixed(values, "".join(batches), 5, metric).by_chance
    assert again.inverse_simpson == pytest.approx(one.by_chance.inverse_simpson)


def test_the_metric_matters_where_lengths_do() -> None:
    values = np.array([[1.0, 0], [50, 0], [1, 1], [30, 30]])
    assert mixed(values, "AABB", 1, "cosine").observed.same == 1
    assert mixed(values, "AABB", 1, "euclidean").observed.same == 0


def test_what_cannot_be_measured_says_why() -> None:
    four = line(0, 1, 2, 3)
    with pytest.raises(InputError, match="4 neighbours cannot be had of 4 wells"):
        mixed(four, "AABB", 4)
    with pytest.raises(InputError, match="0 neighbours"):
        mixed(four, "AABB", 0)
    with pytest.raises(InputError, match="1 batch among 4 wells"):
        mixed(four, "AAAA", 1)
    with pytest.raises(InputError, match="0 batch among 0 wells"):
        mixed(np.zeros((0, 1)), "", 1)
    with pytest.raises(InputError, match="4 profiles, but batches of 3"):
        mixed(four, "AAB", 1)
    with pytest.raises(InputError, match="profile of well 2 holds NaN"):
        mixed(line(0, 1, np.nan, 3), "AABB", 1)
    with pytest.raises(InputError, match="one draw at least"):
        mixed(four, "AABB", 1, draws=0)
    with pytest.raises(InputError, match="well 1 of 4 has no batch"):
        batch_mixing(four, ["A", None, "B", "B"], k=1, metric="euclidean", seed=0)  # type: ignore[list-item]


def test_published_dmso_wells_are_as_mixed_by_week_as_another_implementation_says(
    public_data: Path,
) -> None:
    wells, raw = read_wells(public_data)
    dmso = controls(wells)
    weeks = wells.loc[dmso, "Metadata_Batch"].tolist()
    expected = {
        "raw": (raw, 0.368, 3.10, 0.664),
        "z": (z_scores(wells, raw), 0.667, 1.97, 0.961),
        "percentile": (percentiles(wells, raw), 0.192, 4.64, 0.212),
        "whitened": (whitened(wells, raw), 0.604, 2.33, 0.879),
    }
    for values, same, simpson, rejection in expected.values():
        found = batch_mixing(values[dmso], weeks, k=10, metric="euclidean", draws=20, seed=0)
        assert found.observed.same == pytest.approx(same, abs=5e-4)
        assert found.observed.inverse_simpson == pytest.approx(simpson, abs=5e-3)
        assert found.observed.rejection == pytest.approx(rejection, abs=5e-4)
        assert found.expected_same == pytest.approx(0.1001, abs=5e-5)
        assert len(found.batches) == 10
