from __future__ import annotations

import io

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pytest

from phenovae.figures.drawing import to_bytes
from phenovae.figures.fields import MOST, FieldPicture, field_picture, field_sheet

CHANNELS = ("DAPI", "Tubulin", "Actin")


def bars(height: int = 60, width: int = 80) -> npt.NDArray[np.uint16]:
    """Dark on the left, bright on the right."""
    return np.tile(np.arange(width, dtype=np.uint16) * 100, (height, 1))


def picture(title: str = "P B02 s1", reason: str = "") -> FieldPicture:
    return field_picture(title, reason, {"DAPI": bars()}, CHANNELS)


def test_a_picture_is_reduced_and_a_missing_channel_is_black() -> None:
    image = field_picture("a", "b", {"DAPI": bars(600, 800)}, CHANNELS, side=100).image
    assert image.shape == (3, 75, 100)
    assert image[0].min() == 0
    assert image[0].max() == 1
    assert (image[1:] == 0).all()


def test_limits_show_a_dim_field_as_dim() -> None:
    image = field_picture("a", "b", {"DAPI": bars()}, CHANNELS, {"DAPI": (0.0, 79_000.0)}).image
    assert image[0].max() == pytest.approx(0.1, abs=0.01)


def test_a_constant_field_and_one_of_a_single_pixel_are_borne() -> None:
    for shape in ((40, 40), (1, 1)):
        image = field_picture("a", "b", {"Actin": np.full(shape, 9, np.uint8)}, CHANNELS).image
        assert np.isfinite(image).all()
        assert to_bytes(field_sheet([FieldPicture("a", "b", image)], CHANNELS), "png")


def test_nothing_to_show_is_an_error() -> None:
    with pytest.raises(ValueError, match="no picture"):
        field_picture("a", "b", {}, CHANNELS)
    with pytest.raises(ValueError, match="no field"):
        field_sheet([], CHANNELS)


def test_every_field_has_its_title_and_its_reason() -> None:
    figure = field_sheet([picture("P B02 s1", "too dim"), picture("P $C$ s2", "noise")], CHANNELS)
    assert [text.get_text() for text in figure.texts] == [
        "P B02 s1", "too dim", "P $C$ s2", "noise",
    ]  # fmt: skip
    drawn = mpl.image.imread(io.BytesIO(to_bytes(figure, "png")))[..., :3]
    blue = (drawn[..., 2] > 0.9) & (drawn[..., 0] < 0.4)
    assert blue.mean() > 0.02


def test_long_reasons_are_wrapped_and_cut() -> None:
    figure = field_sheet([picture(reason="so many words " * 60)], CHANNELS)
    lines = figure.texts[1].get_text().split("\n")
    assert len(lines) == 4
    assert lines[-1].endswith("…")


def test_fields_of_unlike_shapes_stand_on_one_sheet() -> None:
    tall = field_picture("t", "tall", {"DAPI": bars(90, 30)}, CHANNELS)
    assert to_bytes(field_sheet([picture(), tall], CHANNELS), "png")


def test_a_sheet_ends_somewhere_and_says_how_many_more_there_are() -> None:
    figure = field_sheet([picture()] * (MOST + 7), CHANNELS)
    assert len(figure.axes) == MOST
    assert figure.texts[-1].get_text() == "and 7 more"
