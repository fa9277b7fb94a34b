from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from phenovae.images.segmentation.matching import Agreement, agreement, overlaps, pooled

Labels = npt.NDArray[np.int32]


def row(*values: int) -> Labels:
    return np.asarray([values], np.int32)


def test_overlap_is_the_common_part_of_the_union() -> None:
    ratios = overlaps(row(1, 1, 1, 0, 2), row(0, 5, 5, 5, 5)).toarray()
    assert ratios[1, 5] == 2 / 5
    assert ratios[2, 5] == 1 / 4


def test_half_an_overlap_matches_and_less_does_not() -> None:
    assert agreement(row(1, 1, 0), row(0, 1, 0)) == Agreement(1, 0, 0, 0)
    assert agreement(row(1, 1, 1), row(0, 1, 0)) == Agreement(0, 1, 1, 0)


def test_one_object_cut_in_two_halves_matches_once() -> None:
    assert agreement(row(3, 3), row(1, 2)) == Agreement(1, 0, 1, 0)


def test_a_missed_crumb_is_no_error_and_a_found_one_counts() -> None:
    truth = np.zeros((3, 40), np.int32)
    truth[0, :20], truth[1, :20], truth[2, 0] = 1, 2, 3
    found = np.where(truth == 3, 0, truth)
    assert agreement(truth, found) == Agreement(2, 0, 0, 1)
    assert agreement(truth, truth) == Agreement(3, 0, 0, 0)
    assert agreement(truth, found, crumb=0) == Agreement(2, 1, 0, 0)


def test_f1_is_pooled_over_objects_not_fields() -> None:
    both = pooled([Agreement(9, 1, 0, 0), Agreement(0, 0, 1, 2)])
    assert both == Agreement(9, 1, 1, 2)
    assert both.f1 == pytest.approx(18 / 20)
    assert pooled([]).f1 == 1


def test_images_of_other_sizes_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        agreement(row(1), row(1, 1))


small = arrays(np.int32, (6, 7), elements=st.integers(0, 4))


@given(small)
def test_labels_agree_with_themselves_under_any_names(labels: Labels) -> None:
    names = np.asarray([0, 7, 3, 9, 1])
    present = len(np.unique(labels[labels > 0]))
    assert agreement(labels, names[labels]) == Agreement(present, 0, 0, 0)


@given(small, small)
def test_every_object_is_counted_once(truth: Labels, found: Labels) -> None:
    told = agreement(truth, found)
    assert told.matched + told.missed + told.crumbs == len(np.unique(truth[truth > 0]))
    assert told.matched + told.spurious == len(np.unique(found[found > 0]))
