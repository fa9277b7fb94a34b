"""The page itself and the files it loads: our own, and BokehJS from the installed package."""

from __future__ import annotations

import html
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from phenovae.base.errors import MissingExtraError

SCRIPTS = (
    "namespace.js", "unpacking.js", "state.js", "live.js", "frozen.js", "painter.js", "points.js",
    "raster.js", "colouring.js", "scatter.js", "legend.js", "cards.js", "panel.js", "sliders.js",
    "selection.js", "main.js",
)  # fmt: skip
STYLES = ("page.css",)
BOKEH = ("bokeh.min.js", "bokeh-api.min.js")

KINDS = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}


def own_asset(name: str) -> bytes:
    """One of the page's own files. Raises KeyError for any name that is none of them."""
    if name not in (*SCRIPTS, *STYLES):
        raise KeyError(name)
    return files("phenovae.explore").joinpath("assets").joinpath(name).read_bytes()


def bokeh_asset(name: str) -> Path:
    """One file of BokehJS. Raises KeyError for any other name, MissingExtraError without bokeh."""
    if name not in BOKEH:
        raise KeyError(name)
    return _bokeh_folder() / name


def check_bokeh() -> None:
    """Raise MissingExtraError where bokeh, or a file of it that the page needs, is not there."""
    for name in BOKEH:
        if not bokeh_asset(name).is_file():
            raise MissingExtraError("bokeh", "explore", "the explorer")


def page(title: str, data: Sequence[str] = ()) -> str:
    """The page as HTML; `data` are scripts that bring a run's data along, for a page of files."""
    template = files("phenovae.explore").joinpath("assets").joinpath("page.html")
    text = template.read_text(encoding="utf-8")
    styles = [f'<link rel="stylesheet" href="assets/{name}">' for name in STYLES]
    scripts = [
        *(f"bokeh/{name}" for name in BOKEH),
        *data,
        *(f"assets/{name}" for name in SCRIPTS),
    ]
    tags = [f'<script src="{name}" defer></script>' for name in scripts]
    return (
        text.replace("<!-- title -->", html.escape(title))
        .replace("<!-- styles -->", "\n".join(styles))
        .replace("<!-- scripts -->", "\n".join(tags))
    )


def _bokeh_folder() -> Path:
    try:
        from bokeh.util.paths import bokehjs_path
    except ImportError as error:
        raise MissingExtraError("bokeh", "explore", "the explorer") from error
    return Path(bokehjs_path()) / "js"
