from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from tests.images.drawn import discs

from phenovae.images.segmentation.regions import moments_of
from phenovae.images.segmentation.tree import choose, ellipse_fill, grow_tree, paint

Floats = npt.NDArray[np.float32]


@given(arrays(np.float32, (7, 9), elements=st.integers(0, 5).map(float)))
def test_nodes_are_the_components_above_every_level(image: Floats) -> None:
    levels = np.asarray([0.5, 1.5, 2.5, 3.5])
    tree = grow_tree(image, levels)
    for level, here in zip(levels, tree.rising(), strict=True):
        labels, count = ndimage.label(image > level)
        assert here.stop - here.start == count
        assert sorted(tree.moments[here, 0]) == sorted(np.bincount(labels.ravel())[1:])
        chosen = np.zeros(len(tree), bool)
        chosen[here] = True
        painted = paint(tree, chosen)
        np.testing.assert_array_equal(painted > 0, image > level)
        for k, node in enumerate(range(here.start, here.stop), 1):
            mean = image[painted == k].mean() - level
            np.testing.assert_allclose(tree.height[node], mean, rtol=1e-5)


@given(arrays(np.float32, (7, 9), elements=st.integers(0, 5).map(float)), st.integers(0, 99))
def test_chosen_nodes_are_disjoint_and_worth_most(image: Floats, seed: int) -> None:
    tree = grow_tree(image, np.asarray([0.5, 2.5, 4.5]))
    score = np.random.default_rng(seed).random(len(tree))
    chosen = choose(tree, score)
    total = np.bincount(paint(tree, chosen).ravel()[paint(tree, chosen).ravel() > 0])
    assert total.sum() == tree.moments[chosen, 0].sum()
    for here in tree.rising():
        assert score[chosen].sum() >= score[here][tree.parent[here] < 0].sum() - 1e-9


def test_two_peaks_on_one_foot_are_two_or_one_by_their_scores() -> None:
    image = np.asarray([[0, 1, 3, 1, 3, 1, 0]], np.float32)
    tree = grow_tree(image, np.asarray([0.5, 2.0]))
    assert tree.parent.tolist() == [-1, 0, 0]
    assert choose(tree, np.asarray([1.5, 1.0, 1.0])).tolist() == [False, True, True]
    assert choose(tree, np.asarray([2.5, 1.0, 1.0])).tolist() == [True, False, False]


def test_a_disc_fills_its_ellipse_and_two_that_touch_do_not() -> None:
    disc = ellipse_fill(moments_of(discs((60, 60), [(30, 30, 14)]), 1)[1:])
    pair = ellipse_fill(moments_of((discs((60, 90), [(30, 30, 14), (30, 58, 14)]) > 0) * 1, 1)[1:])
    assert abs(disc[0] - 1) < 0.01
    assert abs(pair[0] - 0.89) < 0.01
