"""Measures of generated images against answers that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenovae.evaluate.generation.fidelity import fidelity, mean_and_interval
from phenovae.evaluate.generation.frechet import (
    frechet_distance,
    frechet_of,
    principal_components,
)
from phenovae.evaluate.generation.halves import draw_halves, spread_of
from phenovae.evaluate.generation.kernels import (
    cubic,
    gaussian,
    median_width,
    squared_distances,
    squared_mmd,
    squared_mmd_of,
)
from phenovae.evaluate.generation.manifolds import precision_and_recall, share_on_manifold
from phenovae.evaluate.generation.samples import compare_samples, standard_of, widths_of


def drawn(count: int, dimension: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """Standard normal points, moved along the first dimension."""
    points = np.random.default_rng(seed).standard_normal((count, dimension))
    points[:, 0] += shift
    return points


def test_the_frechet_distance_of_two_gaussians_is_the_one_on_paper() -> None:
    # means 3 and 4 apart; along each axis (σ₁ − σ₂)²: (1 − 3)² + (2 − 2)²
    found = frechet_distance(
        np.array([0.0, 0.0]),
        np.diag([1.0, 4.0]),
        np.array([3.0, 4.0]),
        np.diag([9.0, 4.0]),
    )
    assert found == pytest.approx(25 + 4)


def test_the_frechet_distance_sees_how_features_vary_together() -> None:
    # Same variances, correlations ρ and −ρ: variances 1 ± ρ change places, 2 · (√(1+ρ) − √(1−ρ))².
    one = np.array([[1.0, 0.6], [0.6, 1.0]])
    other = np.array([[1.0, -0.6], [-0.6, 1.0]])
    expected = 2 * (math.sqrt(1.6) - math.sqrt(0.4)) ** 2
    assert frechet_distance(np.zeros(2), one, np.zeros(2), other) == pytest.approx(expected)


def test_the_frechet_distance_of_large_samples_comes_near_that_of_their_gaussians() -> None:
    one, other = drawn(20_000, 3, 1), 2 * drawn(20_000, 3, 2, shift=1.0)
    # a shift of 2 by the scale, and three axes of σ 1 and 2
    assert frechet_of(one, other) == pytest.approx(4 + 3, rel=0.03)
    assert frechet_of(one, one) == pytest.approx(0, abs=1e-9)


def test_principal_components_keep_distances_where_nothing_else_varies() -> None:
    flat = np.zeros((30, 8))
    flat[:, [2, 5]] = drawn(30, 2, 3)
    kept = principal_components(flat, 2)
    np.testing.assert_allclose(
        squared_distances(kept, kept), squared_distances(flat, flat), atol=1e-9
    )


def test_squared_mmd_of_four_points_is_the_one_on_paper() -> None:
    one, other = np.array([[0.0], [1.0]]), np.array([[0.0], [2.0]])
    # k(d) = exp(−d² / 2): within k(1) and k(2); between d = 0, 2, 1, 1
    k1, k2 = math.exp(-0.5), math.exp(-2)
    expected = k1 + k2 - 2 * (1 + k2 + 2 * k1) / 4
    assert squared_mmd_of(one, other, [1.0]) == [pytest.approx(expected)]


def test_unbiased_squared_mmd_is_centred_on_nothing_for_one_population() -> None:
    values = [squared_mmd_of(drawn(60, 4, n), drawn(60, 4, 500 + n), [2.0])[0] for n in range(60)]
    error = float(np.std(values)) / math.sqrt(len(values))
    assert abs(float(np.mean(values))) < 3 * error
    assert min(values) < 0 < max(values)


def test_squared_mmd_of_a_shifted_population_is_far_above_that_of_the_same() -> None:
    same = squared_mmd_of(drawn(200, 4, 1), drawn(200, 4, 2), [1.0, 2.0, 4.0])
    shifted = squared_mmd_of(drawn(200, 4, 1), drawn(200, 4, 2, shift=2.0), [1.0, 2.0, 4.0])
    assert all(far > 10 * abs(near) for far, near in zip(shifted, same, strict=True))


def test_the_cubic_kernel_sees_a_difference_in_spread() -> None:
    def distance(one: np.ndarray, other: np.ndarray) -> float:
        return squared_mmd(cubic(one, one), cubic(other, other), cubic(one, other))

    one = drawn(400, 3, 1)
    assert distance(one, 2 * drawn(400, 3, 2)) > 20 * abs(distance(one, drawn(400, 3, 3)))
    np.testing.assert_allclose(cubic(np.array([[1.0, 1.0]]), np.array([[1.0, 3.0]])), [[27.0]])


def test_the_median_width_is_the_median_of_distances_between_different_points() -> None:
    points = np.array([[0.0], [1.0], [5.0]])
    assert median_width(squared_distances(points, points)) == pytest.approx(4)
    still = np.zeros((3, 2))
    assert median_width(squared_distances(still, still)) == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 12), st.floats(-1e6, 1e6), st.integers(0, 1000))
def test_distances_do_not_change_where_all_points_move(n: int, shift: float, seed: int) -> None:
    points = drawn(n, 3, seed)
    moved = squared_distances(points + shift, points + shift)
    np.testing.assert_allclose(moved, squared_distances(points, points), atol=1e-6)
    assert (moved >= 0).all()


def test_a_kernel_is_one_at_no_distance_and_falls_with_the_width() -> None:
    np.testing.assert_allclose(gaussian(np.array([0.0, 2.0]), 1.0), [1.0, math.exp(-1)])


def test_precision_and_recall_of_two_clusters_of_which_one_is_made() -> None:
    # Real cells come in two kinds. One kind is made, twice: all of it looks real, half is there.
    random = np.random.default_rng(4)
    real = np.concatenate([random.normal(0, 1, (100, 2)), random.normal(50, 1, (100, 2))])
    made = random.normal(0, 1, (200, 2))
    precision, recall = shares(made, real)
    assert precision > 0.9
    assert 0.4 < recall <= 0.5


def test_precision_and_recall_of_samples_that_are_real_and_others_that_are_not() -> None:
    # Half of what is made is real of all kinds, half is nothing that there is.
    random = np.random.default_rng(5)
    real, far = random.normal(0, 1, (100, 2)), random.normal(80, 1, (50, 2))
    made = np.concatenate([random.normal(0, 1, (50, 2)), far])
    precision, recall = shares(made, real)
    assert 0.4 < precision <= 0.5
    assert recall > 0.8


def test_a_manifold_reaches_to_the_kth_neighbour_and_no_further() -> None:
    line = np.array([[0.0], [1.0], [3.0]])
    within = squared_distances(line, line)
    points = np.array([[-1.0], [-1.01], [5.0], [5.01]])
    # With one neighbour the balls are [−1, 1], [0, 2], [1, 5].
    assert share_on_manifold(squared_distances(points, line), within, 1) == 0.5
    with pytest.raises(ValueError, match="more points"):
        share_on_manifold(within, within, 3)


def shares(made: np.ndarray, real: np.ndarray) -> tuple[float, float]:
    """Precision and recall by three neighbours."""
    return precision_and_recall(
        squared_distances(made, made),
        squared_distances(real, real),
        squared_distances(made, real),
        3,
    )


def test_psnr_is_that_of_the_noise_that_was_added() -> None:
    images = np.full((3, 2, 32, 32), 0.5, np.float32)
    noisy = images.copy()
    noisy[:, 0] += 0.1  # mean squared error 0.01: 20 dB
    noisy[:, 1] -= 0.01  # 0.0001: 40 dB
    found = fidelity(images, noisy)
    np.testing.assert_allclose(found.psnr, [[20.0, 40.0]] * 3, atol=1e-3)
    together = 10 * math.log10(1 / ((0.01 + 0.0001) / 2))
    np.testing.assert_allclose(found.psnr_together, together, atol=1e-3)
    random = np.random.default_rng(6).normal(0, 0.05, images.shape).astype(np.float32)
    np.testing.assert_allclose(
        fidelity(images, images + random).psnr, 20 * math.log10(1 / 0.05), atol=0.5
    )


def test_an_image_is_its_own_best_reconstruction() -> None:
    images = np.random.default_rng(7).random((2, 3, 16, 16), dtype=np.float32)
    same = fidelity(images, images)
    np.testing.assert_allclose(same.ssim, 1.0, atol=1e-6)
    assert (same.psnr == 100).all()
    other = fidelity(images, images[::-1])
    assert (other.ssim < 0.3).all()


def test_the_interval_of_a_mean_is_of_wells_and_not_of_cells() -> None:
    # Two wells of 500 equal cells each: a bootstrap over cells would be sure of the mean.
    values = np.repeat([0.0, 1.0], 500)
    wells = ["a"] * 500 + ["b"] * 500
    told = mean_and_interval(values, wells, 500, np.random.default_rng(8))
    assert told == {"value": 0.5, "low": 0.0, "high": 1.0, "wells": 2}
    alone = mean_and_interval(values, ["a"] * 1000, 500, np.random.default_rng(8))
    assert alone == {"value": 0.5}


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 41), st.integers(1, 5))
def test_halves_share_no_row_and_are_of_one_size(count: int, draws: int) -> None:
    halves = draw_halves(count, draws, np.random.default_rng(count))
    assert halves.first.shape == halves.second.shape == (draws, count // 2)
    for one, other in zip(halves.first, halves.second, strict=True):
        assert len({*one, *other}) == 2 * halves.size
        assert min(*one, *other) >= 0
        assert max(*one, *other) < count


def test_half_samples_scatter_as_the_whole_sample_does() -> None:
    # The mean of 400 standard normal values has a standard error of 1/20.
    values = drawn(400, 1, 9)[:, 0]
    halves = draw_halves(400, 2000, np.random.default_rng(10))
    told = spread_of([float(values[half].mean()) for half in halves.first])
    assert told.deviation == pytest.approx(1 / 20, rel=0.15)
    assert told.value == pytest.approx(values.mean(), abs=0.01)


def test_a_planted_world_is_told_as_it_is() -> None:
    # Reconstructions are the cells and a little noise, samples are of another spread and place.
    real = drawn(240, 3, 11)
    samples = {
        "real": real,
        "reconstructed": real + 0.01 * drawn(240, 3, 12),
        "prior": 0.3 * drawn(240, 3, 13, shift=4.0),
    }
    halves = draw_halves(240, 10, np.random.default_rng(14))
    told = {
        (row["sample"], row["against"]): row
        for row in compare_samples(samples, halves, widths_of(real), neighbours=3)
    }
    assert set(told) == {
        ("real", "real"),
        ("reconstructed", "real"),
        ("prior", "real"),
        ("reconstructed", "reconstructed"),
        ("prior", "reconstructed"),
    }

    def value(pair: tuple[str, str], measure: str) -> float:
        figure = told[pair][measure]
        assert isinstance(figure, dict)
        return float(figure["value"])

    for measure in ("squared_mmd", "frechet_distance", "kernel_distance"):
        floor = value(("real", "real"), measure)
        assert value(("reconstructed", "real"), measure) == pytest.approx(floor, abs=0.03)
        assert value(("prior", "real"), measure) > 10 * abs(floor)
    # Cells cannot be copies of those that they are compared with: the floor is no 0, but near 1.
    assert 0.8 < value(("real", "real"), "precision") < 1
    assert value(("prior", "real"), "recall") < 0.2
    assert told["real", "real"]["images"] == 120
    assert told["real", "real"]["frechet_dimensions"] == 3


def test_halves_of_few_images_have_their_covariances_in_fewer_dimensions() -> None:
    real = drawn(24, 50, 15)
    halves = draw_halves(24, 3, np.random.default_rng(16))
    told = compare_samples({"real": real}, halves, widths_of(real), neighbours=3)
    assert [row["frechet_dimensions"] for row in told] == [6]
    few = draw_halves(4, 3, np.random.default_rng(17))
    told = compare_samples({"real": real[:4]}, few, widths_of(real), neighbours=3)
    assert "precision" not in told[0]
    assert "squared_mmd" in told[0]


def test_a_feature_that_does_not_vary_is_left_on_its_scale() -> None:
    values = drawn(50, 2, 18) * 5
    values[:, 1] = 7.0
    scaled = standard_of(values)(values)
    np.testing.assert_allclose(scaled.std(axis=0), [1.0, 0.0])
    np.testing.assert_allclose(scaled[:, 1], 0.0)


def test_discrepancies_over_halves_are_those_of_each_pair_of_halves() -> None:
    real, made = drawn(31, 3, 19), drawn(31, 3, 20, shift=1.0)
    halves = draw_halves(31, 5, np.random.default_rng(21))
    told = compare_samples({"real": real, "prior": made}, halves, [1.5], neighbours=None)
    prior = next(row for row in told if row["sample"] == "prior")
    each = [
        squared_mmd_of(made[first], real[second], [1.5])[0]
        for first, second in zip(halves.first, halves.second, strict=True)
    ]
    assert prior["squared_mmd"] == pytest.approx(spread_of(each).as_dict())
