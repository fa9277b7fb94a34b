from __future__ import annotations

import io

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib.colors import to_rgb

from phenovae.figures.drawing import to_bytes
from phenovae.figures.overlays import KEPT, LEFT_OUT, outlines, overlay, overlay_of

Labels = npt.NDArray[np.int32]


def square(side: int = 40) -> Labels:
    """Nucleus 1 of 8 × 8 px at (4, 4), nucleus 2 at (20, 20)."""
    labels = np.zeros((side, side), np.int32)
    labels[4:12, 4:12] = 1
    labels[20:28, 20:28] = 2
    return labels


def dark(shape: tuple[int, int]) -> dict[str, npt.NDArray[np.uint16]]:
    return {"DAPI": np.arange(shape[0] * shape[1], dtype=np.uint16).reshape(shape)}


def test_the_outline_of_a_square_is_its_rim() -> None:
    labels = np.zeros((9, 9), np.int32)
    labels[2:7, 2:7] = 3
    assert outlines(labels, 1).sum() == 16
    assert outlines(labels, 2).sum() == 24
    assert not outlines(labels, 1)[3:6, 3:6].any()


def test_where_an_object_meets_the_border_there_is_no_outline() -> None:
    labels = np.ones((6, 6), np.int32)
    assert not outlines(labels, 2).any()
    labels[:, 3:] = 2
    assert outlines(labels, 1).sum() == 12


@given(
    arrays(np.int32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 4)),
    st.integers(1, 5),
)
def test_outlines_lie_in_objects_beside_what_is_not_of_them(labels: Labels, thick: int) -> None:
    rim = outlines(labels, thick)
    assert rim.shape == labels.shape
    for row, column in zip(*np.nonzero(rim), strict=True):
        label = labels[row, column]
        assert label > 0
        across = labels[row, max(column - thick, 0) : column + thick + 1]
        down = labels[max(row - thick, 0) : row + thick + 1, column]
        assert (across != label).any() or (down != label).any()
    assert (outlines(labels, thick + 1) >= rim).all()


def test_kept_nuclei_are_told_from_those_left_out() -> None:
    found = overlay_of(dark((40, 40)), ["DAPI"], square(), None, {1}, side=40)
    assert found.image.shape == (1, 40, 40)
    assert found.kept.shape == (80, 80)
    assert found.kept[8:24, 8:24].any()
    assert not found.kept[40:, 40:].any()
    assert found.left_out[40:56, 40:56].any()
    assert not found.left_out[:40, :40].any()
    assert not found.bodies.any()
    drawn = mpl.image.imread(io.BytesIO(to_bytes(overlay(found, ["DAPI"]), "png")))
    assert drawn.shape[:2] == (80, 80)
    assert drawn[8, 8, :3] == pytest.approx(to_rgb(KEPT), abs=0.01)
    assert drawn[40, 40, :3] == pytest.approx(to_rgb(LEFT_OUT), abs=0.01)


def test_bodies_are_drawn_around_nuclei_and_below_them() -> None:
    bodies = np.where(np.arange(40)[:, None] < 16, 1, 0) * np.ones((40, 40), np.int32)
    found = overlay_of(dark((40, 40)), ["DAPI"], square(), bodies, {1, 2}, side=40)
    assert found.bodies[31].all()
    assert not found.bodies[32:].any()


@pytest.mark.parametrize(
    ("shape", "image", "finer"),
    [
        ((1024, 1280), (512, 640), 2),
        ((2160, 2160), (540, 540), 2),
        ((256, 256), (256, 256), 5),
        ((7, 1500), (2, 500), 2),
    ],
)
def test_any_field_becomes_a_picture_of_the_reports_width(
    shape: tuple[int, int], image: tuple[int, int], finer: int
) -> None:
    labels = np.zeros(shape, np.int32)
    found = overlay_of(dark(shape), ["DAPI", "Actin"], labels, labels, set())
    assert found.image.shape == (2, *image)
    assert found.kept.shape == (finer * image[0], finer * image[1])
    assert found.kept.shape[1] <= 1280
    assert not found.image[1].any()


def test_labels_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in size"):
        overlay_of(dark((40, 40)), ["DAPI"], square(41), None, {1})
    with pytest.raises(ValueError, match="differ in size"):
        overlay_of(dark((40, 40)), ["DAPI"], square(), square(39), {1})
    with pytest.raises(ValueError, match="without an image"):
        overlay_of({}, ["DAPI"], square(), None, {1})
