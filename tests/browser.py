"""A real headless Chromium for tests, and axe-core in it; tests are skipped where there is none.

`PHENOVAE_CHROMIUM` names the browser, else the PATH has one. `PHENOVAE_AXE` names `axe.min.js` of
axe-core (MPL-2.0), which checks pages for accessibility: it is used in tests alone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
_AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"

Scheme = Literal["light", "dark"]


def chromium_path() -> str:
    """The browser's program; skips the test where there is none."""
    named = os.environ.get("PHENOVAE_CHROMIUM")
    found = named or next((path for name in _NAMES if (path := shutil.which(name))), None)
    if not found:
        pytest.skip("no Chromium: PHENOVAE_CHROMIUM names none, and there is none on the PATH")
    return found


def axe_path() -> Path:
    """The script of axe-core; skips the test where there is none."""
    path = Path(os.environ.get("PHENOVAE_AXE") or _AXE)
    if not path.is_file():
        pytest.skip("no axe-core: PHENOVAE_AXE names no axe.min.js (npm pack axe-core)")
    return path


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium, closed at the end."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = chromium_path()
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser,
    address: str,
    *,
    width: int = 1400,
    height: int = 900,
    scheme: Scheme = "light",
    script: bool = True,
) -> Iterator[Page]:
    """A page in a window of that size [CSS px]. An error or a dialog of it fails the test."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        java_script_enabled=script,
        bypass_csp=False,
    )
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
    page.on("dialog", lambda dialog: faults.append(f"the page asks: {dialog.message}"))
    page.goto(address)
    try:
        yield page
    finally:
        context.close()
    assert faults == []


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with a page: rule, and where, of every finding."""
    told = page.evaluate(
        """async source => {
          (0, eval)(source);
          const found = await axe.run(document, {resultTypes: ["violations"]});
          return found.violations.flatMap(each => each.nodes.map(
            node => `${each.id}: ${node.target.join(" ")} | ${node.failureSummary}`));
        }""",
        axe_path().read_text(encoding="utf-8"),
    )
    return [str(each) for each in told]
