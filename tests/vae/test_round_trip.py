from __future__ import annotations

import numpy as np
import pytest
from tests.vae.known import LATENT, floats, linear_model

from phenovae.vae.round_trip import RoundTrip, apart, of_two_cells, round_trip

ALL = np.arange(LATENT)
UNIT = np.ones(LATENT)


def test_what_a_linear_encoder_inverts_comes_back_and_what_it_loses_does_not() -> None:
    there = np.random.default_rng(0).normal(size=(300, LATENT)).astype(np.float32)
    found = round_trip(linear_model(), there, UNIT)
    assert found.back[:, :3] == pytest.approx(there[:, :3], abs=1e-5)
    kept = found.kept()
    assert kept[:3] == pytest.approx(1, abs=1e-6)
    # The last comes back as 0: its error is its second moment.
    last = there[:, 3].astype(float)
    assert kept[3] == pytest.approx(1 - (last**2).mean() / last.var())
    assert found.distances(ALL) == pytest.approx(np.abs(last) / 2, abs=1e-5)
    assert found.distances(ALL[:3]) == pytest.approx(0, abs=1e-5)


def test_distances_are_in_units_of_the_spread() -> None:
    one, other = floats([[0, 0]]), floats([[3, 8]])
    assert apart(one, other, np.array([1.0, 2.0]), np.array([0, 1])) == pytest.approx(
        np.sqrt((9 + 16) / 2)
    )
    assert apart(one, other, np.array([1.0, 2.0]), np.array([1])) == pytest.approx(4)


def test_of_a_dimension_that_does_not_vary_no_share_comes_back() -> None:
    there = floats([[1, 0], [1, 2]])
    kept = RoundTrip(there, there + 1, np.ones(2)).kept()
    assert np.isnan(kept[0])
    assert kept[1] == pytest.approx(0)


def test_the_null_never_compares_a_cell_with_itself() -> None:
    points = np.arange(5, dtype=np.float32)[:, None] * 10
    found = of_two_cells(points, np.ones(1), np.array([0]), np.random.default_rng(3))
    assert (found >= 10).all()
    with pytest.raises(ValueError, match="two cells"):
        of_two_cells(points[:1], np.ones(1), np.array([0]), np.random.default_rng(3))
