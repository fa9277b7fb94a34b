"""Figures that follow the page into the dark."""

from __future__ import annotations

import base64
import io
from urllib.parse import unquote

import numpy as np
import PIL.Image

from phenovae.figures.drawing import new_figure, to_bytes
from phenovae.report.adaptive_svg import svg_address


def drawn(text: str = "name") -> bytes:
    figure = new_figure(2, 1)
    axes = figure.subplots()
    axes.imshow(np.arange(12.0).reshape(3, 4))
    axes.set_title(text, color="#222222")
    return to_bytes(figure, "svg")


def test_a_chart_is_turned_as_a_whole_and_pixels_are_not() -> None:
    chart = unquote(svg_address(drawn(), pixels=False))
    assert chart.startswith("data:image/svg+xml,<svg")
    assert "svg{filter:invert" in chart
    sheet = unquote(svg_address(drawn(), pixels=True))
    assert "invert" not in sheet
    assert "var(--ink)" in sheet
    assert "prefers-color-scheme:dark" in sheet
    assert "fill: #ffffff" not in sheet


def test_a_photograph_is_jpeg_inside() -> None:
    text = unquote(svg_address(drawn(), pixels=True, photograph=True))
    assert "image/png" not in text
    data = text.partition("data:image/jpeg;base64,")[2].partition('"')[0]
    with PIL.Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.format == "JPEG"
        assert image.size[0] > image.size[1] > 0


def test_nothing_of_a_name_gets_out_of_the_address() -> None:
    address = svg_address(drawn("\"><script>alert(1)</script>'"), pixels=False)
    assert not set("<>\"'&#") & set(address)
