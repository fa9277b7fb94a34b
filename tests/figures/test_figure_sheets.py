from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import PIL.GifImagePlugin
import PIL.Image
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from phenovae.base.errors import PhenovaeError
from phenovae.figures.animations import beside, there_and_back, to_gif
from phenovae.figures.drawing import to_bytes
from phenovae.figures.neighbour_sheets import neighbours
from phenovae.figures.sheets import Row, sheet, shrunk
from phenovae.figures.trajectories import Way, ways
from phenovae.figures.walks import interpolations, traversals

Pixels = npt.NDArray[np.float64]
CHANNELS = ("DAPI", "Tubulin", "Actin")


def cells(*shape: int) -> Pixels:
    return np.random.default_rng(4).random((*shape, 3, 16, 16))


def pixels_of(figure: Figure) -> Pixels:
    with PIL.Image.open(io.BytesIO(to_bytes(figure, "png"))) as image:
        return np.asarray(image.convert("RGB")).astype(float) / 255


def words(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_text()]


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of words of a figure that lie on each other."""
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    figure.canvas.draw()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in words(figure)]
    return [
        (one, other)
        for number, (one, box) in enumerate(boxes)
        for other, another in boxes[number + 1 :]
        if box.x0 < another.x1 - 1
        and another.x0 < box.x1 - 1
        and box.y0 < another.y1 - 1
        and another.y0 < box.y1 - 1
    ]


def test_pictures_stand_pixel_by_pixel_where_they_should_and_nan_is_blank() -> None:
    red, blank = np.zeros((1, 8, 8, 3)), np.full((1, 8, 8, 3), np.nan)
    red[..., 0] = 1.0
    drawn = pixels_of(sheet([Row(np.concatenate([red, blank, red]))]))
    middle = drawn[drawn.shape[0] // 2]
    is_red = (middle == [1, 0, 0]).all(axis=1)
    edges = np.flatnonzero(np.diff(is_red.astype(int)))
    assert len(edges) == 4
    assert edges[1] - edges[0] == edges[3] - edges[2]
    assert (edges[1] - edges[0]) % 8 == 0
    assert (middle[edges[1] + 2 : edges[2]] == 1).all()


def test_long_words_above_and_below_pictures_never_overlap() -> None:
    long = "4-(4-amidinophenoxy)butanamidine of an odd name"
    figure = neighbours(
        cells(2),
        [long, "taxol 0.3 µM"],
        [cells(8), cells(8)],
        [[(f"{long} {n}", "other compound", 1.23456) for n in range(8)]] * 2,
        CHANNELS,
        np.ones(3),
    )
    assert overlapping(figure) == []
    figure = interpolations(
        [("linear", cells(11)), ("spherical", cells(11))], cells(2), (long, f"{long}\n3 µM"),
        CHANNELS, np.ones(3),
    )  # fmt: skip
    assert overlapping(figure) == []


def test_a_traversal_has_a_row_a_dimension_and_the_offsets_above() -> None:
    figure = traversals(
        cells(2, 3), ["latent 7\n1 nats", "latent 0\n0.5 nats"], np.array([-2.5, 0, 2.5]),
        CHANNELS, np.ones(3),
    )  # fmt: skip
    told = [text.get_text() for text in words(figure)]
    for expected in ("−2.5", "0", "+2.5", "latent 7\n1 nats"):
        assert expected in told
    assert any("standard deviations" in text for text in told)


def test_one_channel_of_a_traversal_has_its_own_colour_alone() -> None:
    figure = traversals(
        cells(1, 3), ["latent 0"], np.array([-1.0, 0, 1]), CHANNELS, np.ones(3), selected=[1]
    )
    drawn = pixels_of(figure)
    dark = drawn[(drawn.max(axis=2) - drawn.min(axis=2)) > 0.3]
    assert len(dark)
    assert (dark.argmax(axis=1) == 1).all()


def test_large_images_are_made_smaller_by_means_of_blocks() -> None:
    images = np.arange(4 * 512 * 512, dtype=float).reshape(1, 4, 512, 512)
    small = shrunk(images)
    assert small.shape == (1, 4, 256, 256)
    assert small[0, 0, 0, 0] == images[0, 0, :2, :2].mean()


@pytest.mark.parametrize("doses", [[0.1, 1.0, 10.0], [0.3], [0.0, 1.0], [1.0, 1.1, 1.2, 50.0]])
def test_axes_of_doses_are_written_as_numbers_and_do_not_overlap(doses: list[float]) -> None:
    count = len(doses)
    way = Way(
        "taxol", np.array(doses), np.random.default_rng(0).normal(size=(count, 2)),
        np.arange(1, count + 1, dtype=np.float64), [5] * count, np.ones(count),
    )  # fmt: skip
    figure = ways([way], np.random.default_rng(1).normal(size=(30, 2)), (0.5, 0.25))
    assert overlapping(figure) == []
    told = [text.get_text() for text in words(figure)]
    assert not any("$" in text for text in told)
    assert f"{doses[-1]:g} µM" in told


def frames(count: int) -> list[Pixels]:
    found = []
    for number in range(count):
        frame = np.zeros((20, 30, 3))
        frame[:, : 3 * (number + 1), number % 3] = 1.0
        found.append(frame)
    return found


def test_a_gif_loops_for_ever_shows_every_frame_and_holds_its_ends() -> None:
    shown = there_and_back(frames(4))
    data = to_gif(shown, milliseconds=80)
    assert data == to_gif(shown, milliseconds=80)
    with PIL.Image.open(io.BytesIO(data)) as image:
        assert isinstance(image, PIL.GifImagePlugin.GifImageFile)
        assert image.info["loop"] == 0
        assert image.n_frames == 7
        times = []
        for number in range(image.n_frames):
            image.seek(number)
            times.append(image.info["duration"])
            if number < 4:
                found = np.asarray(image.convert("RGB")) / 255
                assert found == pytest.approx(frames(4)[number], abs=0.02)
    assert min(times) == 80
    assert max(times) <= 1000
    assert times[3] > times[1]


def test_a_single_frame_stays_and_none_is_told() -> None:
    assert len(there_and_back(frames(1))) == 1
    with pytest.raises(PhenovaeError, match="needs a frame"):
        to_gif([])


def test_pictures_stand_beside_each_other_in_rows() -> None:
    pictures = np.zeros((5, 8, 8, 3))
    frame = beside(pictures, columns=3)
    black = (frame == 0).all(axis=2)
    assert np.count_nonzero(np.diff(black[5].astype(int))) == 4
    assert np.count_nonzero(np.diff(black[-5].astype(int))) == 3
