from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from phenovae.base.errors import InputError
from phenovae.evaluate.comparing import Model, differ, summarise
from phenovae.evaluate.statistics import Interval


def outcomes(right: Sequence[float], compounds: str) -> pd.DataFrame:
    names = [f"{compound} {number}" for number, compound in enumerate(compounds)]
    return pd.DataFrame(
        {"Treatment": names, "Metadata_Compound": list(compounds), "Right": list(right)}
    )


def model(name: str, *seeds: Sequence[float], compounds: str, trained: bool = True) -> Model:
    return Model(name, tuple(outcomes(right, compounds) for right in seeds), trained)


def test_a_model_less_itself_is_nothing() -> None:
    same = model("a", [1, 0, 1, 1], compounds="aabb")
    found = differ(same, same)
    assert found.difference == 0
    assert found.interval == Interval(0, 0)
    assert found.p_value == 1
    assert found.mcnemar == 1
    assert found.verdict == "no difference"


def test_a_difference_in_one_compound_of_many_doses_is_noise() -> None:
    # Nine doses of one compound are one finding, though nine treatments differ.
    compounds = "a" * 9 + "bcdef"
    found = differ(
        model("one", [1] * 14, compounds=compounds),
        model("other", [0] * 9 + [1] * 5, compounds=compounds),
    )
    assert found.difference == pytest.approx(9 / 14)
    assert found.interval.low == 0
    assert not found.beyond_compounds
    assert found.p_value == 1  # whichever way that one compound is swapped, it differs as much
    assert found.mcnemar == pytest.approx(2 * 0.5**9)  # which takes doses for independent
    assert found.verdict == "no more than the noise of compounds"


def test_a_difference_in_every_compound_is_more_than_noise() -> None:
    compounds = "abcdefgh"
    one, other = [1.0] * 8, [0.0] * 8
    single = differ(
        model("one", one, compounds=compounds), model("other", other, compounds=compounds)
    )
    assert (single.interval.low, single.interval.high) == (1, 1)
    assert single.p_value == pytest.approx(2 / 2**8, rel=0.3)
    assert single.training_error is None
    assert single.verdict.endswith("the noise of training is not known")
    several = differ(
        model("one", one, one, compounds=compounds),
        model("other", other, [1.0] + [0.0] * 7, compounds=compounds),
    )
    # Shares 1, 1 and 0, 1/8: the variance of the second is 1/128, over two seeds.
    assert several.training_error == pytest.approx(np.sqrt(1 / 128 / 2))
    assert several.verdict == "more than noise"
    assert several.mcnemar is None


def test_seeds_that_swing_more_than_they_differ_are_training_noise() -> None:
    compounds = "abcdefgh"
    swinging = model("one", [1.0] * 8, [0.0] * 8, compounds=compounds)
    found = differ(swinging, model("other", [0.0] * 8, [0.0] * 8, compounds=compounds))
    assert found.difference == 0.5
    assert found.beyond_compounds
    assert found.beyond_training is False
    assert found.verdict == "more than the noise of compounds, but not than that of training"


def test_what_is_not_trained_has_no_noise_of_training() -> None:
    compounds = "abcdefgh"
    trained = model("one", [1.0] * 8, [1.0] * 7 + [0.0], compounds=compounds)
    baseline = model("intensity", [0.0] * 8, compounds=compounds, trained=False)
    found = differ(trained, baseline)
    assert found.training_error == pytest.approx(np.sqrt(1 / 128 / 2))
    assert found.verdict == "more than noise"


def test_a_summary_keeps_the_two_noises_apart() -> None:
    found = summarise(model("a", [1, 1, 0, 0], [1, 1, 1, 0], compounds="abcd"))
    assert (found.seeds, found.total) == (2, 4)
    assert found.mean == pytest.approx(0.625)
    assert (found.lowest, found.highest) == (0.5, 0.75)
    assert found.interval.low < 0.5
    assert found.interval.high > 0.75


def test_the_order_of_treatments_changes_nothing() -> None:
    random = np.random.default_rng(0)
    compounds = "".join(random.choice(list("abcdefghij"), 40))
    one, other = (
        outcomes(random.integers(0, 2, 40).tolist(), compounds),
        outcomes([0] * 40, compounds),
    )
    shuffled = one.sample(frac=1, random_state=1)
    first = differ(Model("x", (one,)), Model("y", (other,)))
    second = differ(Model("x", (shuffled,)), Model("y", (other,)))
    assert first == second


def test_two_models_alike_are_found_different_about_as_often_as_chance_says() -> None:
    random = np.random.default_rng(3)
    compounds = "".join(chr(65 + n) for n in range(24)) * 2
    alarms = 0
    for _ in range(60):
        one, other = (
            model(n, random.integers(0, 2, 48).tolist(), compounds=compounds) for n in "xy"
        )
        alarms += differ(one, other, draws=400).p_value < 0.05
    assert alarms <= 8  # three are expected; more than eight of sixty has a chance below 1 %


def test_scores_of_other_treatments_do_not_pair() -> None:
    with pytest.raises(InputError, match="not asked the same treatments: c 2") as said:
        differ(model("one", [1, 1], compounds="ab"), model("other", [1, 1, 1], compounds="abc"))
    assert "same cells" in str(said.value)
    with pytest.raises(InputError, match="twice"):
        table = outcomes([1, 0], "aa").assign(Treatment="a 0")
        summarise(Model("x", (table,)))
    with pytest.raises(InputError, match="no outcomes"):
        summarise(Model("x", ()))
