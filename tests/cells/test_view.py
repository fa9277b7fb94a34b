from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.transform import resize as skimage_resize
from tests.cells.made import cell_table, make_store

from phenovae.base.errors import InputError, UsageError
from phenovae.cells.resize import resampling_matrix, resize
from phenovae.cells.scales import Scale
from phenovae.cells.view import View, ViewOptions, fit_view

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


class Shown:
    """Crops in memory with a table, as a view needs them."""

    def __init__(self, pixels: Pixels, table: pd.DataFrame) -> None:
        self.pixels = pixels
        self.table = table.assign(Quality_Flag="")
        self.channels = tuple(f"C{number}" for number in range(pixels.shape[1]))
        self.crop_size = (int(pixels.shape[2]), int(pixels.shape[3]))

    def read(self, rows: npt.ArrayLike) -> Pixels:
        read: Pixels = self.pixels[np.asarray(rows)]
        return read


def options(**given: object) -> ViewOptions:
    return ViewOptions.model_validate({"size": 8, "controls": 0, **given})


def shown(controls: int = 4, treated: int = 4, plates: int = 2) -> Shown:
    """On each plate controls of levels 100 to 163 and treated cells of a thousandfold brightness.

    The second plate is ten grey levels brighter.
    """
    pixels, tables = [], []
    for plate in range(plates):
        each = np.arange(100, 164, dtype=np.uint16).reshape(1, 1, 8, 8) + 10 * plate
        both = np.concatenate([each, 2 * each], axis=1)
        pixels += [np.repeat(both, controls, 0), np.repeat(both * 100, treated, 0)]
        for count, role in ((controls, "negative_control"), (treated, "treatment")):
            tables.append(
                cell_table(
                    count,
                    Metadata_Plate=f"P{plate}",
                    Metadata_Batch="Week1",
                    Metadata_Role=role,
                )
            )
    return Shown(np.concatenate(pixels).astype(np.uint16), pd.concat(tables, ignore_index=True))


def test_plate_scales_are_percentiles_of_that_plates_controls() -> None:
    store = shown()
    view = fit_view(store, np.arange(16), options(), 0)
    # levels 100..163, four times: the q-th percentile lies within them as in one crop of 64 levels
    levels = np.repeat(np.arange(100, 164), 4)
    low, unit = np.percentile(levels, (0.5, 99.5))
    assert view.scales["P0"].low == pytest.approx((low, 2 * low))
    assert view.scales["P0"].high == pytest.approx(
        (low + 3 * (unit - low), 2 * (low + 3 * (unit - low)))
    )
    assert view.scales["P1"].low == pytest.approx((low + 10, 2 * (low + 10)))
    assert view.scales["P0"].source == "4 controls of the plate, 8 of Week1, 8 controls in all"


def test_what_is_shown_follows_from_the_scale_by_hand() -> None:
    view = View(options(), ("C0",), {"P": Scale((100.0,), (300.0,), "by hand")})
    crop = np.full((1, 1, 8, 8), 150, np.uint16)
    crop[0, 0, 0] = [0, 99, 100, 101, 200, 300, 301, 65535]
    assert view.apply(crop, ["P"])[0, 0, 0] == pytest.approx([0, 0, 0, 0.005, 0.5, 1, 1, 1])
    soft = View(options(gamma=0.5), ("C0",), view.scales).apply(crop, ["P"])
    assert soft[0, 0, 0] == pytest.approx([0, 0, 0, 0.005**0.5, 0.5**0.5, 1, 1, 1])


def test_treated_cells_do_not_touch_the_scales() -> None:
    store, other = shown(), shown()
    treated = (other.table["Metadata_Role"] == "treatment").to_numpy()
    other.pixels[treated] = 65_535
    fitted = [fit_view(each, np.arange(16), options(), 0) for each in (store, other)]
    assert fitted[0] == fitted[1]
    other.pixels[~treated] += 1
    assert fit_view(other, np.arange(16), options(), 0) != fitted[0]


def test_cells_that_are_not_to_train_on_do_not_touch_the_scales() -> None:
    store, other = shown(), shown()
    other.pixels[3] = 0
    rows = [row for row in range(16) if row != 3]
    assert fit_view(store, rows, options(), 0) == fit_view(other, rows, options(), 0)


def test_the_same_seed_samples_the_same_of_many_controls() -> None:
    random = np.random.default_rng(0)
    store = Shown(random.integers(0, 60_000, (900, 1, 8, 8)).astype(np.uint16), cell_table(900))
    views = [fit_view(store, np.arange(900), options(), seed) for seed in (0, 0, 1)]
    assert views[0] == views[1]
    assert views[0] != views[2]


