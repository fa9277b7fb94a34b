"""What is kept of a plate's fields: bounded, the same in any order, the same in parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenovae.base.errors import InputError
from phenovae.images.illumination_statistics import IlluminationStatistics
from phenovae.images.smoothing import block_side, block_sums, expand, surfaces

Pixels = npt.NDArray[np.uint16]


def images(count: int, seed: int = 0, shape: tuple[int, int] = (24, 32)) -> list[Pixels]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 65536, shape).astype(np.uint16) for _ in range(count)]


def gathered(fields: dict[str, Pixels], sample: int = 6) -> IlluminationStatistics:
    statistics = IlluminationStatistics(sample, 16)
    for name, field in fields.items():
        statistics.add(field, name)
    return statistics


def bytes_of(statistics: IlluminationStatistics, folder: Path) -> bytes:
    statistics.save(folder / "statistics.npz")
    return (folder / "statistics.npz").read_bytes()


@settings(max_examples=20)
@given(st.permutations(range(12)), st.integers(0, 12), st.integers(0, 12), st.integers(1, 14))
def test_parts_in_any_order_add_up_to_one_pass_to_the_byte(
    tmp_path_factory: pytest.TempPathFactory,
    order: list[int],
    first: int,
    second: int,
    sample: int,
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    fields = {f"B{number:02d} s1": image for number, image in enumerate(images(12))}
    whole = bytes_of(gathered(fields, sample), folder)
    names = list(fields)
    low, high = sorted((first, second))
    merged = IlluminationStatistics(sample, 16)
    for part in (order[:low], order[low:high], order[high:]):
        merged.merge(gathered({names[number]: fields[names[number]] for number in part}, sample))
    assert bytes_of(merged, folder) == whole


def test_memory_stays_the_same_however_many_fields_come(tmp_path: Path) -> None:
    fields = {str(number): image for number, image in enumerate(images(40))}
    statistics = gathered(fields)
    assert statistics.fields == 40
    sample = statistics.reduced()
    assert sample.values.shape == (6, 12, 16)
    assert sample.fields == 40


def test_the_sample_holds_means_of_blocks() -> None:
    image = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32)
    sample = gathered({"one": image}).reduced()
    assert (sample.side, sample.shape) == (2, (24, 32))
    assert sample.values[0, 0, 0] == (0 + 1 + 32 + 33) / 4
    assert sample.values.mean() == image.mean()


def test_statistics_come_back_from_a_file(tmp_path: Path) -> None:
    statistics = gathered({f"Week1/B02 µ {n}": image for n, image in enumerate(images(9))})
    path = tmp_path / "a folder" / "kept.npz"
    statistics.save(path)
    back = IlluminationStatistics.load(path)
    assert back.fields == 9
    assert (back.reduced().values == statistics.reduced().values).all()
    assert bytes_of(back, tmp_path) == path.read_bytes()
    empty = IlluminationStatistics()
    empty.save(path)
    assert IlluminationStatistics.load(path).fields == 0


def test_empty_statistics_change_nothing(tmp_path: Path) -> None:
    one = gathered({"a": images(1)[0]})
    before = bytes_of(one, tmp_path)
    one.merge(IlluminationStatistics(6, 16))
    assert bytes_of(one, tmp_path) == before
    with pytest.raises(InputError, match="no field"):
        IlluminationStatistics().reduced()


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((4, 5), np.float32), "8 or 16 bits"),
        (np.zeros((4, 5, 3), np.uint8), "8 or 16 bits"),
        (np.zeros((0, 5), np.uint8), "8 or 16 bits"),
        (np.zeros((4, 5), np.uint16), "among fields of"),
        (np.zeros((24, 32), np.uint8), "among fields of"),
    ],
)
def test_an_image_of_another_kind_is_refused_by_its_name(image: Pixels, words: str) -> None:
    statistics = gathered({"a": images(1)[0]})
    with pytest.raises(InputError, match=words) as caught:
        statistics.add(image, "B05 s3")
    assert caught.value.where == "B05 s3"
    assert statistics.fields == 1


def test_a_field_cannot_come_twice() -> None:
    field = images(1)[0]
    with pytest.raises(InputError, match="same name"):
        gathered({"a": field}).add(field, "a")
    with pytest.raises(InputError, match="same name"):
        gathered({"a": field}).merge(gathered({"a": field}))


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="unlike settings"):
        gathered({}).merge(IlluminationStatistics(7, 16))
    with pytest.raises(InputError, match="among fields of"):
        gathered({"a": images(1)[0]}).merge(gathered({"b": images(1, shape=(8, 8))[0]}))


@pytest.mark.parametrize("broken", [b"", b"PK\x03\x04 cut off", b"no archive", None])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, broken: bytes | None) -> None:
    path = tmp_path / "kept.npz"
    if broken is not None:
        path.write_bytes(broken)
    with pytest.raises(InputError) as caught:
        IlluminationStatistics.load(path)
    assert caught.value.where == path


def test_a_truncated_file_is_an_error(tmp_path: Path) -> None:
    whole = bytes_of(gathered({"a": images(1)[0]}), tmp_path)
    for length in range(0, len(whole), 97):
        (tmp_path / "cut.npz").write_bytes(whole[:length])
        with pytest.raises(InputError):
            IlluminationStatistics.load(tmp_path / "cut.npz")


def test_a_file_without_its_parts_or_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kept.npz"
    np.savez(path, format=np.int64(1))
    with pytest.raises(InputError, match="lacks sample"):
        IlluminationStatistics.load(path)
    gathered({}).save(path)
    with np.load(path) as archive:
        parts = dict(archive)
    parts["format"] = np.int64(2)
    np.savez(path, **parts)
    with pytest.raises(InputError, match="format 2"):
        IlluminationStatistics.load(path)


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 6), st.integers(0, 99))
def test_block_sums_add_up_squares(height: int, width: int, side: int, seed: int) -> None:
    image = images(1, seed, (height, width))[0]
    sums = block_sums(image, side)
    assert sums.shape == (height // side, width // side)
    for row, column in ((0, 0), (sums.shape[0] - 1, sums.shape[1] - 1)):
        if min(sums.shape) == 0:
            continue
        square = image[row * side : (row + 1) * side, column * side : (column + 1) * side]
        assert sums[row, column] == square.sum(dtype=np.int64)


@pytest.mark.parametrize(("shape", "side"), [((1024, 1280), 16), ((480, 576), 8), ((3, 900), 3)])
def test_blocks_fill_the_longer_side_about_as_often_as_wanted(
    shape: tuple[int, int], side: int
) -> None:
    assert block_side(shape, 80) == side


def test_surfaces_are_orthonormal_and_the_first_is_one() -> None:
    terms = surfaces((9, 12), 3)
    assert terms.shape == (108, 10)
    assert terms[:, 0] == pytest.approx(np.ones(108))
    assert terms.T @ terms / 108 == pytest.approx(np.eye(10), abs=1e-9)
    assert surfaces((1, 5), 2).shape == (5, 3)


def test_a_tilted_plane_is_expanded_without_a_step() -> None:
    plane = np.add.outer(np.arange(6.0), 2 * np.arange(7.0)).astype(np.float32)
    full = expand(plane, 4, (26, 29))
    assert full.shape == (26, 29)
    assert np.diff(full, axis=0) == pytest.approx(0.25, abs=1e-4)
    assert np.diff(full, axis=1) == pytest.approx(0.5, abs=1e-4)
    assert full[1:3, 1:3].mean() == pytest.approx(plane[0, 0], abs=1e-4)
