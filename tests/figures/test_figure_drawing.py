from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from phenovae.figures import confusion, crops, curves, latents, scores
from phenovae.figures.drawing import name_text, to_bytes
from phenovae.figures.maps import Ground, group_map
from phenovae.figures.planes import principal_plane

HOSTILE = (
    "<script>alert(1)</script>",
    "mevinolin/lovastatin",
    "$\\notacommand{$",
    "$x_1$ & \"quotes\" 'too'",
    "_begins_with_an_underscore",
    "α-amanitin µM",
    "名前 🧫",
    "two\nlines\tand\x00a zero -- here",
    "very long " * 30,
)


def plane(count: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, 2))


def a_map() -> Figure:
    return group_map(Ground(plane(len(HOSTILE)), ("one", "two")), HOSTILE, "mechanism")


def a_confusion() -> Figure:
    counts = np.eye(len(HOSTILE), dtype=int)
    return confusion.confusion_matrix(pd.DataFrame(counts, index=HOSTILE, columns=HOSTILE))


def some_curves() -> Figure:
    history = pd.DataFrame({"epoch": [1, 2], "train_elbo": [-5.0, 3.0], "train_kl": [1.0, 2.0]})
    for number, name in enumerate(HOSTILE):
        history[f"sigma_{name}"] = 0.1 * number
    return curves.training_curves(history, 2)


def some_scores() -> Figure:
    records = [
        {"features": name, "protocol": name, "version": 1, "metric": "NSC", "value": 0.5,
         "low": 0.25, "high": 0.75, "null_mean": 0.1}
        for name in HOSTILE
    ]  # fmt: skip
    return scores.score_intervals(records)


def some_crops() -> Figure:
    images = np.random.default_rng(2).random((2, len(HOSTILE), 8, 8))
    return crops.reconstructions(images, images, HOSTILE)


DRAWN: list[Callable[[], Figure]] = [a_map, a_confusion, some_curves, some_scores, some_crops]


def texts(figure: Figure) -> list[str]:
    return [found.get_text() for found in figure.findobj(Text)]


@pytest.mark.parametrize("draw", DRAWN)
def test_hostile_names_are_drawn_as_they_are(draw: Callable[[], Figure]) -> None:
    figure = draw()
    data = to_bytes(figure, "svg")
    assert b"<script" not in data
    shown = "\n".join(texts(figure))
    for name in ("$\\notacommand{$", "mevinolin/lovastatin", "_begins_with_an_underscore"):
        # A name that stands among others may be shortened; its beginning still shows.
        assert name[:9] in shown
    assert not any(found.get_parse_math() for found in figure.findobj(Text))


def test_names_in_keys_and_at_axes_are_whole_where_they_fit() -> None:
    for figure in (a_map(), a_confusion()):
        shown = texts(figure)
        for name in HOSTILE[1:7]:
            assert name in shown


@pytest.mark.parametrize("draw", DRAWN)
def test_equal_figures_have_equal_bytes(draw: Callable[[], Figure]) -> None:
    kind: Literal["svg", "png"] = "png" if draw is some_crops else "svg"
    first, second = (to_bytes(draw(), kind) for _ in range(2))
    assert first == second


def test_figures_are_not_kept_and_leave_the_style_of_others_alone() -> None:
    before = dict(mpl.rcParams)
    with mpl.rc_context({"axes.facecolor": "black", "font.size": 33.0}):
        styled = to_bytes(a_map(), "svg")
        assert mpl.rcParams["font.size"] == 33.0
    assert styled == to_bytes(a_map(), "svg")
    assert dict(mpl.rcParams) == before
    gc.collect()
    assert not [thing for thing in gc.get_objects() if type(thing) is Figure]
    from matplotlib import _pylab_helpers

    assert not _pylab_helpers.Gcf.figs


def test_long_names_lose_their_middle() -> None:
    name = name_text("beginning " + "x" * 80 + " the end", 20)
    assert len(name) <= 20
    assert name.startswith("beginning")
    assert name.endswith("end")
    assert name_text("short") == "short"
    assert name_text(" a\n\tb\x07 ") == "a b"


def test_sigma_at_its_bound_is_no_channel() -> None:
    history = pd.DataFrame(
        {"epoch": [1, 2], "sigma_DAPI": [0.5, 0.1], "sigma_at_bound": [0, 1], "train_elbo": [1, 2]}
    )
    figure = curves.training_curves(history)
    assert "σ DAPI" in texts(figure)
    assert not [text for text in texts(figure) if "bound" in text]


def test_a_history_without_columns_says_so() -> None:
    figure = curves.training_curves(pd.DataFrame({"epoch": [1]}))
    assert texts(figure).count("not recorded") == 3
    to_bytes(figure, "svg")


def test_a_first_epoch_far_below_does_not_flatten_the_others() -> None:
    elbo = [-1e6, *np.linspace(100, 200, 9)]
    figure = curves.training_curves(pd.DataFrame({"epoch": range(1, 11), "train_elbo": elbo}))
    assert figure.axes[0].get_ylim()[0] > -1000
    assert any("starts at −1,000,000" in text for text in texts(figure))


def test_active_dimensions_are_counted_and_stand_in_the_order_of_their_kl() -> None:
    figure = latents.latent_usage([0.1, 3.0, 0.0], [True, True, False])
    assert {"2 active", "1 idle"} <= set(texts(figure))
    to_bytes(latents.latent_usage([0.0], [False]), "svg")


def test_scores_without_a_value_are_left_out() -> None:
    records = [
        {"features": "model", "protocol": "p", "version": 1, "metric": metric, "value": value,
         "low": None, "high": None}
        for metric, value in (("NSC", 0.4), ("NSCB", None))
    ]  # fmt: skip
    shown = texts(scores.score_intervals(records))
    assert "NSC, model" in shown
    assert "NSCB, model" not in shown


def test_the_plane_does_not_hang_on_signs_and_copes_with_one_dimension() -> None:
    values = np.random.default_rng(3).normal(size=(6, 4))
    plane_, shares = principal_plane(values)
    assert plane_.shape == (6, 2)
    assert 1 >= shares[0] >= shares[1] >= 0
    flat, shares = principal_plane(np.ones((4, 1)))
    assert flat.shape == (4, 2)
    assert not flat.any()
    assert np.isfinite(shares).all()


def test_many_groups_get_a_key_of_several_columns() -> None:
    names = [f"batch {n}" for n in range(45)]
    figure = group_map(Ground(plane(45), ("a", "b")), names, "batch")
    assert figure.get_size_inches()[0] > 10
    assert set(names) <= set(texts(figure))
    to_bytes(figure, "svg")