def flat(level: int, top: int, count: int) -> npt.NDArray[np.uint16]:
    """Crops of one channel, half at one level and half at another."""
    crop = np.full((count, 1, 8, 8), level, np.uint16)
    crop[..., 4:] = top
    return crop


def test_few_controls_lean_on_their_batch_and_the_batch_on_all_controls() -> None:
    tables = [
        cell_table(2, Metadata_Plate="own", Metadata_Batch="Week1"),
        cell_table(1, Metadata_Plate="none", Metadata_Batch="Week1", Metadata_Role="treatment"),
        cell_table(4, Metadata_Plate="far", Metadata_Batch="Week2"),
    ]
    pixels = np.concatenate([flat(100, 500, 2), flat(9_000, 60_000, 1), flat(200, 300, 4)])
    store = Shown(pixels, pd.concat(tables, ignore_index=True))
    fitted = fit_view(store, np.arange(7), options(controls=2, headroom=1), 0).scales
    # all six controls: lowest 100, brightest 500. Week2 has four cells of its own against two
    far_low, far_span = (4 * 200 + 2 * 100) / 6, np.exp((4 * np.log(100) + 2 * np.log(400)) / 6)
    assert fitted["none"].low == pytest.approx((100.0,))
    assert fitted["none"].high == pytest.approx((500.0,))
    # the plate's own four against two of its batch, which leaned before
    low = (4 * 200 + 2 * far_low) / 6
    span = np.exp((4 * np.log(100) + 2 * np.log(far_span)) / 6)
    assert fitted["far"].low == pytest.approx((low,))
    assert fitted["far"].high == pytest.approx((low + span,))
    assert fitted["none"].source == "0 controls of the plate, 2 of Week1, 6 controls in all"


def test_with_too_few_controls_in_all_every_cell_is_taken_and_that_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tables = [
        cell_table(2, Metadata_Plate="own", Metadata_Batch="Week1"),
        cell_table(4, Metadata_Plate="far", Metadata_Batch="Week2", Metadata_Role="treatment"),
    ]
    pixels = np.concatenate([flat(100, 500, 2), flat(50, 900, 4)])
    store = Shown(pixels, pd.concat(tables, ignore_index=True))
    with caplog.at_level(logging.WARNING):
        fitted = fit_view(store, np.arange(6), options(controls=3, headroom=1), 0).scales
    assert fitted["far"].low == (50.0,)
    assert fitted["far"].high == (900.0,)
    assert 50 < fitted["own"].low[0] < 100
    assert "2 of 2 plates have fewer than 3 control cells" in caplog.text
    assert "so few that all cells were taken" in caplog.text


def test_without_a_cell_there_is_no_view() -> None:
    with pytest.raises(InputError, match="no cell to fit the view on"):
        fit_view(shown(), [], options(), 0)


def test_each_cell_by_itself_is_scaled_to_its_own_brightest_pixel() -> None:
    crops = np.zeros((2, 2, 8, 8), np.uint16)
    crops[0, 0, 0, :3] = [10, 20, 40]
    crops[0, 1] = 7
    crops[1, 0] = 100
    crops[1, 0, 0, 0] = 300
    brightest = fit_view(Shown(crops, cell_table(2)), [0], options(normalise="cell-max"), 0)
    assert brightest.scales == {}
    seen = brightest.apply(crops, ["any", "plate"])
    assert seen[0, 0, 0, :4] == pytest.approx([0.25, 0.5, 1, 0])
    assert (seen[0, 1] == 1).all()
    assert (seen[1, 1] == 0).all()  # black stays black
    assert seen[1, 0, 0, :2] == pytest.approx([1, 1 / 3])
    between = View(options(normalise="cell-minmax"), ("C0", "C1"), {}).apply(crops, ["a", "b"])
    assert between[1, 0, 0, :2] == pytest.approx([1, 0])
    assert (between[0, 1] == 0).all()  # constant: nothing stands out


@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 65_535)])
def test_without_normalisation_the_range_of_the_dtype_is_shown(
    dtype: type[np.generic], top: int
) -> None:
    crops = np.full((1, 1, 8, 8), top).astype(dtype)
    crops[0, 0, 0, 0] = 51
    seen = View(options(normalise="none"), ("C0",), {}).apply(crops, ["P"])
    assert seen[0, 0, 0, :2] == pytest.approx([51 / top, 1])


