from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from tests.vae.known import floats

from phenovae.vae.latent_space import Posteriors, posteriors
from phenovae.vae.model_files import TrainedModel

ROWS = np.arange(4)
MEAN = floats([[0, 3, 0.1], [2, -3, -0.1], [0, 3, 0.1], [2, -3, -0.1]])
LOGVAR = np.log(floats([[0.5, 0.25, 1]] * 4))


def test_usage_is_ordered_by_kl_and_the_spread_is_that_of_all_posteriors_together() -> None:
    found = Posteriors(ROWS, MEAN, LOGVAR)
    assert found.center == pytest.approx([1, 0, 0])
    assert found.variance_of_mean == pytest.approx([1, 9, 0.01])
    assert found.spread**2 == pytest.approx([1.5, 9.25, 1.01])
    expected = [
        0.5 * (2 + 0.5 - 1 - np.log(0.5)),
        0.5 * (9 + 0.25 - 1 - np.log(0.25)),
        0.5 * 0.01,
    ]
    assert found.kl == pytest.approx(expected, rel=1e-5)
    assert found.by_usage.tolist() == [1, 0, 2]
    assert found.active.tolist()[:2] == [True, True]


def test_codes_are_ordered_by_the_variance_of_what_they_stand_for() -> None:
    found = Posteriors(ROWS, MEAN, LOGVAR + 99, gaussian=False)
    assert found.kl is None
    assert found.by_usage.tolist() == [1, 0, 2]
    assert found.spread**2 == pytest.approx([1, 9, 0.01])
    drawn = found.draw(50, np.random.default_rng(0))
    assert {tuple(each) for each in drawn.tolist()} <= {tuple(each) for each in MEAN.tolist()}


def test_a_dimension_in_which_nothing_differs_can_be_divided_by() -> None:
    found = Posteriors(ROWS, np.ones((4, 2), np.float32), np.zeros((4, 2), np.float32), False)
    assert found.spread.tolist() == [1, 1]
    assert found.typical() == 0


def test_the_typical_cell_is_nearest_to_the_middle_in_units_of_the_spread() -> None:
    mean = floats([[10.0, 0.0], [0.0, 0.5], [-10.0, 0.0], [0.0, -0.4]])
    assert Posteriors(ROWS, mean, np.zeros((4, 2), np.float32)).typical() == 3


def test_draws_have_the_moments_of_the_aggregate_posterior() -> None:
    found = Posteriors(ROWS, MEAN, LOGVAR)
    drawn = found.draw(40_000, np.random.default_rng(1))
    assert drawn.dtype == np.float32
    assert drawn.mean(axis=0) == pytest.approx(found.center, abs=0.06)
    assert drawn.std(axis=0) == pytest.approx(found.spread, rel=0.03)


def test_nothing_is_drawn_of_no_cells() -> None:
    empty = np.zeros((0, 3), np.float32)
    with pytest.raises(ValueError, match="no cells"):
        Posteriors(np.arange(0), empty, empty).draw(1, np.random.default_rng(0))


def test_cells_are_encoded_in_their_order(toy: ModuleType, toy_model: TrainedModel) -> None:
    images = toy.ToyImages()
    rows = np.array([5, 1, 9])
    found = posteriors(toy_model, images, rows)
    mean, logvar = toy_model.encode(images.images(rows))
    assert np.array_equal(found.mean, mean)
    assert np.array_equal(found.logvar, logvar)
    assert found.gaussian
    assert len(posteriors(toy_model, images, rows[:0])) == 0
