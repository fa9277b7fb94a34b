"""Measures of cells against hand-computed shapes and against scikit-image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import regionprops_table

from phenovae.cells.measuring import centres, measure_cells

CHANNELS = ("DNA", "Tubulin")


def square(side: int = 4, at: tuple[int, int] = (3, 5)) -> npt.NDArray[np.int32]:
    labels = np.zeros((16, 20), np.int32)
    labels[at[0] : at[0] + side, at[1] : at[1] + side] = 1
    return labels


def ramp() -> npt.NDArray[np.uint16]:
    rows, columns = np.mgrid[:16, :20]
    return np.stack([100 + rows * 10, 50 + columns]).astype(np.uint16)


def test_a_square_nucleus_has_the_area_and_axes_of_a_square() -> None:
    found = measure_cells(square(), None, ramp(), CHANNELS).iloc[0]
    assert found["Measure_Nucleus_Area_px2"] == 16
    # The second moment of a square of side a is a² / 12, its ellipse's axis 4 √(a² / 12).
    assert found["Measure_Nucleus_MajorAxis_px"] == pytest.approx(4 * np.sqrt(16 / 12))
    assert found["Measure_Nucleus_Eccentricity"] == pytest.approx(0)
    assert found["Measure_Nucleus_Solidity"] == pytest.approx(1)


def test_lengths_are_in_micrometres_where_the_pixel_is_known() -> None:
    found = measure_cells(square(), None, ramp(), CHANNELS, 0.5).iloc[0]
    assert found["Measure_Nucleus_Area_um2"] == 4
    assert "Measure_Nucleus_Area_px2" not in found
    assert found["Measure_Nucleus_MajorAxis_um"] == pytest.approx(2 * np.sqrt(16 / 12))


def test_intensity_is_that_of_the_labelled_pixels() -> None:
    found = measure_cells(square(), None, ramp(), CHANNELS).iloc[0]
    assert found["Measure_Nucleus_DNA_Mean"] == pytest.approx(145)  # rows 3 to 6: 130 … 160
    assert found["Measure_Nucleus_DNA_Sum"] == 16 * 145
    assert found["Measure_Nucleus_DNA_Std"] == pytest.approx(np.std([130, 140, 150, 160]))
    assert found["Measure_Nucleus_Tubulin_Mean"] == pytest.approx(56.5)


def test_a_smooth_ramp_has_no_texture_and_a_chessboard_has_all_of_it_at_one_pixel() -> None:
    field = np.full((1, 16, 20), 100, np.uint16)
    board = field.copy()
    board[0] += (
        (50 * ((np.indices((16, 20)).sum(axis=0) % 2) * 2 - 1)).astype(np.int64).astype(np.uint16)
    )
    flat = measure_cells(square(), None, field, ("DNA",)).iloc[0]
    rough = measure_cells(square(), None, board, ("DNA",)).iloc[0]
    assert flat["Measure_Nucleus_DNA_Texture1"] == 0
    # Every neighbour is 100 grey levels away, over a mean of 100.
    assert rough["Measure_Nucleus_DNA_Texture1"] == pytest.approx(1)
    assert rough["Measure_Nucleus_DNA_Texture2"] == pytest.approx(0)


def test_a_cell_is_its_nucleus_and_its_cytoplasm() -> None:
    nuclei, bodies = square(2, (5, 7)), square(6, (3, 5))
    found = measure_cells(nuclei, bodies, ramp(), CHANNELS).iloc[0]
    assert found["Measure_Nucleus_Area_px2"] == 4
    assert found["Measure_Cell_Area_px2"] == 36
    for channel in CHANNELS:
        parts = [found[f"Measure_{part}_{channel}_Sum"] for part in ("Nucleus", "Cytoplasm")]
        assert sum(parts) == found[f"Measure_Cell_{channel}_Sum"]


def test_a_cell_without_cytoplasm_has_no_measure_of_it_rather_than_zero() -> None:
    found = measure_cells(square(), square(), ramp(), CHANNELS).iloc[0]
    assert np.isnan(found["Measure_Cytoplasm_DNA_Mean"])
    assert found["Measure_Cell_DNA_Mean"] == found["Measure_Nucleus_DNA_Mean"]


def test_neighbours_are_those_that_touch_and_the_nearest_is_measured() -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[5:9, 2:6], labels[5:9, 6:10], labels[5:9, 20:24] = 1, 2, 3
    field = np.ones((1, 20, 30), np.uint16)
    found = measure_cells(labels, None, field, ("DNA",), 2.0)
    assert found["Measure_Neighbours_Touching"].tolist() == [1, 1, 0]
    assert found["Measure_Neighbours_Nearest_um"].tolist() == [8, 8, 28]


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (1, 7), (5, 5)])
def test_a_field_without_a_nucleus_has_no_row(shape: tuple[int, int]) -> None:
    nothing = np.zeros(shape, np.int32)
    found = measure_cells(nothing, nothing, np.ones((1, *shape), np.uint8), ("DNA",))
    assert len(found) == 0
    assert centres(nothing).shape == (0, 2)


def test_a_missing_number_is_a_row_of_nan() -> None:
    labels = square()
    labels[labels == 1] = 2
    found = measure_cells(labels, None, ramp(), CHANNELS)
    assert len(found) == 2
    assert found.iloc[0].drop("Measure_Neighbours_Touching").isna().all()
    assert np.isnan(centres(labels)[0]).all()


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_shapes_and_means_are_those_of_scikit_image(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seeds = rng.random((40, 50))
    labels = np.zeros((40, 50), np.int32)
    for number in range(1, 5):
        row, column = rng.integers(4, 36), rng.integers(4, 46)
        y, x = np.ogrid[:40, :50]
        blob = ((y - row) / rng.uniform(1, 6)) ** 2 + ((x - column) / rng.uniform(1, 6)) ** 2 < 1
        labels[blob] = number
    field = (seeds * 1000).astype(np.uint16)[None]
    found = measure_cells(labels, None, field, ("DNA",))
    told = regionprops_table(  # type: ignore[no-untyped-call]
        labels,
        field[0],
        properties=("label", "area", "centroid", "axis_major_length", "mean_intensity"),
    )
    for place, label in enumerate(told["label"]):
        row = found.iloc[label - 1]
        assert row["Measure_Nucleus_Area_px2"] == told["area"][place]
        assert row["Measure_Nucleus_DNA_Mean"] == pytest.approx(told["mean_intensity"][place])
        # scikit-image takes a pixel for a point, we for a square.
        assert row["Measure_Nucleus_MajorAxis_px"] == pytest.approx(
            np.sqrt(told["axis_major_length"][place] ** 2 + 16 / 12)
        )
        assert centres(labels)[label - 1].tolist() == pytest.approx(
            [told["centroid-0"][place], told["centroid-1"][place]]
        )