@settings(max_examples=80, deadline=None)
@given(
    crops=st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(8, 13)).flatmap(
        lambda s: st.one_of(
            arrays(np.uint16, (s[0], s[1], s[2], s[2]), elements=st.integers(0, 65535)),
            arrays(np.uint8, (s[0], s[1], s[2], s[2]), elements=st.integers(0, 255)),
        )
    ),
    normalise=st.sampled_from(["plate", "cell-max", "cell-minmax", "none"]),
    fit=st.sampled_from(["resize", "crop"]),
    gamma=st.sampled_from([0.5, 1.0, 2.0]),
)
def test_every_view_shows_float32_between_0_and_1_and_leaves_the_crops_alone(
    crops: Pixels, normalise: str, fit: str, gamma: float
) -> None:
    asked = options(normalise=normalise, fit=fit, gamma=gamma)
    view = fit_view(Shown(crops, cell_table(len(crops))), np.arange(len(crops)), asked, 0)
    before = crops.copy()
    seen = view.apply(crops, ["Week1_00001"] * len(crops))
    assert seen.shape == (*crops.shape[:2], 8, 8)
    assert seen.dtype == np.float32
    assert np.isfinite(seen).all()
    assert seen.min() >= 0
    assert seen.max() <= 1
    assert np.array_equal(crops, before)


@settings(max_examples=60, deadline=None)
@given(crops=arrays(np.uint16, (3, 2, 9, 9), elements=st.integers(0, 65535)))
def test_a_crop_looks_the_same_alone_and_in_a_batch(crops: npt.NDArray[np.uint16]) -> None:
    scales = {"P": Scale((10.0, 0.0), (500.0, 900.0), ""), "Q": Scale((0.0, 5.0), (9.0, 99.0), "")}
    view = View(options(), ("C0", "C1"), scales)
    together = view.apply(crops, ["P", "Q", "P"])
    alone = [view.apply(crops[[n]], [plate])[0] for n, plate in enumerate("PQP")]
    assert together == pytest.approx(np.stack(alone), abs=1e-6)


def test_crops_and_plates_that_the_view_does_not_know_are_refused() -> None:
    view = fit_view(shown(), np.arange(16), options(), 0)
    crops = np.zeros((1, 2, 8, 8), np.uint16)
    with pytest.raises(InputError, match="no scale for plate P9"):
        view.apply(crops, ["P9"])
    with pytest.raises(InputError, match="crops have 1 channels, the view 2: C0, C1"):
        view.apply(crops[:, :1], ["P0"])
    with pytest.raises(InputError, match="1 crops came with 2 plates"):
        view.apply(crops, ["P0", "P1"])


def test_a_view_learns_the_plates_of_another_store_and_keeps_its_own() -> None:
    view = fit_view(shown(plates=1), np.arange(8), options(), 0)
    brighter = shown(plates=2)
    brighter.pixels += 50
    wider = view.extended(brighter, 0)
    assert wider.scales["P0"] == view.scales["P0"]
    assert wider.scales["P1"].low[0] == pytest.approx(view.scales["P0"].low[0] + 60)
    assert wider.extended(brighter, 0) is wider
    assert View(options(normalise="none"), ("C0", "C1"), {}).extended(brighter, 0).scales == {}
    other = shown(plates=2)
    other.channels = ("C0", "X")
    with pytest.raises(InputError, match="channels C0, X, the view C0, C1"):
        view.extended(other, 0)


def test_flagged_cells_do_not_touch_the_scales_of_another_store() -> None:
    view = fit_view(shown(plates=1), np.arange(8), options(), 0)
    store = shown(plates=2)
    store.pixels[8] = 60_000
    store.table.loc[8, "Quality_Flag"] = "noise"
    clean = shown(plates=2)
    clean.table.loc[8, "Quality_Flag"] = "noise"
    assert view.extended(store, 0) == view.extended(clean, 0)


def test_the_centre_is_cut_out_as_it_is() -> None:
    crop = np.arange(100, dtype=np.uint16).reshape(1, 1, 10, 10)
    view = View(options(fit="crop", normalise="none"), ("C0",), {})
    assert np.rint(view.apply(crop, ["P"])[0, 0] * 65535).tolist() == crop[0, 0, 1:9, 1:9].tolist()
    odd = np.arange(9 * 11, dtype=np.uint16).reshape(1, 1, 9, 11)
    assert np.rint(view.apply(odd, ["P"])[0, 0] * 65535).tolist() == odd[0, 0, :8, 1:9].tolist()


def test_a_view_larger_than_the_crops_cannot_be_cut_from_them() -> None:
    asked = options(fit="crop", size=9, normalise="none")
    with pytest.raises(UsageError, match="9 px cannot be cut from crops of 8 × 8 px") as caught:
        fit_view(shown(), np.arange(16), asked, 0)
    assert "view.fit to resize" in str(caught.value)
    with pytest.raises(UsageError, match="cannot be cut"):
        View(asked, ("C0",), {}).apply(np.zeros((1, 1, 8, 8), np.uint16), ["P"])


