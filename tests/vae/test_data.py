from __future__ import annotations

from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenovae.base.errors import TrainingError
from phenovae.vae.data import epoch_batches, read_ahead


@settings(max_examples=50, deadline=None)
@given(count=st.integers(1, 60), batch=st.integers(1, 70), epoch=st.integers(0, 5))
def test_an_epoch_shows_each_row_at_most_once_in_full_batches(
    count: int, batch: int, epoch: int
) -> None:
    rows = np.arange(100, 100 + count)
    batches = epoch_batches(rows, None, batch, 0, epoch)
    size = min(batch, count)
    assert {len(each) for each in batches} == {size}
    assert len(batches) == count // size
    shown = np.concatenate(batches)
    assert len(set(shown.tolist())) == len(shown)
    assert set(shown.tolist()) <= set(rows.tolist())


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    rows = np.arange(50)
    first = np.concatenate(epoch_batches(rows, None, 10, 1, 2))
    assert np.array_equal(first, np.concatenate(epoch_batches(rows, None, 10, 1, 2)))
    assert not np.array_equal(first, np.concatenate(epoch_batches(rows, None, 10, 1, 3)))
    assert not np.array_equal(first, np.concatenate(epoch_batches(rows, None, 10, 2, 2)))


def test_weights_make_a_row_come_as_often_as_they_say() -> None:
    weights = np.array([0.0, 1.0, 3.0])
    shown = np.concatenate(epoch_batches(np.arange(3), weights, 3, 0, 0))
    drawn = [np.concatenate(epoch_batches(np.arange(3), weights, 3, 0, e)) for e in range(2000)]
    share = np.bincount(np.concatenate(drawn), minlength=3) / (3 * 2000)
    assert len(shown) == 3
    assert share == pytest.approx([0, 0.25, 0.75], abs=0.02)


@pytest.mark.parametrize(
    "weights", [[1.0, 1.0], [0.0, 0.0, 0.0], [1.0, np.nan, 1.0], [1.0, -1.0, 3.0]]
)
def test_weights_that_cannot_be_are_refused(weights: list[float]) -> None:
    with pytest.raises(TrainingError, match="weights do not fit"):
        epoch_batches(np.arange(3), np.array(weights), 2, 0, 0)


def test_nothing_to_train_on_is_said() -> None:
    with pytest.raises(TrainingError, match="no cell to train on"):
        epoch_batches(np.arange(0), None, 2, 0, 0)


@pytest.mark.parametrize("workers", [1, 3])
def test_reading_ahead_keeps_the_order(toy: ModuleType, workers: int) -> None:
    images = toy.ToyImages()
    batches = [np.array([5, 1]), np.array([2]), np.array([9, 8, 7]), np.array([5, 1])]
    read = list(read_ahead(images, batches, workers))
    assert [rows.tolist() for rows, _ in read] == [each.tolist() for each in batches]
    for rows, pixels in read:
        assert np.array_equal(pixels, images.pixels[rows])


def test_an_error_while_reading_ahead_reaches_the_reader(toy: ModuleType) -> None:
    class Torn(toy.ToyImages):  # type: ignore[name-defined, misc]
        def images(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
            if 3 in rows:
                raise OSError("the disk went away")
            return self.pixels[rows]  # type: ignore[no-any-return]

    reading = read_ahead(Torn(), [np.array([1]), np.array([2]), np.array([3])], 2)
    assert next(reading)[0].tolist() == [1]
    with pytest.raises(OSError, match="went away"):
        list(reading)
