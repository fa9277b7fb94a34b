"""Figures as SVG addresses that follow the page: light on a light page and on paper, else dark."""

from __future__ import annotations

import base64
import io
import re
from urllib.parse import quote

import PIL.Image

from phenovae.figures.drawing import FAINT, INK, LINE, SOFT

_QUALITY = 80
_SAFE = " /:;=,@+$?!*()[]{}|^-_.~"
_EMBEDDED = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
_OPENS = re.compile(r"<svg\b[^>]*>")

# A chart is turned as a whole: light becomes dark, and hues stay.
_TURNED = "@media (prefers-color-scheme:dark){svg{filter:invert(.92) hue-rotate(180deg)}}"
# Around pixels nothing but the words and lines may change.
_INKS = {INK: ("ink", "#e4e7eb"), SOFT: ("soft", "#a9b2be"), FAINT: ("faint", "#8d97a5"),
         LINE: ("line", "#3a414b")}  # fmt: skip
_WORDS = (
    ":root{"
    + "".join(f"--{name}:{light};" for light, (name, _) in _INKS.items())
    + "}@media (prefers-color-scheme:dark){:root{"
    + "".join(f"--{name}:{dark};" for name, dark in _INKS.values())
    + "}}"
)


def svg_address(drawn: bytes, *, pixels: bool, photograph: bool = False) -> str:
    """A figure, as SVG, as an address that an image element takes.

    Where it holds `pixels` these keep their colours on a dark page; a `photograph`'s pixels become
    JPEG, of which noise needs a fifth of what PNG needs for it.
    """
    text = " ".join(drawn.decode("utf-8").split("\n"))
    text = text[text.index("<svg") :]
    if pixels:
        for light, (name, _) in _INKS.items():
            text = text.replace(light, f"var(--{name})")
        text = text.replace("fill: #ffffff", "fill: none")
    if photograph:
        text = _EMBEDDED.sub(lambda found: _as_jpeg(found[1]), text)
    style = f"<style>{_WORDS if pixels else _TURNED}</style>"
    text = _OPENS.sub(lambda found: found[0] + style, text, count=1)
    return f"data:image/svg+xml,{quote(text, safe=_SAFE)}"


def _as_jpeg(png: str) -> str:
    data = base64.b64decode("".join(png.split()))
    with PIL.Image.open(io.BytesIO(data)) as image, io.BytesIO() as buffer:
        # colours are kept at full resolution, or thin coloured lines would run
        image.convert("RGB").save(buffer, "JPEG", quality=_QUALITY, subsampling=0, optimize=True)
        data = buffer.getvalue()
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"