def test_a_view_comes_back_from_its_json() -> None:
    for asked in (options(), options(normalise="cell-max", gamma=0.5, fit="crop")):
        view = fit_view(shown(), np.arange(16), asked, 0)
        assert View.from_json(json.loads(json.dumps(view.to_json()))) == view


@pytest.mark.parametrize(
    "change",
    [
        {"scales": None},
        {"channels": "DAPI"},
        {"options": None},
        {"options": {"size": "large"}},
        {"options": {"colour": "red"}},
        {"scales": {"P": {"low": [1.0, 2.0]}}},
        {"scales": {"P": {"low": [1.0], "high": [2.0], "source": ""}}},
        {"scales": {"P": {"low": [1.0, "x"], "high": [2.0, 3.0], "source": ""}}},
        {"scales": {"P": 3}},
    ],
)
def test_a_damaged_record_of_a_view_is_refused(change: dict[str, object]) -> None:
    told = fit_view(shown(), np.arange(16), options(), 0).to_json()
    with pytest.raises(InputError, match="the recorded view is damaged"):
        View.from_json({**told, **change})
    with pytest.raises(InputError, match="the recorded view is damaged"):
        View.from_json({})


def test_a_view_is_fitted_on_a_store_as_on_crops_in_memory(tmp_path: Path) -> None:
    memory = shown(plates=1)
    store = make_store(tmp_path / "s", [(memory.pixels, memory.table)], ("C0", "C1"))
    asked = options()
    assert fit_view(store, np.arange(8), asked, 0) == fit_view(memory, np.arange(8), asked, 0)


# --- resizing


@settings(max_examples=50, deadline=None)
@given(source=st.integers(1, 100), target=st.integers(1, 100))
def test_the_weights_of_every_new_pixel_sum_to_1(source: int, target: int) -> None:
    matrix = resampling_matrix(source, target)
    assert matrix.shape == (target, source)
    assert (matrix >= 0).all()
    assert matrix.sum(axis=1) == pytest.approx(np.ones(target), abs=1e-5)
    assert matrix == pytest.approx(matrix[::-1, ::-1], abs=1e-6)  # neither side is favoured


def test_weights_by_hand() -> None:
    assert resampling_matrix(3, 3).tolist() == np.eye(3).tolist()
    # pixels 0..3 into two: centres at 1 and 3, a triangle that reaches two pixels to each side
    assert resampling_matrix(4, 2) == pytest.approx(
        np.array([[0.75, 0.75, 0.25, 0], [0, 0.25, 0.75, 0.75]]) / 1.75
    )
    # two into four: new centres at 0.25, 0.75, 1.25 and 1.75 of the old
    assert resampling_matrix(2, 4) == pytest.approx(
        np.array([[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
    )


@settings(deadline=None)
@given(
    image=arrays(np.float32, (7, 11), elements=st.floats(0, 1000, width=32)),
    size=st.integers(1, 24),
)
def test_resizing_stays_within_the_levels_and_keeps_a_plain_image(
    image: npt.NDArray[np.float32], size: int
) -> None:
    small = resize(image, size)
    assert small.shape == (size, size)
    assert small.dtype == np.float32
    assert small.min() >= image.min() - 1e-2
    assert small.max() <= image.max() + 1e-2
    assert resize(np.full_like(image, 5), size) == pytest.approx(np.full((size, size), 5), abs=1e-4)


@pytest.mark.parametrize("size", [24, 32, 48, 64, 96])
def test_resizing_agrees_with_an_antialiased_picture_of_scikit_image(size: int) -> None:
    axis = np.arange(68) - 33.5
    disc = np.exp(-(axis[:, None] ** 2 + (axis[None, :] - 6) ** 2) / 250)
    stripes = 0.5 + 0.5 * np.sin(axis / 4)[None, :] * np.cos(axis / 5)[:, None]
    image = (1000 * disc * stripes).astype(np.float32)
    theirs = skimage_resize(  # type: ignore[no-untyped-call]
        image, (size, size), order=1, anti_aliasing=size < 68, mode="edge"
    )
    difference = np.abs(resize(image, size) - theirs)
    assert difference.mean() < 10  # of levels up to 1000
    assert difference.max() < 50


def test_detail_finer_than_a_new_pixel_is_averaged_not_folded_in() -> None:
    board = (np.indices((64, 64)).sum(0) % 2).astype(np.float32)
    assert resize(board, 16) == pytest.approx(np.full((16, 16), 0.5), abs=0.03)
