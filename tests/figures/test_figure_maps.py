"""Maps of points and plates: what is drawn, what the key says, and names as they are."""

from __future__ import annotations

import sys
from unittest import mock

import numpy as np
import pytest
from matplotlib.collections import Collection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from phenovae.base.errors import InputError, MissingExtraError
from phenovae.figures.drawing import to_bytes
from phenovae.figures.maps import Ground, group_map, measure_map, scale_of
from phenovae.figures.planes import principal_plane, tsne_plane, umap_plane
from phenovae.figures.plates import Plate, plate_format, plate_maps
from phenovae.screen.wells import well_name

AXES = ("component 1 (no unit)", "component 2 (no unit)")


def ground(count: int) -> Ground:
    """Random points."""
    return Ground(np.random.default_rng(0).normal(size=(count, 2)), AXES)


def key_of(figure: Figure) -> list[str]:
    """The words of a figure's key."""
    return [text.get_text() for text in figure.legends[0].get_texts()]


def offsets(collection: Collection) -> int:
    """How many points a collection of marks has."""
    return len(np.asarray(collection.get_offsets()))


def points_of(figure: Figure) -> int:
    """How many points a figure shows."""
    return sum(offsets(each) for each in figure.axes[0].collections)


def test_every_point_is_drawn_once_and_every_group_is_in_the_key() -> None:
    names = ["DNA damage", "_hidden", "a $x$", "negative control"] * 250
    figure = group_map(ground(1000), names, "mechanism", faint=("negative control",))
    assert points_of(figure) == 1000
    assert set(key_of(figure)) == set(names)
    assert key_of(figure)[-1] == "negative control"
    for kind in ("png", "svg", "pdf"):
        assert len(to_bytes(figure, kind, 50)) > 1000


def test_faint_groups_lie_beneath_the_others() -> None:
    figure = group_map(ground(4), ["b", "grey", "a", "grey"], "what", faint=("grey",))
    first = figure.axes[0].collections[0]
    assert offsets(first) == 2
    assert key_of(figure) == ["a", "b", "grey"]


def test_more_groups_than_can_be_told_apart_become_one() -> None:
    names = [f"compound {n}" for n in range(70)] + ["compound 3"]
    figure = group_map(ground(71), names, "compound")
    assert points_of(figure) == 71
    assert len(key_of(figure)) == 61
    assert key_of(figure)[-1] == "10 more"
    assert "compound 3" in key_of(figure)


def test_a_measure_has_a_bar_with_its_unit_and_points_without_a_value_are_grey() -> None:
    values = np.arange(100.0)
    values[:7] = np.nan
    figure = measure_map(ground(100), values, "nucleus area [µm²]")
    assert points_of(figure) == 100
    assert offsets(figure.axes[0].collections[0]) == 7
    assert figure.axes[1].get_ylabel() == "nucleus area [µm²]"
    nothing = measure_map(ground(3), np.full(3, np.nan), "nothing [no unit]")
    assert points_of(nothing) == 3
    assert len(nothing.axes) == 1


def test_doses_are_coloured_by_their_logarithm_and_controls_have_none() -> None:
    doses = np.array([0.0, 0.1, 1.0, 10.0])
    figure = measure_map(ground(4), doses, "concentration [µM]", logarithmic=True)
    grey, coloured = figure.axes[0].collections
    assert (offsets(grey), offsets(coloured)) == (1, 3)
    assert isinstance(coloured.norm, LogNorm)
    figure.canvas.draw()
    labels = [text.get_text() for text in figure.axes[1].get_yticklabels()]
    assert "1" in labels
    assert not any("$" in label for label in labels)


def test_the_scale_of_colours_is_not_set_by_a_single_value() -> None:
    norm, extend = scale_of(np.append(np.linspace(0, 1, 1000), 1e9))
    assert norm.vmax is not None
    assert norm.vmax < 1.01
    assert extend in ("max", "both")
    alone, extend = scale_of(np.array([5.0, 5.0]))
    assert (alone.vmin, alone.vmax, extend) == (4.5, 5.5, "neither")


