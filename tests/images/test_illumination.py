"""The light of a plate: what is found, by how much it is missed, and what correction does."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from tests.images.lit_fields import DARK, Light, Pixels, disc_fields, tilted_light, twin_plate

from phenovae.base.errors import InputError
from phenovae.images.illumination import (
    Illumination,
    IlluminationOptions,
    correct,
    estimate,
    estimate_plate,
    flat,
)
from phenovae.images.illumination_fit import dark_quantile
from phenovae.images.illumination_statistics import IlluminationStatistics

SHAPE = (240, 320)
TARGET = 0.03


def seen(fields: Sequence[Pixels], options: IlluminationOptions | None = None) -> Illumination:
    """The light of these fields."""
    options = options or IlluminationOptions()
    statistics = options.statistics()
    for number, field in enumerate(fields):
        statistics.add(field, f"field {number}")
    return estimate(statistics, options)


def miss(light: Illumination, truth: Light | npt.NDArray[np.float32]) -> float:
    """Root mean square of the relative error over all pixels."""
    return float(np.sqrt(np.mean((light.full / truth - 1) ** 2)))


@pytest.fixture(scope="module")
def tilted() -> Light:
    return tilted_light(SHAPE)


@pytest.fixture(scope="module")
def fields(tilted: Light) -> list[Pixels]:
    return disc_fields(24, tilted)


@pytest.fixture(scope="module")
def light(fields: list[Pixels]) -> Illumination:
    return seen(fields)


def test_the_light_of_two_dozen_fields_is_found_within_three_percent(
    light: Illumination, tilted: Light
) -> None:
    assert light.fallback == ""
    assert light.fields == 24
    assert light.full.shape == SHAPE
    assert light.full.mean() == pytest.approx(1, abs=1e-5)
    assert np.ptp(tilted) > 0.35
    assert miss(light, tilted) < TARGET


def test_the_expected_error_is_about_the_error(light: Illumination, tilted: Light) -> None:
    assert 0.3 * miss(light, tilted) < light.error < 0.05


def test_the_dark_level_is_told_apart_from_the_ground(light: Illumination) -> None:
    assert light.dark_level == pytest.approx(DARK, abs=60)


def test_a_dark_level_that_is_known_is_taken(fields: list[Pixels], tilted: Light) -> None:
    known = seen(fields, IlluminationOptions(dark_level=DARK))
    assert known.dark_level == DARK
    assert miss(known, tilted) < TARGET


def test_fields_are_flatter_after_correction_by_what_the_other_half_tells(
    light: Illumination,
) -> None:
    assert light.flatness_after < 0.6 * light.flatness_before
    assert light.flatness_after < 1.6 * light.flatness_chance


def test_light_that_no_parabola_follows_asks_for_a_higher_degree() -> None:
    y = np.linspace(-1, 1, SHAPE[0])[:, None]
    x = np.linspace(-1, 1, SHAPE[1])[None, :]
    spot = 0.5 + np.exp(-((x - 0.2) ** 2 + (y + 0.3) ** 2) / 0.8)
    spot /= spot.mean()
    found = seen(disc_fields(24, spot, seed=2))
    assert found.degree > 2
    assert miss(found, spot) < TARGET


def test_even_light_stays_almost_even() -> None:
    found = seen(disc_fields(24, np.ones(SHAPE), seed=3))
    assert np.abs(found.full - 1).max() < TARGET


@pytest.mark.parametrize("shift", [0, 33_000])
def test_a_large_dark_level_changes_nothing(shift: int, tilted: Light) -> None:
    shifted = [field + np.uint16(shift) for field in disc_fields(16, tilted, seed=4)]
    found = seen(shifted)
    assert miss(found, tilted) < TARGET
    assert found.dark_level == pytest.approx(DARK + shift, abs=120)


def test_bright_debris_in_some_fields_does_not_lead_astray(
    fields: list[Pixels], tilted: Light
) -> None:
    dirty = [field.copy() for field in fields]
    for number in (1, 8, 15):
        dirty[number][20:90, 180:300] = 60_000
    assert miss(seen(dirty), tilted) < TARGET


def test_fields_without_cells_among_others_do_no_harm(fields: list[Pixels], tilted: Light) -> None:
    empty = disc_fields(6, tilted, seed=5, discs=0)
    assert miss(seen([*fields[:18], *empty]), tilted) < TARGET


def test_eight_bits_are_enough(fields: list[Pixels], tilted: Light) -> None:
    options = IlluminationOptions()
    statistics = options.statistics()
    for number, field in enumerate(fields):
        statistics.add(np.minimum(field // 16, 255).astype(np.uint8), str(number))
    assert miss(estimate(statistics, options), tilted) < TARGET


def test_with_few_fields_the_light_counts_as_flat_and_says_how_many(fields: list[Pixels]) -> None:
    few = seen(fields[:7])
    assert few.fallback == "7 fields, and 8 are needed"
    assert few.fields == 7
    assert few.full == pytest.approx(1, abs=1e-6)
    assert np.isnan(few.error)
    assert (correct(fields[0], few).image == fields[0]).all()


def plate_of(fields: Sequence[Pixels], name: str) -> IlluminationStatistics:
    statistics = IlluminationOptions().statistics()
    for number, field in enumerate(fields):
        statistics.add(field, f"{name} {number}")
    return statistics


def test_a_plate_of_few_fields_has_the_light_of_its_batch(
    fields: list[Pixels], tilted: Light
) -> None:
    few, batch = plate_of(fields[:4], "few"), plate_of(fields, "batch")
    lent = estimate_plate({"c": few}, batch={"c": batch})["c"]
    assert (lent.lent, lent.fallback) == ("4 fields, and 8 are needed", "")
    assert lent.fields == 24
    assert miss(lent, tilted) < TARGET
    assert (lent.field == estimate(batch).field).all()


def test_a_batch_of_few_fields_lends_nothing(fields: list[Pixels]) -> None:
    few, batch = plate_of(fields[:4], "few"), plate_of(fields[:7], "batch")
    even = estimate_plate({"c": few}, batch={"c": batch})["c"]
    assert (even.lent, even.fallback) == ("", "4 fields, and 8 are needed")
    assert even.fields == 4


def test_a_plate_of_enough_fields_leans_on_nobody(fields: list[Pixels]) -> None:
    own, other = plate_of(fields[:8], "own"), plate_of(disc_fields(16, np.ones(SHAPE)), "other")
    alone, beside = estimate(own), estimate_plate({"c": own}, batch={"c": other})["c"]
    assert beside.lent == ""
    assert (alone.field == beside.field).all()


@pytest.mark.parametrize("level", [0, 7])
def test_fields_that_hold_nothing_give_flat_light(level: int) -> None:
    found = seen([np.full((300, 300), level, np.uint16)] * 10)
    assert found.fallback == "nothing in the fields is brighter than their ground"


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (5, 9), (17, 23)])
def test_fields_of_any_size_are_borne(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    found = seen([rng.integers(0, 60, shape).astype(np.uint16) for _ in range(9)])
    assert found.full.shape == shape
    assert np.isfinite(found.full).all()


def test_fewer_fields_lean_further_to_flat() -> None:
    strong = tilted_light(SHAPE, 0.03)
    spans = [np.ptp(seen(disc_fields(count, strong, seed=6)).full) for count in (8, 32)]
    assert max(spans) < 2 * np.ptp(strong)


def test_channels_of_one_camera_help_each_other(tilted: Light) -> None:
    options = IlluminationOptions()
    channels = {"clear": options.statistics(), "dim": options.statistics()}
    for number, (clear, dim) in enumerate(
        zip(disc_fields(20, tilted, 7), disc_fields(20, tilted, 8, discs=3), strict=True)
    ):
        channels["clear"].add(clear, str(number))
        channels["dim"].add(dim, str(number))
    together = estimate_plate(channels, options)
    assert list(together) == ["clear", "dim"]
    alone = estimate(channels["dim"], options)
    assert abs(together["dim"].dark_level - DARK) <= abs(alone.dark_level - DARK) + 5
    assert miss(together["dim"], tilted) < TARGET


def test_no_field_at_all_is_an_error() -> None:
    with pytest.raises(InputError, match="no field"):
        estimate(IlluminationStatistics())


def test_correction_keeps_the_mean_and_evens_the_ground(
    fields: list[Pixels], light: Illumination, tilted: Light
) -> None:
    even = [correct(field, light) for field in fields]
    assert all(one.image.dtype == np.uint16 and one.clipped == 0 for one in even)
    before = np.mean([field.mean() for field in fields])
    assert np.mean([one.image.mean() for one in even]) == pytest.approx(before, rel=0.02)
    dark = np.percentile([one.image for one in even], 10, axis=0)
    left, right = np.median(dark[:, :40]), np.median(dark[:, -40:])
    raw = np.percentile(fields, 10, axis=0)
    assert abs(left - right) < 0.2 * abs(np.median(raw[:, :40]) - np.median(raw[:, -40:]))


def handmade(field: npt.NDArray[np.float32], dark_level: float) -> Illumination:
    """A function given by hand, one block a pixel."""
    return Illumination(
        field=field,
        shape=(field.shape[0], field.shape[1]),
        side=1,
        dark_level=dark_level,
        fields=24,
        degree=2,
        error=0.01,
        flatness_before=0.3,
        flatness_after=0.1,
        flatness_chance=0.1,
    )


def test_correction_by_hand() -> None:
    light = handmade(np.array([[0.5, 1.0, 1.5]], np.float32), 100.0)
    even = correct(np.array([[150, 200, 250]], np.uint16), light)
    assert even.image.tolist() == [[200, 200, 200]]
    assert even.clipped == 0


def test_what_would_leave_the_range_is_cut_off_and_counted() -> None:
    light = handmade(np.array([[0.5, 1.0, 1.5]], np.float32), 100.0)
    even = correct(np.array([[40, 255, 255]], np.uint8), light)
    assert even.image.tolist() == [[0, 255, 203]]
    assert even.clipped == 1
    assert correct(np.array([[255, 255, 255]], np.uint8), light).clipped == 1
    assert correct(np.array([[65535, 0, 0]], np.uint16), light).image[0, 0] == 65535


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([np.uint8, np.uint16]), st.floats(0, 300))
def test_corrected_pixels_stay_in_the_order_they_had_at_each_place(
    seed: int, dtype: type[np.uint8 | np.uint16], dark: float
) -> None:
    rng = np.random.default_rng(seed)
    light = handmade(rng.uniform(0.3, 2, (4, 6)).astype(np.float32), dark)
    top = int(np.iinfo(dtype).max)
    low = rng.integers(0, top, (4, 6), endpoint=True).astype(dtype)
    high = np.maximum(low, rng.integers(0, top, (4, 6), endpoint=True).astype(dtype))
    assert (correct(low, light).image <= correct(high, light).image).all()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "image", [np.zeros((3, 5), np.uint16), np.zeros((4, 4)), np.zeros((1, 4, 4), np.uint16)]
)
def test_a_field_of_another_kind_is_refused(image: Pixels) -> None:
    with pytest.raises(InputError, match="cannot be corrected"):
        correct(image, flat((4, 4), "a test"))


def test_another_process_gets_the_same_function_without_its_full_size(light: Illumination) -> None:
    assert light.gain.shape == SHAPE
    sent = pickle.dumps(light)
    assert len(sent) < light.gain.nbytes / 4
    back: Illumination = pickle.loads(sent)
    assert (back.full == light.full).all()


def _misses(
    found: Mapping[str, Illumination], truth: Mapping[str, npt.NDArray[np.float32]]
) -> dict[str, float]:
    return {channel: miss(light, truth[channel]) for channel, light in found.items()}


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "strength"), [(0, 0.15), (1, 0.3), (2, 0.15)])
def test_the_light_of_a_plate_of_the_twin_is_found_within_three_percent(
    seed: int, strength: float
) -> None:
    images, truth = twin_plate(seed, strength, 480, 576)
    options = IlluminationOptions()
    channels = {channel: options.statistics() for channel in images}
    for channel, fields in images.items():
        for number, field in enumerate(fields):
            channels[channel].add(field, f"field {number}")
    misses = _misses(estimate_plate(channels, options), truth)
    assert max(misses.values()) < TARGET, misses


@given(
    arrays(
        np.float64,
        array_shapes(min_dims=3, max_dims=3, max_side=12),
        elements=st.floats(-(2.0**16), 2.0**16),
    )
)
def test_the_dark_end_of_a_tile_is_the_fiftieth_part_as_numpy_tells_it_to_the_bit(
    values: npt.NDArray[np.float64],
) -> None:
    assert dark_quantile(values) == np.quantile(values, 0.02)
