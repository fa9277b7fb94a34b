from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.profiles.rows import correlated, places, transformed

from phenovae.base.errors import InputError
from phenovae.profiles.control_rows import ControlRows
from phenovae.profiles.coral import CoralOptions
from phenovae.profiles.factors import FactorOptions
from phenovae.profiles.normalise import fit


def two_batches(seed: int, features: int) -> tuple[np.ndarray, list[str]]:
    one, other = correlated(seed, 40, features), correlated(seed + 1, 60, features)
    values = np.concatenate([one - one.mean(axis=0), other - other.mean(axis=0)])
    return values, ["A1"] * 40 + ["B1"] * 60


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), features=st.integers(1, 6))
def test_after_coral_the_controls_of_each_batch_have_the_covariance_of_all(
    seed: int, features: int
) -> None:
    values, plates = two_batches(seed, features)
    by = fit(CoralOptions(regularization=1e-10), ControlRows.of(values, places(plates)))
    found = by.apply(values, places(plates))
    pooled = values.T @ values / 100
    for own in (found[:40], found[40:]):
        np.testing.assert_allclose(own.T @ own / len(own), pooled, rtol=1e-4, atol=1e-4)


def test_coral_by_hand() -> None:
    values = np.array([[-1.0], [1.0]] * 10 + [[-7.0], [7.0]] * 10)
    where = places(["A1"] * 20 + ["B1"] * 20)
    by = fit(CoralOptions(regularization=2), ControlRows.of(values, where))
    # Second moments 1 and 49, all together 25; 2 is added to each.
    found = by.apply(values, where)[:, 0]
    assert found[[1, 21]].tolist() == pytest.approx([np.sqrt(27 / 3), 7 * np.sqrt(27 / 51)])


def test_coral_leaves_a_single_batch_as_it_is() -> None:
    values, _ = two_batches(0, 4)
    found = transformed(CoralOptions(), values)
    np.testing.assert_allclose(found, values, atol=1e-9)


def test_coral_stays_finite_with_fewer_controls_than_features() -> None:
    values = correlated(0, 8, 30)
    values -= values.mean(axis=0)
    where = places(["A1"] * 3 + ["B1"] * 5)
    by = fit(CoralOptions(regularization=1e-12), ControlRows.of(values, where))
    assert np.isfinite(by.apply(values, where)).all()


def test_coral_names_batches_of_few_controls_and_tells_of_rows_that_are_not_centred(
    caplog: pytest.LogCaptureFixture,
) -> None:
    values, plates = two_batches(0, 4)
    fit(CoralOptions(), ControlRows.of(values, places(plates)))
    assert caplog.text == ""
    fit(CoralOptions(), ControlRows.of(values[30:] + 50, places(plates[30:])))
    assert "few controls: A (10)" in caplog.text
    assert "not centred" in caplog.text


@settings(max_examples=8)
@given(seed=st.integers(0, 2**32), factors=st.integers(1, 3), rows=st.sampled_from((40, 400)))
def test_factors_equal_those_of_scikit_learn(seed: int, factors: int, rows: int) -> None:
    from sklearn.decomposition import FactorAnalysis

    random = np.random.default_rng(seed)
    weights = random.normal(size=(factors, 8))
    noise = random.normal(size=(rows, 8)) * random.uniform(0.3, 1, 8)
    values = random.normal(size=(rows, factors)) @ weights + noise + 3
    treated = random.normal(size=(20, 8))
    model = FactorAnalysis(factors, svd_method="lapack", max_iter=1000).fit(values)
    expected = model.transform(treated)
    found = transformed(FactorOptions(factors=factors), values, treated)
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found * signs, expected, rtol=1e-6, atol=1e-8)


def test_factors_drop_what_does_not_vary(caplog: pytest.LogCaptureFixture) -> None:
    values = np.random.default_rng(0).normal(size=(60, 2)) @ np.ones((2, 5))
    values += 0.1 * np.random.default_rng(1).normal(size=(60, 5))
    values[:, 3] = 2
    by = fit(FactorOptions(factors=1), ControlRows.of(values, places(["P"] * 60)))
    assert by.kept.tolist() == [True, True, True, False, True]
    assert by.outputs == 1
    assert "dropped: feature 3" in caplog.text
    assert np.isfinite(by.apply(values, places(["P"] * 60))).all()


def test_as_many_factors_as_features_are_refused() -> None:
    for rows, features, factors in ((60, 4, 4), (5, 9, 5)):
        with pytest.raises(InputError, match=f"{factors} factors cannot be told from {rows}"):
            transformed(FactorOptions(factors=factors), correlated(0, rows, features))
