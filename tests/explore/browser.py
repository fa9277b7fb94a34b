"""A real Chromium without a window, for tests that load, hover, click, slide and draw a lasso."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

VARIABLE = "PHENOVAE_CHROMIUM"
SHOTS = "PHENOVAE_SCREENSHOTS"
"""Names a folder that gets a picture of every page that is tested."""

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)  # fmt: skip
_DRIVER_SAYS = ("GL Driver Message", "willReadFrequently")
_PATIENCE = 120_000


def executable() -> str | None:
    """The browser that is named, or found."""
    named = os.environ.get(VARIABLE)
    return named or next((found for name in _NAMES if (found := shutil.which(name))), None)


@contextlib.contextmanager
def launched() -> Iterator[Browser]:
    """A browser; the test is skipped with a word where there is none."""
    path = executable()
    if path is None:
        pytest.skip(f"no browser: {VARIABLE} names none and {', '.join(_NAMES)} are not there")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def opened(
    browser: Browser,
    address: str,
    *,
    width: int = 1400,
    scheme: Literal["light", "dark"] = "light",
) -> Iterator[Page]:
    """A page that is ready; at the end it must have made no error and no request elsewhere."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
    )
    context.set_default_timeout(_PATIENCE)
    page = context.new_page()
    faults: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda said: (
            faults.append(said.text)
            if said.type in ("error", "warning")
            and not any(each in said.text for each in _DRIVER_SAYS)
            else None
        ),
    )
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    try:
        yield page
    finally:
        context.close()
    assert faults == []
    own = "file://" if address.startswith("file:") else address.partition("?")[0]
    allowed = ("data:", "blob:", own)
    assert [url for url in asked if not url.startswith(allowed)] == []


def shot(page: Page, name: str) -> None:
    """A picture of the page, where somebody wants to look at it."""
    folder = os.environ.get(SHOTS)
    if folder:
        page.wait_for_timeout(300)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


PLACE = """at => {
  const { figure } = Phenovae.page.scatter;
  const { x, y } = figure.renderers[0].data_source.data;
  const { frame } = Bokeh.index.find_one(figure);
  const box = document.querySelector('#plot').getBoundingClientRect();
  return [box.left + 1 + frame.x_scale.compute(x[at]), box.top + 1 + frame.y_scale.compute(y[at])];
}"""
"""Where a point is on the screen, by its number."""


def place_of(page: Page, at: int) -> tuple[float, float]:
    """Where a point is on the screen [px], by its number."""
    x, y = page.evaluate(PLACE, at)
    return float(x), float(y)