def test_the_usual_plate_that_has_all_wells_is_found() -> None:
    assert plate_format(["A01", "B03"]) == (2, 3)
    assert plate_format(["B02", "G11"]) == (8, 12)
    assert plate_format(["A13"]) == (16, 24)
    assert plate_format(["AF48"]) == (32, 48)
    assert plate_format([]) == (2, 3)
    with pytest.raises(InputError, match="no name of a well"):
        plate_format(["7"])


def plate(name: str, wells: list[str], values: list[float]) -> Plate:
    """A plate whose first well is a control."""
    controls = np.arange(len(wells)) == 0
    return Plate(name, tuple(wells), np.array(values), controls)


def test_wells_lie_where_they_are_on_the_plate_and_share_one_scale() -> None:
    plates = [
        plate("Week1 $p$", ["B02", "C03", "H12"], [1.0, 2.0, np.nan]),
        plate("Week2", ["B02"], [3.0]),
    ]
    figure = plate_maps(plates, "cells [count]")
    first, second = figure.axes[:2]
    assert first.get_title(loc="left") == "Week1 $p$"
    picture, other = (np.asarray(axes.images[0].get_array()) for axes in (first, second))
    assert picture.shape == other.shape == (8, 12, 4)
    empty = picture[0, 0]
    changed = np.argwhere((np.abs(picture - empty) > 1e-6).any(axis=2)).tolist()
    assert changed == [[1, 1], [2, 2], [7, 11]]
    np.testing.assert_allclose(picture[7, 11], 1.0)
    # The darkest and the brightest colour are on different plates.
    assert other[1, 1, :3].sum() > picture[2, 2, :3].sum() > picture[1, 1, :3].sum()
    assert [text.get_text() for text in first.get_yticklabels()] == list("ABCDEFGH")
    assert figure.axes[-1].get_ylabel() == "cells [count]"
    told = figure.get_supxlabel()
    assert "× no value" in told
    assert "negative control" in told


def test_plates_of_all_formats_and_without_any_value_are_drawn() -> None:
    for rows, columns in ((2, 3), (16, 24), (32, 48)):
        wells = [well_name(row, column) for row in range(rows) for column in range(columns)]
        figure = plate_maps([plate("p", wells, list(map(float, range(len(wells)))))], "x [y]")
        figure.canvas.draw()
    figure = plate_maps([plate("p", ["A01"], [np.nan])], "x [y]")
    assert len(figure.axes) == 1


def test_principal_components_are_those_of_the_rows_as_they_are_or_of_their_directions() -> None:
    random = np.random.default_rng(1)
    values = np.column_stack([10 * random.normal(size=50), random.normal(size=50), np.zeros(50)])
    plane, shares = principal_plane(values, unit=False)
    np.testing.assert_allclose(np.abs(np.corrcoef(plane[:, 0], values[:, 0])[0, 1]), 1, atol=0.01)
    assert shares[0] > 0.95
    assert sum(shares) == pytest.approx(1)
    scaled, _ = principal_plane(values * np.arange(1, 51)[:, None])
    unscaled, _ = principal_plane(values)
    np.testing.assert_allclose(scaled, unscaled, atol=1e-9)


def test_tsne_keeps_far_clusters_apart_and_is_the_same_every_time() -> None:
    random = np.random.default_rng(2)
    values = np.concatenate(
        [random.normal(0, 0.05, (15, 4)) + corner for corner in (np.eye(4)[0], np.eye(4)[1])]
    )
    plane = tsne_plane(values, 3)
    np.testing.assert_array_equal(plane, tsne_plane(values, 3))
    middles = plane[:15].mean(axis=0), plane[15:].mean(axis=0)
    spread = np.linalg.norm(plane[:15] - middles[0], axis=1).max()
    assert np.linalg.norm(middles[0] - middles[1]) > spread
    assert tsne_plane(values[:3], 0).shape == (3, 2)


def test_umap_says_which_extra_brings_it() -> None:
    with (
        mock.patch.dict(sys.modules, {"umap": None}),
        pytest.raises(MissingExtraError, match="umap"),
    ):
        umap_plane(np.zeros((9, 3)), 0)
